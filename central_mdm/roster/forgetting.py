"""Who was in a class goes with time, or when a pupil is erased; with it the last of the name."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.roster.model import memberships, past, pupils, sources

PUPIL = "pupil"


async def forget_past(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget who left a class before `before`, UTC seconds; return how many such rows went.

    Of a pupil who was in that class last, and whom no register names, the name goes as well.
    """
    mine = past.c.school == school
    old = delete(past).where(mine, past.c.left_at < before).returning(past.c.pupil)
    gone = (await connection.execute(old)).scalars().all()
    here = select(memberships.c.pupil).where(memberships.c.school == school)
    was = select(past.c.pupil).where(mine)
    told = select(sources.c.id).where(sources.c.school == school, sources.c.what == PUPIL)
    nobody = (
        pupils.c.school == school,
        pupils.c.id.not_in(here),
        pupils.c.id.not_in(was),
        pupils.c.id.not_in(told),
    )
    for start in range(0, len(names := sorted(set(gone))), 500):
        these = pupils.c.id.in_(names[start : start + 500])
        await connection.execute(delete(pupils).where(*nobody, these))
    return len(gone)
