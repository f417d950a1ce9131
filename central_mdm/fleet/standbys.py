"""Which schools could not end a stolen root: those made without a standby."""

from typing import Final

from sqlalchemy import select

from central_mdm.identity.model import schools
from central_mdm.identity.rules import schools_here
from central_mdm.platform.ground import Ground

NO_STANDBY: Final = (
    "School %s has no standby: if this server's key is stolen, each device must enrol again. "
    "Make one, devices hear of it: pupitre-mdm standby --folder … --school %s --sealed FILE"
)


async def without_standby(ground: Ground) -> list[str]:
    """Name the schools that have no standby; a region has no devices that could follow one."""
    found: list[str] = []
    for school in await schools_here(ground):
        async with ground.database.reading(school) as connection:
            lacks = select(schools.c.school).where(
                schools.c.school == school, schools.c.kind == "school", schools.c.standby == ""
            )
            found += (await connection.execute(lacks)).scalars()
    return found
