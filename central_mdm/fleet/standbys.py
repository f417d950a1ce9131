"""Which schools could not end a stolen root: those made without a standby."""

from typing import Final

from sqlalchemy import select

from central_mdm.identity.model import schools
from central_mdm.platform.ground import Ground

NO_STANDBY: Final = (
    "School %s has no standby: if this server's key is stolen, each device must enrol again. "
    "Make one, devices hear of it: pupitre-mdm standby --folder … --school %s --sealed FILE"
)


async def lacks_standby(ground: Ground, school: str) -> bool:
    """Return whether it has no standby; a region has no devices that could follow one."""
    lacks = select(schools.c.school).where(
        schools.c.school == school, schools.c.kind == "school", schools.c.standby == ""
    )
    async with ground.database.reading(school) as connection:
        return (await connection.execute(lacks)).first() is not None
