"""Which schools could not end a stolen root: those made without a standby."""

from sqlalchemy import select

from central_mdm.fleet.model import doors
from central_mdm.identity.rules import school_row
from central_mdm.platform.errors import NotSignedIn
from central_mdm.platform.ground import Ground


async def without_standby(ground: Ground) -> list[str]:
    """Name the schools that have no standby, of all that ever had a code for devices."""
    async with ground.database.reading("") as connection:
        every = (await connection.execute(select(doors.c.school).distinct())).scalars().all()
    found: list[str] = []
    for school in sorted(every):
        async with ground.database.reading(school) as connection:
            try:
                if not (await school_row(connection, school)).standby:
                    found.append(school)
            except NotSignedIn:  # its codes are older than the database it was in
                pass
    return found
