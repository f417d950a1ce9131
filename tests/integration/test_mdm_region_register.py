"""The register of a region: one bundle of several schools, each by its own plan."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text

from central_mdm.cli import main
from central_mdm.identity.rules import open_school
from central_mdm.platform.errors import Refused
from central_mdm.roster.model import sources
from central_mdm.roster.oneroster.importing import Region, import_region, import_register
from tests.mdm import Mdm, Prepared
from tests.registers import Register, region

pytestmark = pytest.mark.real_loop
ON_ONE = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
"""What is refused before a database is asked is alike on both."""


@pytest.fixture
async def two(mdm: Mdm) -> Mdm:
    await open_school(mdm.ground, "chenes", "Les Chênes")
    return mdm


async def bring(mdm: Mdm, register: Register, path: Path, *confirms: str) -> Region:
    orgs = {mdm.school: "oak", "chenes": "elm"}
    register.zip(path)
    return await import_region(mdm.ground, orgs, path, dry_run=False, confirms=confirms)


async def known(mdm: Mdm, school: str) -> set[str]:
    """Return the register's names of a school's classes and people."""
    async with mdm.ground.database.reading(school) as connection:
        wanted = select(sources.c.source).where(
            sources.c.school == school, sources.c.what != "session"
        )
        return set((await connection.execute(wanted)).scalars())


async def test_each_school_of_a_bundle_gets_its_own_and_nothing_else(
    two: Mdm, tmp_path: Path
) -> None:
    path = tmp_path / "region.zip"
    register = region("oak", "elm", "ash")
    # One teaches at two schools, and one of the district's may do so at any.
    register.enrol("c-6a-elm", "t0-oak", "teacher")
    told = await bring(two, register, path)
    assert told.left_out == ("ash",)
    assert {name: one.done for name, one in told.schools.items()} == {
        two.school: True,
        "chenes": True,
    }
    assert not [row for one in told.schools.values() for row in one.refused]
    oak, elm = await known(two, two.school), await known(two, "chenes")
    assert {name.rpartition("-")[2] for name in oak} == {"oak"}
    assert elm - {"t0-oak"} == {name.replace("oak", "elm") for name in oak}
    assert "t0-oak" in elm, "who teaches here, whosever they are"
    again = await bring(two, register, path)
    assert all(not each.added for one in again.schools.values() for each in one.counts)


@ON_ONE
async def test_a_school_that_would_lose_its_pupils_asks_and_holds_up_no_other(
    two: Mdm, tmp_path: Path
) -> None:
    path = tmp_path / "region.zip"
    await bring(two, region("oak", "elm"), path)
    later = region("oak", "elm")
    for number in range(3):
        later.drop("users.csv", sourcedId=f"p{number}-oak")
    later.person("new", "student", "Nour", "Haddad")
    for row in later.rows["roles.csv"]:
        row["orgSourcedId"] = row["orgSourcedId"].replace("school", "elm")
    told = await bring(two, later, path)
    asked, done = told.schools[two.school], told.schools["chenes"]
    assert (asked.done, done.done) == (False, True)
    assert any("pupils would be gone" in each for each in asked.asks)
    assert "new" in await known(two, "chenes")
    assert "p0-oak" in await known(two, two.school)
    assert (await bring(two, later, path, asked.digest)).schools[two.school].done


@ON_ONE
async def test_a_school_that_the_database_gives_up_holds_up_no_other(
    two: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    victim = "BEFORE INSERT ON roster_sources WHEN NEW.school = 'tilleuls'"
    async with two.ground.database.engine.begin() as connection:
        given_up = f"CREATE TRIGGER victim {victim} BEGIN SELECT RAISE(ABORT, 'given up'); END"
        await connection.execute(text(given_up))
    before = await known(two, two.school)
    told = await bring(two, region("oak", "elm"), tmp_path / "region.zip")
    assert (told.schools["chenes"].done, list(told.failed)) == (True, [two.school])
    assert await known(two, two.school) == before, "nothing of it is done"
    assert "given up" in caplog.text
    caplog.clear()


@ON_ONE
async def test_a_bundle_of_several_schools_is_not_imported_into_one(
    two: Mdm, tmp_path: Path
) -> None:
    path = region("oak", "elm").zip(tmp_path / "region.zip")
    before = await known(two, two.school)
    with pytest.raises(Refused) as refused:
        await import_register(two.ground, two.school, path, dry_run=False)
    assert "elm (Elm), oak (Oak)" in refused.value.detail
    assert await known(two, two.school) == before
    with pytest.raises(Refused, match="no-org"):
        await import_region(two.ground, {two.school: "fir"}, path, dry_run=True)
    orgs = {two.school: "oak", "chenes": "oak"}
    with pytest.raises(Refused, match="org-twice"):
        await import_region(two.ground, orgs, path, dry_run=True)


def test_the_command_says_whose_each_is(
    tmp_path: Path, school_on: Callable[[str], Prepared], capsys: pytest.CaptureFixture[str]
) -> None:
    path = region("oak", "elm").zip(tmp_path / "region.zip")
    with school_on("sqlite").copy(tmp_path / "mdm"):
        words = ["admin", "import", "--folder", str(tmp_path / "mdm"), str(path)]
        assert main([*words, "--school", "tilleuls"]) == 1
        assert "several schools: elm (Elm), oak (Oak)" in capsys.readouterr().err
        assert main([*words, "--of", "tilleuls=oak", "--of", "nowhere=elm"]) == 1
        assert "nowhere" in capsys.readouterr().err
        assert main([*words, "--of", "tilleuls=oak", "--dry-run"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["left_out"], told["schools"]["tilleuls"]["done"]) == (["elm"], False)
        assert main([*words, "--of", "tilleuls=oak"]) == 0
