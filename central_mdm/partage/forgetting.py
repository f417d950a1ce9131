"""Collected work goes with time, and with it each chunk that no other document is made of."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.partage.model import chunks, documents, files
from central_mdm.partage.rules import HASHES_A_STATEMENT, read_manifest
from central_mdm.platform.objects import Objects


async def forget_files(
    connection: AsyncConnection, objects: Objects, school: str, before: int
) -> int:
    """Remove what was kept before `before`, UTC seconds of our clock; return how many files.

    Bytes go within the transaction, last: where its end fails, the next turn does all of it again.
    """
    old = delete(files).where(files.c.school == school, files.c.kept_at < before)
    gone = (await connection.execute(old)).rowcount
    used = select(files.c.document).where(files.c.school == school)
    mine = documents.c.school == school
    unused = mine, documents.c.id.not_in(used)
    rows = await connection.execute(select(documents.c.manifest).where(*unused))
    names = set[str]().union(*(_names(raw) for raw in rows.scalars()))
    await connection.execute(delete(documents).where(*unused))
    left = await connection.stream_scalars(select(documents.c.manifest).where(mine))
    async for raw in left:
        names -= _names(raw)
    some = sorted(names)
    for start in range(0, len(some), HASHES_A_STATEMENT):
        these = chunks.c.hash.in_(some[start : start + HASHES_A_STATEMENT])
        await connection.execute(delete(chunks).where(chunks.c.school == school, these))
    for name in some:
        await objects.remove(school, name)
    return gone


def _names(manifest: bytes) -> set[str]:
    read = read_manifest(manifest)
    return {chunk.hash.hex() for chunk in read.chunks} if read else set()
