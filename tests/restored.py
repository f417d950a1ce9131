"""A central MDM that was set back to a copy of itself."""

from sqlalchemy import delete, update

from central_mdm.identity.model import deny_lists, revocations, schools, teachers
from tests.mdm import Mdm


async def forget_who_was_ended(mdm: Mdm) -> None:
    """Set this back to a copy of before anybody was ended."""
    async with mdm.ground.database.writing(mdm.school) as connection:
        for table in (deny_lists, revocations):
            await connection.execute(delete(table).where(table.c.school == mdm.school))
        back = update(teachers).where(teachers.c.school == mdm.school)
        await connection.execute(back.values(ended=False))
        whole = update(schools).where(schools.c.school == mdm.school)
        await connection.execute(whole.values(generation=0))
