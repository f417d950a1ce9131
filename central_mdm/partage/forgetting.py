"""Collected work goes with time, and with it each chunk that no other document is made of.

A chunk goes in two steps, each a transaction: it is first marked as leaving, and from then on is
as one that is not here; then its bytes go, and its row last. So no row promises bytes that went,
wherever a step ends, and who sends it again meanwhile waits for the row and has it kept anew.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.partage.model import chunks, documents, files
from central_mdm.partage.rules import HASHES_A_STATEMENT, read_manifest
from central_mdm.platform.ground import Ground

GRACE_SECONDS: Final = 7 * 24 * 3600
"""How long chunks stay of which nothing is made: an upload may be cut off for a weekend."""
PART_SECONDS: Final = 24 * 3600
"""How long a part of a chunk stays that is being written: it takes a moment, or was killed."""
_AT_ONCE: Final = 100
NAMES_A_PART: Final = 500
MANIFESTS_A_PART: Final = 25
"""Of up to half a megabyte each, as an offer is, in a nightly job that has half a gigabyte."""
CANDIDATES: Final = 50_000
"""So many chunks are held against all manifests at once: some 8 MB."""


async def forget_files(ground: Ground, school: str, before: int) -> int:
    """Remove what was kept before `before`, UTC seconds of our clock; return how many files."""
    async with ground.database.writing(school) as connection:
        old = delete(files).where(files.c.school == school, files.c.kept_at < before)
        gone = (await connection.execute(old)).rowcount
    # What a kill leaves here is found again by the next tidying: nothing names it.
    await _drop_unnamed(ground, school)
    await _mark(ground, school, ground.clock() - GRACE_SECONDS)
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


async def drop_documents(connection: AsyncConnection, school: str, some: Iterable[str]) -> None:
    """Remove those of `some` documents that no file names; their chunks go with a tidying."""
    wanted = sorted(set(some))
    for start in range(0, len(wanted), HASHES_A_STATEMENT):
        these = documents.c.id.in_(wanted[start : start + HASHES_A_STATEMENT])
        unused = select(documents.c.id).where(*_unnamed(school), these).order_by(documents.c.id)
        held = (await connection.execute(unused.with_for_update())).scalars().all()
        # Asked again, now that they are held: an offer that came meanwhile names its own. No
        # other: of what is named no more since, an offer may be under way that is not seen yet.
        those = delete(documents).where(*_unnamed(school), documents.c.id.in_(held))
        await connection.execute(those)


def _unnamed(school: str) -> tuple[ColumnElement[bool], ...]:
    # Each by the index of files: a list of all that are named is gone through for each of them,
    # where it is too large for PostgreSQL to hash.
    names = files.c.school == documents.c.school, files.c.document == documents.c.id
    return documents.c.school == school, ~exists().where(*names)


async def _drop_unnamed(ground: Ground, school: str) -> None:
    wanted = select(documents.c.id).where(*_unnamed(school))
    async with ground.database.reading(school) as connection:
        some = (await connection.execute(wanted.order_by(documents.c.id))).scalars().all()
    for start in range(0, len(some), HASHES_A_STATEMENT):
        async with ground.database.writing(school) as connection:
            await drop_documents(connection, school, some[start : start + HASHES_A_STATEMENT])


async def _mark(ground: Ground, school: str, before: int) -> None:
    """Mark what was last counted on before `before`, and of which no document is made.

    It is looked for beside whoever writes, `CANDIDATES` at a time: of a million that is 20 looks
    at all manifests, and no more than those in memory.
    """
    old = chunks.c.school == school, chunks.c.kept_at < before, chunks.c.leaving.is_(False)
    after = ""
    while True:
        async with ground.database.reading(school) as connection:
            wanted = select(chunks.c.hash).where(*old, chunks.c.hash > after)
            page = wanted.order_by(chunks.c.hash).limit(CANDIDATES)
            found = [
                name async for part in _in_parts(connection, page, NAMES_A_PART) for name in part
            ]
            some = await _unused(connection, school, found)
        for start in range(0, len(some), HASHES_A_STATEMENT):
            these = chunks.c.hash.in_(some[start : start + HASHES_A_STATEMENT])
            async with ground.database.writing(school) as connection:
                # Asked again, here: an offer that came meanwhile has touched what it is made of.
                await connection.execute(update(chunks).where(*old, these).values(leaving=True))
        if len(found) < CANDIDATES:
            return
        after = found[-1]


async def _unused(connection: AsyncConnection, school: str, found: Sequence[str]) -> list[str]:
    """Return those chunks of which no document is made, in order."""
    unused = {bytes.fromhex(name) for name in found}
    manifests = select(documents.c.manifest).where(documents.c.school == school)
    if unused:
        async for part in _in_parts(connection, manifests, MANIFESTS_A_PART):
            for read in filter(None, map(read_manifest, part)):
                unused.difference_update(chunk.hash for chunk in read.chunks)
    return sorted(name.hex() for name in unused)


async def _in_parts(
    connection: AsyncConnection, wanted: Select[tuple[Any]], at_once: int
) -> AsyncGenerator[Sequence[Any]]:
    """Read one column so many at a time: neither loop nor memory is anybody's for long."""
    async with connection.stream(wanted, execution_options={"yield_per": at_once}) as rows:
        async for part in rows.scalars().partitions():
            yield part


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
