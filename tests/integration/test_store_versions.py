"""Stores of every version are opened by the newest, which finds the same lesson in them."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, delete, text

from central_mdm.contract.roster import Change, PupilRow
from classroom_app.domain.errors import StoreFull
from classroom_app.storage import migrations
from classroom_app.storage.copies import VERSIONS, copies_of, copy_of
from classroom_app.storage.engine import open_connection, shut
from classroom_app.storage.forms import form_of
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.storage.keys import WAITS, find_key
from classroom_app.storage.migrate import version_of
from classroom_app.storage.reading import read
from classroom_app.storage.tables import cursors, metadata
from classroom_app.store_commands import look_after
from tests.disks import disk
from tests.rings import NoRing
from tests.stores import (
    AMINA,
    BELA,
    CLASS,
    CURSOR,
    DECLARED,
    LESSON,
    ROSTER,
    SCOPE,
    lesson_acts,
)
from tests.stores.opening import opened, words
from tests.sync_store import sum_of

pytestmark = pytest.mark.real_loop
STORES = Path(__file__).resolve().parents[1] / "stores"
KEPT = sorted(STORES.glob("v*"))


def copy(version: str, home: Path) -> Path:
    home.mkdir(exist_ok=True)
    for name in ("store.db", "store.key"):
        shutil.copy(STORES / f"v{version}" / name, home / name)
    return home


def test_a_store_of_every_version_is_kept_here() -> None:
    assert tuple(folder.name for folder in KEPT) == tuple(f"v{version}" for version in VERSIONS)


def test_the_versions_are_the_migrations() -> None:
    files = (Path(migrations.__file__).parent / "versions").glob("v*.py")
    assert tuple(sorted(path.name[1:5] for path in files)) == VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_a_form_is_known_by_its_tables(version: str, tmp_path: Path) -> None:
    home = copy(version, tmp_path)
    left = read(home / "store.db", (home / "store.key").read_text())
    assert left is not None
    assert form_of({name: table.columns for name, table in left.tables.items()}) == version


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_store_of_an_older_form_is_repaired_in_it(version: str, tmp_path: Path) -> None:
    home = copy(version, tmp_path)
    assert look_after(home, "repair", None, ring=NoRing) == 0
    assert look_after(home, "check", None, ring=NoRing) == 0
    left = read(home / "store.db", (home / "store.key").read_text())
    assert left is not None
    assert form_of({name: table.columns for name, table in left.tables.items()}) == version
    async with opened(home) as keeping:
        await same_lesson(keeping)


async def same_lesson(keeping: Keeping) -> None:
    kept = await keeping.acts(LESSON, 1000)
    assert tuple(each.act for each in kept) == lesson_acts()
    assert [each.state for each in kept[:3]] == ["applied", "refused", "waiting"]
    resumed = await keeping.under_way()
    assert resumed is not None
    assert resumed.declared == DECLARED
    (roster,) = await keeping.classes()
    assert [pupil.display for pupil in roster.pupils] == ["Amina", "Béla"]
    assert roster.id == CLASS
    assert (await keeping.cursor(SCOPE))[0] == "epoch-1"
    assert keeping.language() == "fr"
    assert (await keeping.waiting_count(), await keeping.refused_count()) == (12, 1)
    assert (await keeping.waiting_events(1))[0].id == "act-3"


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_newest_opens_a_store_of(version: str, tmp_path: Path) -> None:
    copy(version, tmp_path)
    async with opened(tmp_path) as keeping:
        await same_lesson(keeping)
        assert await keeping.verify() is None
        assert await keeping.remember(words(1))
        assert not await keeping.remember(lesson_acts()[0])
        assert await keeping.verify() is None
    async with opened(tmp_path) as keeping:
        assert len(await keeping.journal_ids()) == len(lesson_acts()) + 1
        assert await keeping.erase(AMINA) == 5
        assert await keeping.verify() is None


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_store_of_any_version_goes_on_pulling_where_it_was(
    version: str, tmp_path: Path
) -> None:
    copy(version, tmp_path)
    new = Change(7, "pupil", "pupil-chloe", PupilRow("pupil-chloe", CLASS, "Chloé", "Roy", "Chloé"))
    told = (Change(6, "pupil", BELA), new)
    left = [each for each in ROSTER if each.id != BELA]
    async with opened(tmp_path) as keeping:
        epoch, cursor = await keeping.cursor(SCOPE)
        assert (epoch, cursor) == ("epoch-1", CURSOR if version >= "0004" else "")
        if not cursor:  # of before: the server tells all that it has, and what is gone
            told = (*left, *told)
        total = sum_of((*left, new))
        assert await keeping.apply(SCOPE, epoch, told, "next", len(left) + 1, total)
        assert await keeping.cursor(SCOPE) == (epoch, "next")
        (roster,) = await keeping.classes()
        assert [pupil.display for pupil in roster.pupils] == ["Chloé", "Amina"]


async def test_rows_whose_cursor_no_repair_has_found_stay_until_what_is_told_does_not_add_up(
    tmp_path: Path,
) -> None:
    copy(VERSIONS[-1], tmp_path)
    row = PupilRow("pupil-chloe", CLASS, "Chloé", "Roy", "Chloé")
    async with opened(tmp_path) as keeping:
        await keeping.write(lambda connection: connection.execute(delete(cursors)))
        assert await keeping.apply(SCOPE, "own", (Change(7, "pupil", row.id, row),), "7", 0, "")
        (roster,) = await keeping.classes()
        assert len(roster.pupils) == 3, "a school without a server has them nowhere else"
        assert not await keeping.apply(SCOPE, "own", (), "8", 1, sum_of(()))
        assert await keeping.cursor(SCOPE) == ("", "")


@pytest.mark.parametrize("version", ["", *VERSIONS])
async def test_all_ways_lead_to_the_tables_as_they_are_written(
    version: str, tmp_path: Path
) -> None:
    if version:
        copy(version, tmp_path)

    def differences(connection: Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with opened(tmp_path) as keeping:
        assert not await keeping.write(differences)


async def test_before_a_store_is_changed_a_copy_of_it_is_kept(tmp_path: Path) -> None:
    copy("0001", tmp_path)
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    (kept,) = copies_of(tmp_path / "store.db")
    assert kept == copy_of(tmp_path / "store.db", "0001")
    # The copy opens with the same key and is what the store was.
    other = tmp_path / "other"
    other.mkdir()
    kept.rename(other / "store.db")
    shutil.copy(tmp_path / "store.key", other)
    key = find_key(other, NoRing, WAITS)
    connection = open_connection(other / "store.db", key.digits)
    assert version_of(connection) == "0001"
    shut(connection)
    async with opened(other) as keeping:
        await same_lesson(keeping)


async def test_a_new_store_and_one_that_is_up_to_date_need_no_copy(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tmp_path):
            pass
    assert not copies_of(tmp_path / "store.db")


async def test_a_pupil_is_erased_from_the_copies_too(tmp_path: Path) -> None:
    copy("0001", tmp_path)
    async with opened(tmp_path) as keeping:
        await keeping.erase(AMINA)
    assert not copies_of(tmp_path / "store.db")


async def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    copy("0001", tmp_path)
    key = find_key(tmp_path, NoRing, WAITS)
    connection = open_connection(tmp_path / "store.db", key.digits)
    # A table of that name is in the way of the migration's second half.
    connection.execute(text("CREATE TABLE hand_ins_before (x)"))
    shut(connection)
    with pytest.raises(Exception, match="hand_ins_before"):
        await open_keeping(tmp_path, NoRing)
    connection = open_connection(tmp_path / "store.db", key.digits)
    assert version_of(connection) == "0001"
    connection.execute(text("DROP TABLE hand_ins_before"))
    shut(connection)
    async with opened(tmp_path) as keeping:
        await same_lesson(keeping)


async def test_a_disk_too_full_for_the_copy_is_said_and_nothing_is_changed(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "120k") as small:
        copy("0001", small.folder)
        with pytest.raises(StoreFull):
            await open_keeping(small.folder, NoRing)
        small.holds("4m")
        async with opened(small.folder) as keeping:
            await same_lesson(keeping)
