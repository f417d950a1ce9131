"""A teacher's laptop with an empty battery: what it dates years back, or ahead, goes no sooner."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from central_mdm.contract.journal import Outcome
from central_mdm.contract.partage import FileAnswer
from central_mdm.contract.roster import Change
from classroom_app.domain.acts import AnyAct, HandInKept
from classroom_app.domain.lesson import LessonId
from classroom_app.retaining import COLLECTED, Retaining
from classroom_app.storage.keeping import Keeping
from device_bridge.materials.library import Library
from device_bridge.retention import DAY_SECONDS
from tests.stores import AMINA, LESSON, NOON, lesson_acts
from tests.stores.opening import opened

pytestmark = pytest.mark.real_loop
EMPTY: Final = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
OF_THE_BOARD: Final = int(datetime(2025, 3, 1, tzinfo=UTC).timestamp())
AHEAD: Final = int(datetime(2035, 1, 1, tzinfo=UTC).timestamp())
YESTERDAY: Final = LessonId("yesterday")
STARTED: Final = "%Y-%m-%d %H.%M.%S"


class Laptop:
    """One teacher's computer; `wall` is what its clock says."""

    def __init__(self, home: Path, keeping: Keeping) -> None:
        self.home, self.keeping = home, keeping
        self.library = Library(home / "library", reserve_bytes=0)
        self.wall = float(NOON)
        # A floor that is no help: it began at what the clock said.
        self._retaining = Retaining(
            keeping, self.library, home, lambda: self.wall, lambda: self.wall
        )

    def with_server(self) -> None:
        self.keeping.chosen["server"] = "https://mdm.example"

    async def started(self, at: float) -> None:
        """Start the app, with what it cleans up then."""
        self.wall = at
        await self._retaining.clean()

    async def holds_a_lesson(self, name: LessonId, at: int) -> Path:
        """Hold it by a clock that says `at`; return the work that was collected."""
        self.wall = at
        home = self.home / COLLECTED / "5e B" / datetime.fromtimestamp(at, UTC).strftime(STARTED)
        work = home / "Amina/fractions.pdf"
        work.parent.mkdir(parents=True)
        work.write_bytes(name.encode())
        document = self.library.keep(work).document
        for told in lesson_acts():
            act: AnyAct = replace(told, id=f"{name}-{told.id}", lesson=name, at=at)
            if isinstance(act, HandInKept):
                path = str(work.relative_to(self.home / COLLECTED))
                act = replace(act, path=path, document=document.hex())
            await self.keeping.remember(act)
        for one in (work, work.parent, home, self.library.path_of(document)):
            os.utime(one, (at, at))
        return work

    async def has_all_of(self, name: LessonId, work: Path) -> bool:
        """Say whether names, work and its copy for the school are here; all or nothing is."""
        acts = [kept.act for kept in await self.keeping.acts(name, 1000)]
        act = next(one for one in acts if isinstance(one, HandInKept))
        document = bytes.fromhex(act.document)
        found = {AMINA in repr(acts), _lies(work), self.library.holds(document)}
        assert len(found) == 1, acts
        return found.pop()

    async def sent(self, name: LessonId) -> None:
        """Have the school take all that it is offered of a lesson."""
        waits = await self.keeping.waiting_events(1000)
        taken = tuple(Outcome(one.id, "applied") for one in waits if one.lesson == name)
        await self.keeping.settled(taken)
        for file in await self.keeping.waiting_files(10):
            await self.keeping.file_settled(file.id, FileAnswer(file.id, "kept"))


def _lies(work: Path) -> bool:
    return work.exists()


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    async with opened(tmp_path) as keeping:
        yield Laptop(tmp_path, keeping)


@pytest.mark.parametrize("behind", [EMPTY, OF_THE_BOARD])
async def test_a_lesson_on_a_clock_that_is_years_behind_waits_for_the_school_as_any_other(
    laptop: Laptop, behind: int
) -> None:
    laptop.with_server()
    await laptop.started(NOON)
    await laptop.started(behind)
    work = await laptop.holds_a_lesson(YESTERDAY, behind)
    await laptop.started(NOON + DAY_SECONDS)
    assert await laptop.has_all_of(YESTERDAY, work)
    await laptop.started(NOON + 400 * DAY_SECONDS)
    assert await laptop.has_all_of(YESTERDAY, work), "the school has nothing of it"
    (offered,) = await laptop.keeping.waiting_files(10)
    assert offered.name == "Amina's fractions.pdf"
    await laptop.sent(YESTERDAY)
    await laptop.started(NOON + 401 * DAY_SECONDS)
    assert AMINA not in repr(await laptop.keeping.acts(YESTERDAY, 1000))
    await laptop.started(NOON + 1000 * DAY_SECONDS)
    assert not await laptop.has_all_of(YESTERDAY, work)


@pytest.mark.parametrize("behind", [EMPTY, OF_THE_BOARD])
@pytest.mark.parametrize("server", [True, False], ids=["sent", "no server"])
async def test_it_is_as_old_as_the_day_on_which_the_clock_was_right_again(
    laptop: Laptop, behind: int, *, server: bool
) -> None:
    await laptop.started(NOON)
    await laptop.started(behind)
    work = await laptop.holds_a_lesson(YESTERDAY, behind)
    if server:
        laptop.with_server()
        await laptop.sent(YESTERDAY)
    for days in (1, 2, 183):
        await laptop.started(NOON + days * DAY_SECONDS)
        assert await laptop.has_all_of(YESTERDAY, work)
    await laptop.started(NOON + 185 * DAY_SECONDS)
    assert AMINA not in repr(await laptop.keeping.acts(YESTERDAY, 1000))
    for days in (366, 1000):  # of before Pupitre was written: a year more
        await laptop.started(NOON + days * DAY_SECONDS)
    assert not await laptop.has_all_of(YESTERDAY, work)


async def test_a_clock_ahead_keeps_nobody_for_ever(laptop: Laptop) -> None:
    await laptop.started(NOON)
    await laptop.started(AHEAD)
    ahead = await laptop.holds_a_lesson(LESSON, AHEAD)
    honest = await laptop.holds_a_lesson(YESTERDAY, NOON)
    await laptop.started(NOON + DAY_SECONDS)
    for name in (LESSON, YESTERDAY):
        await laptop.sent(name)
    gone = (Change(9, "pupil", AMINA),)
    assert await laptop.keeping.apply("teacher:t-1", "epoch", gone, "on-9", 0, "")
    await laptop.started(NOON + 3 * DAY_SECONDS)
    for name, work in ((LESSON, ahead), (YESTERDAY, honest)):
        assert AMINA not in repr(await laptop.keeping.acts(name, 1000))
        assert not _lies(work)


async def test_by_a_clock_that_is_right_all_goes_by_its_own_date(laptop: Laptop) -> None:
    works = list[tuple[LessonId, Path]]()
    for day in range(3):
        name = LessonId(f"day-{day}")
        await laptop.started(NOON + day * DAY_SECONDS)
        works.append((name, await laptop.holds_a_lesson(name, NOON + day * DAY_SECONDS + 3600)))
    # The app is not opened for months: what is of the last day is of that day all the same.
    await laptop.started(NOON + 184 * DAY_SECONDS + 7200)
    told = [AMINA in repr(await laptop.keeping.acts(name, 1000)) for name, _ in works]
    assert told == [False, False, True]
    await laptop.started(NOON + 185 * DAY_SECONDS + 7200)
    assert AMINA not in repr(await laptop.keeping.acts(works[2][0], 1000))
    assert all(_lies(work) for _, work in works), "work stays for a year"
    await laptop.started(NOON + 366 * DAY_SECONDS + 7200)
    assert [_lies(work) for _, work in works] == [False, False, True]


async def test_of_a_day_two_marks_stay(laptop: Laptop) -> None:
    for hour in range(0, 49, 6):
        await laptop.started(NOON + hour * 3600)
    marks = text("SELECT json_array_length(value) FROM settings WHERE name = 'dates'")
    assert await laptop.keeping.write(lambda one: one.execute(marks).scalar()) == 4
