"""What lies under a chunk's name: held to its hash, and asked for again where it is not so."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Literal

import blake3
from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.partage.model import chunks
from central_mdm.platform.errors import Missing
from central_mdm.platform.ground import Ground

log = logging.getLogger(__name__)


class Found(Struct, frozen=True):
    """A chunk's bytes; `fault`: there are none, or they are not what their name says."""

    content: bytes
    fault: Literal["", "lost", "rotten"] = ""


async def registered(connection: AsyncConnection, school: str) -> Sequence[Any]:
    """Return `hash`, `size` and `lost` of each chunk that is to be here.

    Not of one that leaves: where that was cut off its bytes may be gone, and are missed by nobody.
    """
    wanted = select(chunks.c.hash, chunks.c.size, chunks.c.lost)
    mine = chunks.c.school == school, chunks.c.leaving.is_(False)
    return (await connection.execute(wanted.where(*mine).order_by(chunks.c.hash))).all()


async def look_at(ground: Ground, school: str, name: str) -> Found:
    """Read a chunk and hold it to its name; nothing is written down of it."""
    content = await ground.objects.read(school, name)
    if content is None:
        return Found(b"", "lost")
    digest = await asyncio.to_thread(lambda: blake3.blake3(content).hexdigest())
    return Found(content, "" if digest == name else "rotten")


async def read_chunk(ground: Ground, school: str, name: str) -> bytes:
    """Read a chunk. Raises Missing for one that is lost or rotten: it is asked for from then on."""
    found = await look_at(ground, school, name)
    if found.fault:
        await mark(ground, school, [name], lost=True)
        raise Missing("lost-chunk")
    return found.content


async def mark(ground: Ground, school: str, names: Sequence[str], *, lost: bool) -> None:
    """Write down which chunks were looked for in vain, or were found again."""
    if not names:
        return
    async with ground.database.writing(school) as connection:
        noted = 0
        for name in names:
            mine = (chunks.c.school == school, chunks.c.hash == name, chunks.c.lost.is_(not lost))
            marked = await connection.execute(update(chunks).where(*mine).values(lost=lost))
            noted += marked.rowcount
    if lost and noted:
        log.warning("collected work is lost", extra={"school": school, "chunks": noted})


async def any_kept(ground: Ground, school: str) -> bool:
    """Return whether the register has anything of a school's work."""
    wanted = select(chunks.c.hash).where(chunks.c.school == school, chunks.c.leaving.is_(False))
    async with ground.database.reading(school) as connection:
        return (await connection.execute(wanted.limit(1))).first() is not None


async def mark_absent(ground: Ground, school: str) -> int:
    """Mark what the register has and the store has not; return how many chunks that is.

    For a database that was set back: what has gone since is in its register again.
    """
    async with ground.database.reading(school) as connection:
        names = [row.hash for row in await registered(connection, school)]
    absent = await ground.objects.absent(school, names)
    await mark(ground, school, sorted(absent), lost=True)
    return len(absent)
