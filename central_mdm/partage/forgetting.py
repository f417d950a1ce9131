"""Collected work goes with time, and with it each chunk that no other document is made of.

A chunk goes in two steps, each a transaction: it is first marked as leaving, and from then on is
as one that is not here; then its bytes go, and its row last. So no row promises bytes that went,
wherever a step ends, and who sends it again meanwhile waits for the row and has it kept anew.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.partage.model import chunks, documents, files
from central_mdm.partage.rules import HASHES_A_STATEMENT, read_manifest
from central_mdm.platform.ground import Ground

GRACE_SECONDS: Final = 7 * 24 * 3600
"""How long chunks stay of which nothing is made: an upload may be cut off for a weekend."""
PART_SECONDS: Final = 24 * 3600
"""How long a part of a chunk stays that is being written: it takes a moment, or was killed."""
_AT_ONCE: Final = 100


async def forget_files(ground: Ground, school: str, before: int) -> int:
    """Remove what was kept before `before`, UTC seconds of our clock; return how many files."""
    async with ground.database.writing(school) as connection:
        old = delete(files).where(files.c.school == school, files.c.kept_at < before)
        gone = (await connection.execute(old)).rowcount
        await drop_documents(connection, school)
    async with ground.database.writing(school) as connection:
        await _mark(connection, school, ground.clock() - GRACE_SECONDS)
    while await _sweep(ground, school):
        pass
    return gone


async def forget_strays(ground: Ground, school: str, before: int) -> int:
    """Remove bytes kept before `before` of which no row tells; return how many.

    A kill between bytes and row has left them, or a database that was set back: whose newer one may
    be found yet, so they have the time of what is in the register.
    """

    async def named(names: Sequence[str]) -> set[str]:
        async with ground.database.reading(school) as connection:
            known = chunks.c.school == school, chunks.c.hash.in_(names)
            return set((await connection.execute(select(chunks.c.hash).where(*known))).scalars())

    now = ground.clock()
    before = min(before, now - GRACE_SECONDS)
    return await ground.objects.forget(school, before, now - PART_SECONDS, named)


async def drop_documents(connection: AsyncConnection, school: str) -> None:
    """Remove the documents that no file names any more; their chunks go with the next tidying."""
    used = select(files.c.document).where(files.c.school == school)
    unused = documents.c.school == school, documents.c.id.not_in(used)
    wanted = select(documents.c.id).where(*unused).order_by(documents.c.id)
    some = (await connection.execute(wanted.with_for_update())).scalars().all()
    for start in range(0, len(some), HASHES_A_STATEMENT):
        these = documents.c.id.in_(some[start : start + HASHES_A_STATEMENT])
        # Asked again, now that they are held: an offer that came meanwhile names its own.
        await connection.execute(delete(documents).where(*unused, these))


async def _mark(connection: AsyncConnection, school: str, before: int) -> None:
    """Mark what was last counted on before `before`, and of which no document is made."""
    mine = chunks.c.school == school
    old = mine, chunks.c.kept_at < before, chunks.c.leaving.is_(False)
    unused = set((await connection.execute(select(chunks.c.hash).where(*old))).scalars())
    manifests = select(documents.c.manifest).where(documents.c.school == school)
    async for raw in await connection.stream_scalars(manifests):
        unused -= _names(raw)
    some = sorted(unused)
    for start in range(0, len(some), HASHES_A_STATEMENT):
        these = chunks.c.hash.in_(some[start : start + HASHES_A_STATEMENT])
        # Asked again, here: an offer that came meanwhile has touched what it is made of.
        await connection.execute(update(chunks).where(*old, these).values(leaving=True))


async def _sweep(ground: Ground, school: str) -> bool:
    """Remove some of what leaves; return whether there was any."""
    async with ground.database.writing(school) as connection:
        mine = chunks.c.school == school, chunks.c.leaving.is_(True)
        wanted = select(chunks.c.hash).where(*mine).order_by(chunks.c.hash).limit(_AT_ONCE)
        some = (await connection.execute(wanted.with_for_update())).scalars().all()
        for name in some:
            await ground.objects.remove(school, name)
        await connection.execute(delete(chunks).where(*mine, chunks.c.hash.in_(some)))
    return bool(some)


def _names(manifest: bytes) -> set[str]:
    read = read_manifest(manifest)
    return {chunk.hash.hex() for chunk in read.chunks} if read else set()
