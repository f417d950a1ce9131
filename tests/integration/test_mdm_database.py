"""What the rest of the central side builds on, on either database."""

from central_mdm.identity.model import region_schools
from central_mdm.platform.database import upsert
from tests.mdm import Mdm


async def test_an_insert_that_finds_its_row_there_says_whether_it_has_written(mdm: Mdm) -> None:
    key = {"school": mdm.school, "member": "school-2"}

    async def written(name: str) -> tuple[int, int]:
        """Put it there where it is not; put it there where it comes before what is."""
        async with mdm.ground.database.writing(mdm.school) as connection:
            row = upsert(connection, region_schools).values(key | {"name": name})
            first = await connection.execute(row.on_conflict_do_nothing())
            before = region_schools.c.name > name
            told = row.on_conflict_do_update(
                index_elements=list(key), set_={"name": name}, where=before
            )
            return first.rowcount, (await connection.execute(told)).rowcount

    assert await written("Linden") == (1, 0)
    assert await written("Birken") == (0, 1)
    assert await written("Eichen") == (0, 0)
