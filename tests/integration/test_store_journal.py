"""The teacher's journal: kept once, in order, together or alone, and checkable after an erasure."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import IntegrityError

from central_mdm.contract.journal import Outcome
from central_mdm.contract.partage import FileAnswer
from central_mdm.contract.roster import Change
from classroom_app.domain.acts import (
    CollectAsked,
    CollectDone,
    Declared,
    HandedOut,
    HandInKept,
    HandOutWithdrawn,
    LockAsked,
    PupilSpoke,
)
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import LessonId
from classroom_app.retaining import COLLECTED, RETENTION, Retaining, Retention
from classroom_app.storage.copies import DAILY, DAMAGED, copy_of
from classroom_app.storage.dating import Dates
from classroom_app.storage.erasing import Forgotten, forget_before
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.settings import read
from classroom_app.storage.tables import declarations
from classroom_app.storage.verifying import ROWS_A_TURN
from device_bridge.materials.library import Library
from device_bridge.retention import DAY_SECONDS, read_periods
from tests.stores import (
    AMINA,
    BELA,
    DECLARED,
    LESSON,
    NOON,
    ONE,
    ROSTER,
    SCOPE,
    SPOILS,
    lesson_acts,
)
from tests.stores.opening import opened, spoil, words

pytestmark = pytest.mark.real_loop
T = TypeVar("T")
SWAPPED = (
    "UPDATE journal SET sequence = 99 WHERE sequence = 4;"
    "UPDATE journal SET sequence = 4 WHERE sequence = 7;"
    "UPDATE journal SET sequence = 7 WHERE sequence = 99"
)


@pytest.fixture
async def keeping(tmp_path: Path) -> AsyncIterator[Keeping]:
    async with opened(tmp_path) as made:
        yield made


async def test_acts_come_back_as_they_were_told_the_newest_and_oldest_first(
    keeping: Keeping,
) -> None:
    for act in lesson_acts():
        assert await keeping.remember(act)
    kept = await keeping.acts(LESSON, 1000)
    assert tuple(each.act for each in kept) == lesson_acts()
    assert [each.sequence for each in kept] == list(range(1, len(lesson_acts()) + 1))
    assert [each.act.id for each in await keeping.acts(LESSON, 2)] == ["act-12", "act-13"]
    assert not await keeping.acts(LessonId("another"), 1000)


async def test_an_act_told_twice_is_kept_once(keeping: Keeping) -> None:
    told = [words(1), words(1), words(2), words(1)]
    answers = await asyncio.gather(*map(keeping.remember, told))
    assert answers == [True, False, True, False]
    assert not await keeping.remember(words(2))
    assert await keeping.journal_ids() == ["words-1", "words-2"]
    assert await keeping.verify() is None


async def test_an_act_told_again_is_known_after_a_rollback_a_restart_and_another_lesson(
    tmp_path: Path,
) -> None:
    def fails(_: Connection) -> None:
        raise LookupError

    elsewhere = msgspec.structs.replace(words(1), lesson=LessonId("another"))
    async with opened(tmp_path) as keeping:
        assert await keeping.remember(words(1))
        assert await keeping.remember(elsewhere)  # an id is one act of a lesson
        with pytest.raises(LookupError):
            await keeping.write(fails)
        assert not await keeping.remember(words(1))
        assert await keeping.remember(words(2))
    async with opened(tmp_path) as keeping:
        told = [words(1), elsewhere, words(2), words(3)]
        assert [await keeping.remember(one) for one in told] == [False, False, False, True]
        kept = [each.act.id for each in await keeping.acts(LESSON, 1000)]
        assert kept == ["words-1", "words-2", "words-3"]
        assert await keeping.verify() is None


async def test_acts_awaited_together_are_kept_in_the_order_of_asking(keeping: Keeping) -> None:
    assert all(await asyncio.gather(*(keeping.remember(words(n)) for n in range(700))))
    assert await keeping.journal_ids() == [f"words-{n}" for n in range(700)]


async def test_declarations_never_go_backwards(keeping: Keeping) -> None:
    async def declare(number: int, version: int) -> tuple[int, bytes]:
        told = Declared(ONE, "attention", version, str(version).encode())
        await keeping.remember(words(number), [told])
        held = await keeping.write(lambda c: c.execute(select(declarations)).one())
        return held.version, held.body

    assert await declare(1, 7) == (7, b"7")
    assert await declare(2, 6) == (7, b"7")
    assert await declare(3, 9) == (9, b"9")


async def test_an_act_whose_declaration_cannot_be_kept_leaves_nothing(keeping: Keeping) -> None:
    await keeping.remember(words(1))
    torn = Declared(ONE, "attention", 3, None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(IntegrityError):
        await keeping.remember(words(2), [*DECLARED, torn])
    assert await keeping.journal_ids() == ["words-1"]
    assert not await keeping.write(lambda c: c.execute(select(declarations)).all())
    assert await keeping.remember(words(2), DECLARED)
    assert await keeping.verify() is None


async def hold_up(keeping: Keeping, let_go: threading.Event) -> asyncio.Future[None]:
    """Keep the writer busy, so that what is asked now waits together."""
    busy = threading.Event()

    def work(_: Connection) -> None:
        busy.set()
        let_go.wait()

    held = asyncio.ensure_future(keeping.write(work))  # noqa: TID251 - awaited by the test
    await asyncio.sleep(0)
    await asyncio.to_thread(busy.wait)
    return held


async def test_one_that_fails_spoils_no_other_that_waited_with_it(keeping: Keeping) -> None:
    runs = list[str]()

    def noted(_: Connection) -> None:
        runs.append("noted")

    def fails(_: Connection) -> None:
        raise LookupError

    let_go = threading.Event()
    held = await hold_up(keeping, let_go)
    together = asyncio.gather(
        keeping.remember(words(1)),
        keeping.write(noted),
        keeping.write(fails),
        keeping.remember(words(2)),
        return_exceptions=True,
    )
    await asyncio.sleep(0)
    let_go.set()
    await held
    first, _, failed, second = await together
    assert (first, second) == (True, True)
    assert isinstance(failed, LookupError)
    assert runs == ["noted", "noted"]  # once in the group that was undone, once alone
    assert await keeping.journal_ids() == ["words-1", "words-2"]
    assert await keeping.verify() is None


async def test_an_act_whose_teller_was_cancelled_is_kept_all_the_same(keeping: Keeping) -> None:
    let_go = threading.Event()
    held = await hold_up(keeping, let_go)
    telling = asyncio.ensure_future(keeping.remember(words(1)))  # noqa: TID251 - cancelled below
    await asyncio.sleep(0)
    telling.cancel()
    let_go.set()
    await held
    with pytest.raises(asyncio.CancelledError):
        await telling
    assert not await keeping.remember(words(1))


async def test_a_closed_store_takes_nothing_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        pass
    with pytest.raises(RuntimeError):
        await keeping.remember(words(1))


async def test_a_restart_finds_the_lesson_with_its_declarations(tmp_path: Path) -> None:
    async with opened(tmp_path) as first:
        for act in lesson_acts():
            await first.remember(act, DECLARED if isinstance(act, LockAsked) else ())
        above = first.versions_above()
    async with opened(tmp_path) as second:
        resumed = await second.under_way()
        assert resumed is not None
        assert resumed.declared == DECLARED
        assert {sitting.pupil for sitting in resumed.sittings} == {AMINA, BELA}
        assert second.versions_above() >= above + 1_000_000


async def test_an_act_that_cannot_be_read_keeps_nobody_out_of_the_lesson(
    keeping: Keeping, caplog: pytest.LogCaptureFixture
) -> None:
    handed = HandedOut(
        id="h-1",
        lesson=LESSON,
        at=NOON,
        handout="h",
        document="ab" * 32,
        name="a",
        size=1,
        everybody=True,
        pupils=(),
        devices=(ONE,),
    )
    for act in (
        *lesson_acts(),
        handed,
        HandOutWithdrawn(id="h-2", lesson=LESSON, at=NOON, handout="h"),
        CollectAsked(id="c-1", lesson=LESSON, at=NOON, ticket="c", devices=(ONE,)),
        CollectDone(id="c-2", lesson=LESSON, at=NOON, ticket="c", device=ONE, files=0),
    ):
        await keeping.remember(act)
    kept = await keeping.acts(LESSON, 100)
    spoil = "UPDATE journal SET body = x'7b7d' WHERE sequence = "
    for one in reversed(kept):
        assert await keeping.under_way() is not None
        row = text(f"{spoil}{one.sequence}")
        await keeping.write(lambda c, row=row: c.execute(row))
    assert await keeping.under_way() is None, "nobody knows any more which lesson that was"
    assert await keeping.acts(LESSON, 100) == []
    assert "an act cannot be read" in caplog.text
    caplog.clear()


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        ("UPDATE journal SET body = x'7b7d' WHERE sequence = 3", (3, "altered", "words-2")),
        ("UPDATE journal SET hash = x'00' WHERE sequence = 4", (4, "altered", "words-3")),
        ("UPDATE journal SET apart = zeroblob(32) WHERE sequence = 5", (5, "altered", "words-4")),
        ("DELETE FROM journal WHERE sequence = 6", (6, "removed", "words-6")),
        ("DELETE FROM journal WHERE sequence = 1", (1, "removed", "words-1")),
        ("UPDATE journal SET fields = x'7b7d' WHERE sequence = 7", (7, "words", "words-6")),
        ("UPDATE journal SET lesson = 'x' WHERE sequence = 8", (8, "altered", "words-7")),
        ("UPDATE journal SET at = at + 60 WHERE sequence = 8", (8, "altered", "words-7")),
        ("UPDATE journal SET at = 'late' WHERE sequence = 8", (8, "altered", "words-7")),
        ("UPDATE journal SET body = 'text' WHERE sequence = 2", (2, "altered", "words-1")),
        ("UPDATE journal SET fields = 'text' WHERE sequence = 2", (2, "words", "words-1")),
        (SWAPPED, (4, "reordered", "words-6")),
    ],
)
async def test_the_first_row_that_is_not_as_it_was_is_named(
    keeping: Keeping, harm: str, fault: tuple[int, str, str]
) -> None:
    for number in range(10):
        await keeping.remember(words(number))
    assert await keeping.verify() is None
    for each in harm.split(";"):
        await keeping.write(lambda c, harm=each: c.execute(text(harm)))
    found = (await keeping.look_through()).fault
    assert found is not None
    assert (found.sequence, found.what, found.id) == fault
    assert found.kind == "pupil-spoke"


async def test_a_fault_far_down_a_long_journal_is_found(keeping: Keeping) -> None:
    await asyncio.gather(*(keeping.remember(words(n)) for n in range(2 * ROWS_A_TURN + 10)))
    assert await keeping.verify() is None
    far = 2 * ROWS_A_TURN + 5
    harm = text("UPDATE journal SET body = x'7b7d' WHERE sequence = :far")
    await keeping.write(lambda c: c.execute(harm, {"far": far}))
    verdict = await keeping.look_through()
    assert verdict.fault is not None
    assert (verdict.entries, verdict.fault.sequence, verdict.fault.what) == (
        far - 1,
        far,
        "altered",
    )


async def test_a_pupil_is_erased_and_the_chain_still_holds(keeping: Keeping) -> None:
    for act in lesson_acts():
        await keeping.remember(act)
    assert await keeping.erase(AMINA) == 4  # she sat, was locked, got a paper, handed one in
    assert await keeping.verify() is None
    kept = await keeping.acts(LESSON, 1000)
    assert len(kept) == len(lesson_acts())
    told = repr([each.act for each in kept]) + repr(await keeping.waiting_events(200))
    assert AMINA not in told
    assert "fractions.pdf" not in told
    spoke = next(each.act for each in kept if isinstance(each.act, PupilSpoke))
    assert spoke.text == "Which page?"  # Béla's words are still his
    assert not await keeping.waiting_files(10)
    assert await keeping.remember(words(1))
    assert await keeping.verify() is None


async def test_names_go_by_age_by_both_clocks_and_nothing_of_them_is_left_lying(
    keeping: Keeping, tmp_path: Path
) -> None:
    for act in lesson_acts():
        await keeping.remember(act)
    newest = max(act.at for act in lesson_acts())
    floor = wall = float(newest)
    library = Library(tmp_path / "library")
    retaining = Retaining(keeping, library, tmp_path, lambda: floor, lambda: wall)
    await retaining.clean()
    assert AMINA in repr(await keeping.acts(LESSON, 1000)), "not yet"
    floor += 730 * DAY_SECONDS
    await retaining.clean()
    assert AMINA in repr(await keeping.acts(LESSON, 1000)), "a server's clock leapt"
    wall += 184 * DAY_SECONDS
    await retaining.clean()
    kept = await keeping.acts(LESSON, 1000)
    assert len(kept) == len(lesson_acts())
    assert AMINA not in repr([each.act for each in kept])
    assert await keeping.verify() is None
    erased = await keeping.write(lambda c: c.execute(text("PRAGMA secure_delete")).scalar())
    assert erased == 1, "pages that are free are overwritten"


async def test_what_takes_years_of_acts_is_done_in_parts_that_let_a_lesson_write_between_them(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classroom_app.storage.erasing.ROWS_A_PART", 3)
    monkeypatch.setattr("classroom_app.storage.erasing.WORKS_A_PART", 1)
    works = [one for one in lesson_acts() if isinstance(one, HandInKept)]
    for number in range(3):
        for work in works:
            again = msgspec.structs.replace(work, id=f"{work.id}-{number}", at=NOON)
            await keeping.remember(again)
    await asyncio.gather(*(keeping.remember(words(number)) for number in range(10)))
    parts, asked, since = list[str](), keeping.write, iter(range(80, 99))

    async def write(work: Callable[[Connection], T]) -> T:
        parts.append("part")
        if len(parts) == 3:
            assert await keeping.remember(words(next(since))), "an act has its turn"
        return await asked(work)

    monkeypatch.setattr(keeping, "write", write)
    now = NOON + 100
    assert len(await keeping.kept_work(NOON + 99, now)) == 0
    assert len(await keeping.kept_work(NOON, now)) == 3
    parts.clear()
    blanked = keeping.blanked
    assert await keeping.forget_before(NOON + 5, now) == 5 + 3
    assert keeping.blanked > blanked, "who shows acts reads them anew"
    whole = len(parts)
    (left, *_) = [kept for kept in await keeping.acts(LESSON, 99) if "Question" in repr(kept)]
    assert left.act.at == NOON + 5
    assert await keeping.forget_before(NOON + 7, now + 1) == 2
    parts.clear()
    assert await keeping.forget_before(NOON + 7, now + 2) == 0
    assert len(parts) < whole, "it goes on from where it came to"
    assert await keeping.verify() is None


async def test_what_waits_anew_between_the_look_and_the_forgetting_is_found_the_next_time(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classroom_app.storage.erasing.ROWS_A_PART", 3)
    keeping.chosen["server"] = "https://school"
    for number in range(9):
        await keeping.remember(words(number))
    states = [
        "UPDATE journal SET state = CASE id WHEN 'words-{}' THEN 'waiting' ELSE 'applied' END"
    ]
    await keeping.write(lambda c: c.execute(text(states[0].format(4))))

    def forgets(
        after: int, at: int, told: Dates, connection: Connection, *, sends: bool, only_look: bool
    ) -> Forgotten:
        if states and not only_look:
            connection.execute(text(states.pop().format(3)))
        return forget_before(after, at, told, connection, sends=sends, only_look=only_look)

    monkeypatch.setattr("classroom_app.storage.journal.forget_before", forgets)
    assert await keeping.forget_before(NOON + 6, NOON + 9) == 5
    await keeping.settled((Outcome("words-3", "applied"),))
    assert await keeping.forget_before(NOON + 6, NOON + 10) == 1
    left = [kept for kept in await keeping.acts(LESSON, 9) if "Question" in repr(kept)]
    assert [kept.sequence for kept in left] == [7, 8, 9]


async def all_went_and_she_leaves(keeping: Keeping) -> None:
    """Keep a lesson that the school has whole; then a turn says that Amina is erased."""
    for act in lesson_acts():
        await keeping.remember(act)
    await keeping.settled(tuple(Outcome(act.id, "applied") for act in lesson_acts()))
    await keeping.file_settled("act-12", FileAnswer("act-12", "kept"))
    gone = (Change(9, "pupil", AMINA),)
    assert await keeping.apply("teacher:t-1", "epoch", gone, "on-9", 0, "")


@pytest.mark.parametrize("spoilt", SPOILS)
async def test_work_that_cannot_be_told_is_nobodys_and_has_none_removed_until_it_is_old(
    keeping: Keeping, tmp_path: Path, caplog: pytest.LogCaptureFixture, spoilt: tuple[str, bytes]
) -> None:
    await all_went_and_she_leaves(keeping)
    await spoil(keeping, *spoilt, "act-12")
    library = Library(tmp_path / "library", reserve_bytes=0)
    (tmp_path / "source").write_bytes(b"1/2")
    document = library.keep(tmp_path / "source").document
    work = tmp_path / COLLECTED / "5e B/2026-11-24 10.00.00/Amina/fractions.pdf"
    work.parent.mkdir(parents=True)
    work.write_bytes(b"1/2")
    for one in (library.path_of(document), work, work.parent, work.parent.parent):
        os.utime(one, (wrong := NOON - 400 * DAY_SECONDS, wrong))
    now = float(NOON + 2 * DAY_SECONDS)
    retaining = Retaining(keeping, library, tmp_path, lambda: now, lambda: now)
    await retaining.clean()
    assert (work.exists(), library.holds(document)) == (True, True)
    told = [kept for kept in await keeping.acts(LESSON, 1000) if kept.act.id != "act-12"]
    assert AMINA not in repr(told), "all else of her is erased"
    now = float(NOON + 184 * DAY_SECONDS)
    await retaining.clean()
    await retaining.clean()
    assert (work.exists(), library.holds(document)) == (False, False)
    caplog.clear()  # "an act cannot be read", "no work is cleaned up"


@pytest.mark.parametrize("way", ["a person", "the school", "age"])
async def test_nobody_is_erased_of_whom_a_copy_would_tell_on(
    keeping: Keeping, tmp_path: Path, way: str
) -> None:
    await all_went_and_she_leaves(keeping)
    later = max(act.at for act in lesson_acts()) + 1

    async def erased() -> int:
        match way:
            case "a person":
                return await keeping.erase(AMINA)
            case "the school":
                return await keeping.erase_told(later, later, tmp_path)
            case _:
                return await keeping.forget_before(later, later)

    stays = copy_of(keeping.path, f"{DAMAGED}-1")
    (stays / "as a file that is held open does").mkdir(parents=True)
    with pytest.raises(NotKept):
        await erased()
    assert AMINA in repr(await keeping.acts(LESSON, 1000)), "the next time finds what is to be done"
    shutil.rmtree(stays)
    copy = copy_of(keeping.path, DAILY)
    copy.write_bytes(b"tells of her")
    assert await erased() >= 4
    assert AMINA not in repr(await keeping.acts(LESSON, 1000))
    assert not copy.exists()
    copy.write_bytes(b"made since, and tells of nobody")
    if way != "a person":
        assert await erased() == 0
        assert copy.exists()


@pytest.mark.parametrize(("told", "days"), [(b'{"journal": 9}', 9), (b'{"journal": 0}', 183)])
def test_how_long_is_a_setting_and_a_spoilt_one_leaves_the_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, told: bytes, days: int
) -> None:
    (tmp_path / "retention.json").write_bytes(told)
    assert read_periods(tmp_path / "retention.json", RETENTION, Retention()).journal == days
    caplog.clear()


@pytest.mark.parametrize("rows", [2, 250])
async def test_whom_the_school_has_erased_is_erased_here_when_it_has_all_and_the_day_is_over(
    keeping: Keeping, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr("classroom_app.storage.erasing.ROWS_A_PART", rows)
    for act in lesson_acts():
        await keeping.remember(act)
    work = tmp_path / COLLECTED / "5e B/Amina/fractions.pdf"
    other = tmp_path / COLLECTED / "5e B/Béla/fractions.pdf"
    for one in (work, other):
        one.parent.mkdir(parents=True)
        one.write_bytes(b"1/2")
    newest = max(act.at for act in lesson_acts())
    now = float(newest + DAY_SECONDS + 1)
    retaining = Retaining(keeping, Library(tmp_path / "library"), tmp_path, lambda: now)

    async def names_her() -> bool:
        await retaining.clean()
        return AMINA in repr(await keeping.acts(LESSON, 1000))

    for scope in (SCOPE, "teacher:t-1"):
        gone = (Change(9, "pupil", AMINA),)
        assert await keeping.apply(SCOPE, "epoch", ROSTER, "on-5", 0, "")
        assert await keeping.apply(scope, "epoch", gone, "on-9", 0, "")
        assert await names_her(), "she has left a class; or: the school has yet to be told"
    kept = tuple(Outcome(act.id, "applied") for act in lesson_acts())
    await keeping.settled(kept)
    await keeping.file_settled("act-12", FileAnswer("act-12", "kept"))
    assert await names_her(), "she stands in a class again"
    assert await keeping.apply(SCOPE, "epoch", (Change(10, "pupil", AMINA),), "on-10", 0, "")
    now = float(NOON + DAY_SECONDS)
    assert await names_her(), "it is of today"
    now = float(newest + DAY_SECONDS + 1)
    assert not await names_her()
    assert (work.exists(), work.parent.exists(), other.exists()) == (False, False, True)
    told = [each.act for each in await keeping.acts(LESSON, 1000)]
    assert next(act.text for act in told if isinstance(act, PupilSpoke)) == "Which page?"
    assert await keeping.verify() is None
    assert AMINA not in repr(await keeping.write(read)), "it is done, and nobody is noted"
