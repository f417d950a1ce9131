"""A teacher's clock that is set while a lesson is on: the lesson is as long as it was to be."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from classroom_app.domain.acts import LessonExtended, LessonOver
from classroom_app.domain.errors import GrantEnded, StoreFull
from classroom_app.domain.lesson import Lesson
from classroom_app.services.arrivals import Arrivals
from classroom_app.services.presence import LEAST_SECONDS, LOOK_SECONDS, Ended, Presence
from device_bridge.protocol.presence import LessonDeclared
from tests.cart import ONE, Cart, FakeJournal
from tests.unit.test_seats import Kept

YEARS = 6 * 365 * 86_400


class Laptop:
    """A clock on the wall, and one that counts since the start."""

    def __init__(self) -> None:
        self.wall, self._since = 1_500_000_000, asyncio.get_running_loop().time()
        self.slept = 0

    def seconds(self) -> float:
        return asyncio.get_running_loop().time()

    def boot(self) -> float:
        return self.seconds() - self._since + self.slept

    def utc(self) -> int:
        return int(self.wall + self.boot())


class Papers(Kept):
    """Signs until the grant has ended."""

    ended = False

    def sign(self, lesson: Lesson, now: int) -> str:
        if self.ended:
            raise GrantEnded(lesson.class_name, now)
        return f"{lesson.id} to {lesson.ends_at}"


class Room(Cart):
    """A lesson of an hour that has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.laptop, self.over = Laptop(), list[Ended]()
        self.papers = Papers(self)
        self.room.clock = self.laptop

        async def ended(what: Ended) -> None:
            self.over.append(what)

        self.presence = Presence(
            self.room,
            rosters=self.papers,
            signs=self.papers,
            resumes=self.papers,
            follows=(),
            arrivals=Arrivals(self.room),
            ended=ended,
        )

    def set_clock(self, seconds: int) -> None:
        self.laptop.wall += seconds

    def last(self) -> LessonDeclared:
        told = self.devices.declared[ONE]
        return [each for each in told if isinstance(each, LessonDeclared)][-1]


@asynccontextmanager
async def lesson() -> AsyncGenerator[Room]:
    at = Room()
    async with asyncio.TaskGroup() as tasks:
        await at.presence.start(3600)
        running = tasks.create_task(at.presence.run())
        yield at
        running.cancel()


async def looks(count: int = 2) -> None:
    await asyncio.sleep(count * LOOK_SECONDS)


async def test_the_end_moves_with_the_clock_and_comes_when_the_hour_is_over() -> None:
    async with lesson() as at:
        begun = at.room.running()
        at.set_clock(YEARS)
        assert at.room.lease_seconds() > 500
        await looks()
        assert at.room.running().ends_at == begun.ends_at + YEARS
        assert at.presence.mandate() == f"{begun.id} to {begun.ends_at + YEARS}"
        assert 3590 <= at.last().until_seconds <= 3600
        (moved,) = [act for act in at.journal.acts if isinstance(act, LessonExtended)]
        assert (moved.clock_set, moved.ends_at) == (YEARS, begun.ends_at + YEARS)
        at.set_clock(-YEARS - 3600)
        await looks()
        assert at.room.running().ends_at == begun.ends_at - 3600
        await asyncio.sleep(3580)
        assert at.room.lesson, "no minute is taken from it"
        await asyncio.sleep(20)
        assert at.room.lesson is None
        assert [type(act) for act in at.journal.acts[-1:]] == [LessonOver]


async def test_a_laptop_that_sleeps_past_the_end_has_no_lesson_when_it_wakes() -> None:
    async with lesson() as at:
        at.laptop.slept = 3600
        await looks()
        assert at.room.lesson is None
        assert not [act for act in at.journal.acts if isinstance(act, LessonExtended)]


async def test_where_the_disk_is_full_or_the_right_has_ended_the_lesson_goes_on() -> None:
    async with lesson() as at:
        begun, mandate = at.room.running(), at.presence.mandate()
        at.papers.ended = at.journal.full = True
        at.set_clock(YEARS)
        await asyncio.sleep(600)
        assert at.room.running() == begun, "nothing is said that was not written"
        assert at.last().until_seconds <= 3600 - 400, "it is renewed all the same"
        at.journal.full = False
        await looks()
        assert at.room.running().clock_set == YEARS
        assert at.presence.mandate() == mandate


async def test_an_end_is_taken_back_whatever_was_set_since() -> None:
    async with lesson() as at:
        await asyncio.sleep(3601)
        assert at.over
        at.set_clock(YEARS)
        await at.presence.go_on()
        await looks()
        left = at.room.running().ends_at - at.laptop.utc()
        assert LEAST_SECONDS - 10 <= left <= LEAST_SECONDS


async def test_a_share_that_the_disk_refuses_takes_no_prolongation_back() -> None:
    async with lesson() as at:
        begun = at.room.running()
        async with refused_after(at, at.presence.share(shared=True)):
            await at.presence.extend(600)
        assert at.room.running() == replace(begun, ends_at=begun.ends_at + 600)


async def test_a_prolongation_that_the_disk_refuses_goes_though_the_lesson_is_shared_now() -> None:
    async with lesson() as at:
        begun = at.room.running()
        async with refused_after(at, at.presence.extend(600)):
            await at.presence.share(shared=True)
        assert at.room.running() == replace(begun, shared=True)


async def test_a_clock_is_not_believed_where_the_disk_refuses_it_and_the_lesson_is_shared() -> None:
    async with lesson() as at:
        begun, slow = at.room.running(), at.journal
        slow.turning.clear()
        slow.full = True
        at.set_clock(YEARS)
        await looks()
        assert at.room.running().clock_set, "it waits for the disk"
        at.room.journal = FakeJournal()
        await at.presence.share(shared=True)
        slow.turning.set()
        await looks()
        shared = replace(begun, ends_at=begun.ends_at + YEARS, shared=True, clock_set=YEARS)
        assert at.room.running() == shared, "it was refused, and tried again"
        assert at.room.left_seconds() > 3590


@asynccontextmanager
async def refused_after(at: Room, work: Awaitable[object]) -> AsyncGenerator[None]:
    """Begin `work`, which a full disk refuses once the block, that it takes, is done."""
    at.journal.turning.clear()
    at.journal.full = True
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(refused(work))
        await asyncio.sleep(0)
        at.room.journal = FakeJournal()
        yield
        at.journal.turning.set()


async def refused(work: Awaitable[object]) -> None:
    with pytest.raises(StoreFull):
        await work
