"""`pupitre store`: what is left of a damaged store, and how it becomes a whole one again."""

import asyncio
import json
import os
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from central_mdm.contract.journal import Outcome
from central_mdm.contract.sealed import Former
from classroom_app.domain.acts import LessonStarted
from classroom_app.domain.errors import NotKept, StoreFull, StoreSealed, StoreToMend
from classroom_app.domain.founding import Founding
from classroom_app.own_school import found_school
from classroom_app.storage.arriving import arriving
from classroom_app.storage.copies import DAILY, copy_of
from classroom_app.storage.engine import open_connection, shut
from classroom_app.storage.erasing import note_erased
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.storage.keys import WAITS, find_key
from classroom_app.store_commands import look_after
from tests.disks import disk
from tests.rings import MemoryRing, NoRing
from tests.stores import AMINA, DECLARED, LESSON, NOON, ROSTER, SCOPE, lesson_acts
from tests.stores.opening import opened, spoil, words

pytestmark = pytest.mark.real_loop
ACTS = 400
PAGE = 4096
A_DAY = 30 * 3600


def store(home: Path, what: str, out: Path | None = None) -> int:
    return look_after(home, what, out, ring=NoRing)


def flip(home: Path, page: int) -> None:
    raw = bytearray((home / "store.db").read_bytes())
    raw[(page - 1) * PAGE + 100] ^= 1
    (home / "store.db").write_bytes(raw)


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.glob("store*") if path.is_file()}


async def root_of(keeping: Keeping, table: str) -> int:
    root = text("SELECT rootpage FROM sqlite_master WHERE name = :name").bindparams(name=table)
    return await keeping.write(lambda connection: int(connection.execute(root).scalar_one()))


async def filled(keeping: Keeping) -> int:
    """Keep acts; return the root page of the journal, whose next ones are the journal's as well."""
    await asyncio.gather(*(keeping.remember(words(number)) for number in range(ACTS)))
    return await root_of(keeping, "journal")


def grown_old(home: Path) -> None:
    """Have it be a day since the store was made and last copied."""
    for name in ("store.key", copy_of(home / "store.db", DAILY).name):
        if (home / name).exists():
            before = (home / name).stat().st_mtime - A_DAY
            os.utime(home / name, (before, before))


async def test_a_whole_store_is_said_to_be_whole_and_an_open_one_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store(tmp_path, "check") == 2, "there is none"
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        assert store(tmp_path, "check") == 2
        assert "Close it first" in capsys.readouterr().err
    assert store(tmp_path, "check") == 0
    before = contents(tmp_path)
    capsys.readouterr()
    assert store(tmp_path, "repair") == 0
    assert capsys.readouterr().out.endswith("Nothing was done to it.\n")
    assert contents(tmp_path) == before, "no second copy of it lies there"


async def test_a_damaged_page_costs_its_own_rows_and_the_store_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await filled(keeping)
    flip(tmp_path, 40)
    damaged = (tmp_path / "store.db").read_bytes()
    assert store(tmp_path, "check") == 1
    assert "Damaged pages: 40." in capsys.readouterr().out
    assert store(tmp_path, "repair") == 0
    (beside,) = set(contents(tmp_path)) - {"store.db", "store.key"}
    assert beside.startswith("store-damaged-")
    assert contents(tmp_path)[beside] == damaged
    assert store(tmp_path, "check") == 0
    async with opened(tmp_path) as keeping:
        left = await keeping.journal_ids()
        assert ACTS - 60 < len(left) < ACTS
        fault = await keeping.verify()
        assert fault is not None
        assert (fault.what, f"words-{fault.sequence - 1}" in left) == ("removed", False)
        assert await keeping.remember(words(ACTS + 1))
        await keeping.erase(AMINA)
    assert beside not in contents(tmp_path), "what is to be forgotten lies nowhere"


async def test_a_copy_or_a_key_of_a_clock_years_ahead_keeps_no_copy_of_a_day_from_being_made(
    tmp_path: Path,
) -> None:
    copy = copy_of(tmp_path / "store.db", DAILY)

    async def copied(number: int, *, later: dict[str, float]) -> float:
        """Date files so much later, write on, and say when the copy was made."""
        for name, seconds in later.items():
            when = (tmp_path / name).stat().st_mtime + seconds
            os.utime(tmp_path / name, (when, when))
        async with opened(tmp_path) as keeping:
            await keeping.remember(words(number))
        return copy.stat().st_mtime if copy.exists() else 0

    assert not await copied(1, later={})
    first = await copied(2, later={"store.key": -A_DAY})
    assert first, "a day after the store was made"
    again = await copied(3, later={copy.name: 3650 * A_DAY})
    assert first <= again < first + A_DAY
    assert await copied(4, later={"store.key": 3650 * A_DAY}) == again, "it is of today"
    assert await copied(5, later={copy.name: -A_DAY}) >= again


async def test_a_store_too_damaged_to_erase_from_keeps_the_copy_that_mends_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as keeping:
        await filled(keeping)
    grown_old(tmp_path)
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(ACTS))
    copy = copy_of(tmp_path / "store.db", DAILY)
    assert copy.exists()
    flip(tmp_path, 40)
    async with opened(tmp_path) as keeping:
        for erasing in (keeping.forget_before(NOON + ACTS, NOON + ACTS), keeping.erase(AMINA)):
            with pytest.raises(NotKept):
                await erasing
    assert copy.exists()
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert len(await keeping.journal_ids()) >= ACTS
        assert await keeping.erase(AMINA) >= ACTS
        assert not copy.exists()


@pytest.mark.parametrize(
    ("way", "place"),
    [("age", "early"), ("age", "late"), ("the school", "early"), ("a person", "early")],
)
async def test_a_copy_stays_where_a_page_is_damaged_that_nothing_is_erased_from(
    tmp_path: Path, way: str, place: str
) -> None:
    pages = dict[str, int]()

    async def told(first: int, end: int) -> int:
        """Tell acts; return the page that the last of them lies on."""
        await asyncio.gather(*(keeping.remember(words(number)) for number in range(first, end)))
        count = text("PRAGMA page_count")
        return await keeping.write(lambda connection: int(connection.execute(count).scalar_one()))

    async with opened(tmp_path) as keeping:
        begun = next(act for act in lesson_acts() if isinstance(act, LessonStarted))
        await keeping.remember(replace(begun, class_name="5e B" * 9000))
        pages["early"] = await told(0, 0)
        await told(0, 300)
        assert await keeping.forget_before(NOON + 200, NOON + 300) == 200
        pages["late"] = await told(300, 600)
        await told(600, 700)
        sent = text("UPDATE journal SET state = 'applied'")
        await keeping.write(lambda connection: connection.execute(sent))
        await keeping.write(partial(note_erased, [AMINA]))
    copy = copy_of(tmp_path / "store.db", DAILY)
    copy.write_bytes(b"mends it")
    flip(tmp_path, pages[place])
    async with opened(tmp_path) as keeping:
        later = NOON + 700
        erasing = {
            "age": lambda: keeping.forget_before(NOON + 250, later),
            "the school": lambda: keeping.erase_told(later, later, tmp_path),
            "a person": lambda: keeping.erase(AMINA),
        }
        with pytest.raises(NotKept):
            await erasing[way]()
    assert copy.exists()


@pytest.mark.parametrize("spoilt", [("body", b"{\xff"), ("fields", b"[1")])
async def test_an_act_that_cannot_be_read_is_exported_as_it_lies_and_keeps_no_other_back(
    tmp_path: Path, spoilt: tuple[str, bytes]
) -> None:
    async with opened(tmp_path / "app") as keeping:
        for number in (1, 2, 3):
            await keeping.remember(words(number))
        await spoil(keeping, *spoilt, "words-2")
    assert store(tmp_path / "app", "export", tmp_path / "out") == 0
    lines = (tmp_path / "out/journal.jsonl").read_text("utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert [one["id"] for one in told] == ["words-1", "words-2", "words-3"]
    column, raw = spoilt
    assert told[1][column] == raw.decode(errors="replace")


@pytest.mark.parametrize("page", ["first", "root"])
async def test_what_no_page_tells_any_more_comes_from_the_copy_of_the_day(
    tmp_path: Path, page: str
) -> None:
    async with opened(tmp_path) as keeping:
        root = await filled(keeping)
        grown_old(tmp_path)
    assert copy_of(tmp_path / "store.db", DAILY).exists()
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(ACTS))  # not in the copy
    flip(tmp_path, 1 if page == "first" else root)
    assert store(tmp_path, "check") == 1
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert set(await keeping.journal_ids()) >= {f"words-{number}" for number in range(ACTS)}
        assert await keeping.verify() is None


async def test_acts_are_found_though_the_page_that_leads_to_them_is_damaged(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        root = await filled(keeping)
    flip(tmp_path, root)
    assert store(tmp_path, "check") == 1
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert len(await keeping.journal_ids()) == ACTS
        assert await keeping.verify() is None


@pytest.mark.parametrize("harm", ["zeros", "empty"])
async def test_where_nothing_can_be_read_it_is_said_and_nothing_is_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    if harm == "empty":
        os.truncate(tmp_path / "store.db", 0)
    else:
        (tmp_path / "store.db").write_bytes(bytes(20 * PAGE))
    before = contents(tmp_path)
    assert store(tmp_path, "check") == 1
    assert "no repair helps" in capsys.readouterr().out
    for what in ("repair", "export"):
        assert store(tmp_path, what, tmp_path / "out") == 2
        assert "no repair helps" in capsys.readouterr().err
    with pytest.raises((StoreToMend, StoreSealed)):
        await open_keeping(tmp_path, NoRing)
    assert contents(tmp_path) == before


async def test_a_start_that_was_cut_off_before_there_were_tables_is_gone_on_with(
    tmp_path: Path,
) -> None:
    key = find_key(tmp_path, NoRing, WAITS)
    shut(open_connection(tmp_path / "store.db", key.digits))
    assert set(contents(tmp_path)) == {"store.db", "store.key"}
    assert store(tmp_path, "check") == 0
    async with opened(tmp_path) as keeping:
        assert await keeping.remember(words(1))


@pytest.mark.parametrize("harm", ["empty", "gone"])
async def test_a_file_without_a_byte_is_no_new_one_and_the_copy_of_the_day_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        grown_old(tmp_path)
    if harm == "gone":
        (tmp_path / "store.db").unlink()
    else:
        os.truncate(tmp_path / "store.db", 0)
    before = contents(tmp_path)
    with pytest.raises(StoreToMend):
        await open_keeping(tmp_path, NoRing)
    assert store(tmp_path, "check") == 1
    assert "pupitre store repair" in capsys.readouterr().out
    assert await asyncio.to_thread(look_after, tmp_path, "erase", None, AMINA, NoRing) == 2
    assert "mend it first" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert await keeping.journal_ids() == ["words-1"]


async def test_a_file_that_was_cut_is_read_up_to_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await filled(keeping)
    pages = (tmp_path / "store.db").stat().st_size // PAGE
    os.truncate(tmp_path / "store.db", pages // 2 * PAGE + 100)
    with pytest.raises(StoreToMend):
        await open_keeping(tmp_path, NoRing)
    assert store(tmp_path, "check") == 1
    assert f"Damaged pages: {pages // 2 + 1}-{pages}." in capsys.readouterr().out
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        left = await keeping.journal_ids()
    assert len(left) > ACTS / 5
    assert left == [f"words-{number}" for number in range(len(left))]


async def test_a_disk_that_takes_no_change_is_looked_at_and_exported_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk(tmp_path / "disk", "8m") as disk_:
        home = disk_.folder
        async with opened(home) as keeping:
            await keeping.remember(words(1))
            killed = contents(home)
        damaged = home / "damaged"
        damaged.mkdir()
        for name, raw in killed.items():  # as a kill leaves it: the act is in the log
            (home / name).write_bytes(raw)
            (damaged / name).write_bytes(raw)
        (damaged / "store.db-wal").write_bytes(b"x" + killed["store.db-wal"][1:])
        before = contents(damaged)
        disk_.read_only()
        assert store(home, "check") == 0
        assert store(home, "export", tmp_path / "out") == 0
        assert "Question 1" in (tmp_path / "out" / "journal.jsonl").read_text()
        capsys.readouterr()
        assert store(home, "export", home / "out") == 2
        assert str(home / "out") in capsys.readouterr().err
        assert store(damaged, "repair") == 2
        assert "may not write" in capsys.readouterr().err
        assert (contents(home), contents(damaged)) == (killed, before)


async def test_a_full_disk_refuses_a_repair_and_nothing_half_made_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk(tmp_path / "disk", "8m") as disk_:
        home = disk_.folder
        async with opened(home) as keeping:
            await filled(keeping)
        flip(home, 40)
        before = contents(home)
        disk_.fill(leaving=2 * PAGE)
        for what in ("repair", "export"):
            assert store(home, what, home / "out") == 2
            assert "computer is full" in capsys.readouterr().err
            assert contents(home) == before
        assert not list((home / "out").iterdir())
        disk_.empty()
        assert store(home, "export", home / "out") == 1
        assert store(home, "repair") == 0


def test_what_is_being_made_is_its_owners_alone_and_goes_where_it_fails(tmp_path: Path) -> None:
    def half_made(part: Path) -> None:
        assert part.stat().st_mode & 0o777 == 0o600
        part.with_name(f"{part.name}-journal").touch()
        raise StoreFull

    with pytest.raises(StoreFull), arriving(tmp_path / "store-daily.db") as part:
        half_made(part)
    assert not list(tmp_path.iterdir())


async def test_a_copy_is_made_once_a_day_and_goes_with_whom_it_tells_of(tmp_path: Path) -> None:
    copy = copy_of(tmp_path / "store.db", DAILY)
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    assert not copy.exists(), "a day has not passed"
    async with opened(tmp_path):
        grown_old(tmp_path)
    first = copy.stat().st_ino
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(2))
    assert copy.stat().st_ino == first
    async with opened(tmp_path) as keeping:
        await keeping.erase(AMINA)
        assert not copy.exists()


async def test_a_pupil_is_erased_from_the_terminal_and_the_chain_stays_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    whose = ("erase", None, AMINA, NoRing)
    assert look_after(tmp_path, "erase", None, "", NoRing) == 2, "nobody said who"
    assert await asyncio.to_thread(look_after, tmp_path, *whose) == 0
    assert "Erased from 1 entries" in capsys.readouterr().out
    async with opened(tmp_path) as keeping:
        assert await keeping.verify() is None
        assert await keeping.erase(AMINA) == 0


async def test_all_is_exported_but_what_was_erased_and_nothing_is_written_over(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        await keeping.erase(AMINA)
        await keeping.remember(words(2))
    assert store(tmp_path, "export") == 2, "nobody said where to"
    assert store(tmp_path, "export", out) == 0
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert [(line["sequence"], line.get("text")) for line in lines] == [
        (1, None),
        (2, "Question 2"),
    ]
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert store(tmp_path, "export", out) == 2


async def test_a_store_that_lost_the_row_of_its_form_is_given_it_by_its_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        page = await root_of(keeping, "alembic_version")
    flip(tmp_path, page)
    assert store(tmp_path, "check") == 1
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert await keeping.journal_ids() == ["words-1"]
        # As a repair of an earlier version left it.
        await keeping.write(lambda c: c.execute(text("DELETE FROM alembic_version")))
    before = contents(tmp_path)
    with pytest.raises(StoreToMend, match="which form"):
        await open_keeping(tmp_path, NoRing)
    assert contents(tmp_path) == before
    capsys.readouterr()
    assert store(tmp_path, "check") == 1
    assert "no row says which form it has" in capsys.readouterr().out
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert await keeping.journal_ids() == ["words-1"]


@pytest.mark.parametrize("newer", ["UPDATE alembic_version SET version_num = '9999'", "table"])
async def test_a_store_of_a_newer_version_is_not_repaired_by_this_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], newer: str
) -> None:
    async with opened(tmp_path) as keeping:
        await filled(keeping)
        page = 40
        if newer == "table":
            newer, page = "CREATE TABLE next (id TEXT)", await root_of(keeping, "alembic_version")
        await keeping.write(lambda c: c.execute(text(newer)))
    flip(tmp_path, page)
    before = contents(tmp_path)
    assert store(tmp_path, "repair") == 2
    assert "A newer Pupitre" in capsys.readouterr().err
    assert contents(tmp_path) == before


async def test_what_makes_no_store_that_opens_is_not_put_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        odd = "UPDATE settings SET value = 'many' WHERE name = 'versions'"
        await keeping.write(lambda c: c.execute(text(odd)))
    before = contents(tmp_path)
    assert store(tmp_path, "repair") == 2
    assert "no store that Pupitre opens" in capsys.readouterr().err
    assert contents(tmp_path) == before


async def test_after_a_repair_the_lesson_goes_on_and_all_of_it_is_sent(tmp_path: Path) -> None:
    early = lesson_acts()[11]
    late = replace(early, id="late")
    async with opened(tmp_path) as keeping:
        await keeping.remember(early)
        await filled(keeping)
        await keeping.remember(late)
        sent = await keeping.journal_ids()
        await keeping.settled(tuple(Outcome(one, "applied") for one in sent))
        pages = [await root_of(keeping, table) for table in ("lessons", "hand_ins")]
    for page in pages:
        flip(tmp_path, page)
    os.truncate(tmp_path / "store.db", 40 * PAGE)  # the newest acts
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        left = await keeping.journal_ids()
        assert 100 < len(left) < ACTS
        assert len(await keeping.acts(LESSON, ACTS)) == len(left)
        assert not await keeping.remember(early), "it would be told twice"
        assert await keeping.waiting_count() == 1, "the early work"
        assert await keeping.remember(late)
        assert await keeping.waiting_count() == 3, "and the late one, with its act"


async def works(keeping: Keeping) -> list[str]:
    ids = text("SELECT id FROM hand_ins ORDER BY id")
    return list(await keeping.write(lambda c: c.execute(ids).scalars().all()))


async def test_work_of_who_was_erased_does_not_wait_again_after_a_repair(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        for act in lesson_acts():
            await keeping.remember(act)
        before = await works(keeping)
        await keeping.erase(AMINA)
        left = await works(keeping)
        assert len(left) < len(before)
        page = await root_of(keeping, "lessons")
    flip(tmp_path, page)
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert await works(keeping) == left


async def all_of(keeping: Keeping) -> list[object]:
    return [
        await keeping.acts(LESSON, 1000),
        await keeping.under_way(),
        await keeping.classes(),
        await keeping.cursor(SCOPE),
        await keeping.waiting_count(),
        keeping.chosen["origin"],
    ]


FIRST_PAGE = {"its salt": 3, "its head": 20, "its middle": 2000, "its proof": 4090}


@pytest.mark.parametrize("at", FIRST_PAGE.values(), ids=list(FIRST_PAGE))
async def test_one_bad_byte_of_the_first_page_is_damage_and_costs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    async with opened(tmp_path) as keeping:
        for act in lesson_acts():
            await keeping.remember(act, DECLARED)
        await filled(keeping)
        await keeping.apply(SCOPE, "epoch-1", ROSTER, "on-5", 0, "")
        before = await all_of(keeping)
    raw = bytearray((tmp_path / "store.db").read_bytes())
    raw[at] ^= 1
    (tmp_path / "store.db").write_bytes(raw)
    with pytest.raises(StoreToMend, match="the first page"):
        await open_keeping(tmp_path, NoRing)
    assert (tmp_path / "store.db").read_bytes() == raw
    assert store(tmp_path, "check") == 1
    told = capsys.readouterr().out
    assert "pupitre store repair" in told
    assert ("Damaged pages: 1." in told) == (at > 16)
    assert store(tmp_path, "repair") == 0
    assert store(tmp_path, "check") == 0
    async with opened(tmp_path) as keeping:
        assert await all_of(keeping) == before
        assert await keeping.verify() is None


async def test_a_first_page_that_is_lost_with_its_salt_costs_no_act(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await filled(keeping)
    raw = (tmp_path / "store.db").read_bytes()
    (tmp_path / "store.db").write_bytes(bytes(PAGE) + raw[PAGE:])
    with pytest.raises(StoreToMend, match="the first page"):
        await open_keeping(tmp_path, NoRing)
    assert store(tmp_path, "check") == 1
    assert "Acts prove themselves" in capsys.readouterr().out
    # What cannot be proved is not taken: one bit is enough.
    altered = bytearray(bytes(PAGE) + raw[PAGE:])
    altered[30 * PAGE + 1000] ^= 1
    (tmp_path / "store.db").write_bytes(altered)
    assert store(tmp_path, "repair") == 0
    assert store(tmp_path, "check") == 0
    async with opened(tmp_path) as keeping:
        left = await keeping.journal_ids()
        assert ACTS - 4 <= len(left) < ACTS
        fault = await keeping.verify()
        assert fault is not None
        assert fault.what == "removed"


async def test_another_key_is_told_from_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    (tmp_path / "store.key").write_text("00" * 32)
    before = contents(tmp_path)
    assert store(tmp_path, "check") == 1
    assert "another key" in capsys.readouterr().out
    assert store(tmp_path, "repair") == 2
    assert contents(tmp_path) == before


async def test_no_secret_of_the_teacher_or_the_school_is_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_bridge.trust.sealed.COST", 2**4)  # what is slow is another's test
    home, out, safe = tmp_path / "home", tmp_path / "out", str(tmp_path / "safe.json")
    asked = Founding("Dorfschule", "Ms V", "5B", (("Lina", "Berg"),), "three white goats ate", safe)
    async with opened(home) as keeping:
        _, papers = await found_school(
            keeping, home, asked, lambda: float(NOON), lambda: str(uuid4()), ring=MemoryRing
        )
        former = (Former("an old root", "an old key", "an old certificate"),)
        own = replace(papers, refresh="may sign in again", former=former, server="https://mdm")
        await keeping.keep_papers(own)
    assert store(home, "export", out) == 0
    assert "keys and sign-in are not in them" in capsys.readouterr().out
    told = json.loads((out / "settings.json").read_text())["papers"]
    assert (told["school_name"], told["teacher_name"]) == ("Dorfschule", "Ms V")
    written = "".join(path.read_text() for path in out.iterdir())
    secrets = (own.key, own.discovery, own.refresh, own.grant, former[0].key, "PRIVATE")
    assert all(secrets)
    assert [secret for secret in secrets if secret.splitlines()[-1] in written] == []
