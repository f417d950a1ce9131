"""How much a school may keep: what is held once counts once, however many files are made of it."""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.partage.model import chunks, quotas
from central_mdm.platform.database import upsert

DEFAULT_BYTES: Final = 100 * 1024**3


async def left(connection: AsyncConnection, school: str) -> int:
    """Return how many bytes the school may still add; negative where its quota was lowered."""
    told = select(quotas.c.bytes).where(quotas.c.school == school).scalar_subquery()
    held = select(func.sum(chunks.c.size)).where(chunks.c.school == school).scalar_subquery()
    allowed, used = (await connection.execute(select(told, held))).one()
    return (DEFAULT_BYTES if allowed is None else int(allowed)) - int(used or 0)


async def keep_quota(connection: AsyncConnection, school: str, allowed: int) -> None:
    """Let the school keep `allowed` bytes; what it has already stays, whatever the number."""
    row = upsert(connection, quotas).values({"school": school, "bytes": allowed})
    told = {"bytes": row.excluded.bytes}
    await connection.execute(row.on_conflict_do_update(index_elements=["school"], set_=told))
