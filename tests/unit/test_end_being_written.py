"""The end of a lesson, while a busy disk writes it: nothing is asked in that lesson any more."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from classroom_app.domain.acts import Declared, DeviceCame, LessonOver, LockAsked, SeatClaim
from classroom_app.domain.errors import NoLesson, StoreFull
from classroom_app.domain.lesson import Device, DeviceId
from classroom_app.services.arrivals import Arrivals
from classroom_app.services.attention import RENEW_SECONDS, Attention
from classroom_app.services.hearing import Hearing
from classroom_app.services.presence import Ended, Presence
from classroom_app.services.seats import Seats
from classroom_app.services.talking import Talking
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Held, Report, Welcome
from device_bridge.protocol.materials import MaterialsDeclared
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.presence import LessonDeclared, SeatClaimed
from device_bridge.protocol.talking import PupilSaid
from tests.cart import LINA, NOBODY, ONE, TOM, TWO, Cart, FakeJournal
from tests.unit.test_hearing import shown
from tests.unit.test_seats import Kept
from tests.unit.test_withdrawing import Written, given

THREE = DeviceId("d3")
WELCOME = Welcome(1, TWO, "b", "a", "linux", b"l", b"n", held=(Held("attention", 40),))


class Room(Cart):
    """A lesson that is on, with everybody locked."""

    def __init__(self) -> None:
        super().__init__()
        self.kept, self.over = Kept(self), list[Ended]()
        self.attention, self.arrivals = Attention(self.room), Arrivals(self.room)

        async def ended(what: Ended) -> None:
            self.over.append(what)

        self.presence = Presence(
            self.room,
            rosters=self.kept,
            signs=self.kept,
            resumes=self.kept,
            follows=(self.attention,),
            arrivals=self.arrivals,
            ended=ended,
        )
        self.seats = Seats(self.room, (self.attention,))

    async def begun(self) -> "Room":
        await self.presence.start(3600)
        await self.attention.lock()
        return self

    def joins(self, device: DeviceId) -> None:
        here = self.kept.class_
        joined = Device(device, "Tablet 3", "test")
        self.kept.class_ = replace(here, devices=(*here.devices, joined))

    def is_on(self, device: DeviceId) -> bool:
        told = self.devices.declared.get(device, [])
        newest = [one.state for one in told if isinstance(one, LessonDeclared)][-1:]
        return newest == ["on"]

    def is_locked(self, device: DeviceId) -> bool:
        held = self.room.lock_of(device)
        return held is not None and held.locked


@asynccontextmanager
async def ending(at: Room) -> AsyncGenerator[asyncio.TaskGroup]:
    """Begin to end; the disk turns again when what the block has begun has come as far as it can.

    What the block has begun is awaited.
    """
    at.journal.turning.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(at.presence.end())
        await asyncio.sleep(0)
        yield tasks
        await asyncio.sleep(0)
        at.journal.turning.set()


async def refused(work: Coroutine[Any, Any, object], error: type[Exception] = StoreFull) -> None:
    with pytest.raises(error):
        await work


async def test_whoever_joins_or_comes_while_the_end_is_written_is_free_after_it() -> None:
    at = await Room().begun()
    async with ending(at) as tasks:
        at.joins(THREE)
        tasks.create_task(at.presence.refresh())
        tasks.create_task(at.arrivals.take(TWO, WELCOME))
    assert [each for each in (ONE, TWO, THREE) if at.is_on(each) or at.is_locked(each)] == []
    assert [type(act) for act in at.journal.acts[-2:]] == [LockAsked, LessonOver]


async def test_nobody_is_seated_or_locked_in_a_lesson_whose_end_is_being_written() -> None:
    at = await Room().begun()
    async with ending(at) as tasks:
        tasks.create_task(refused(at.seats.sit(TOM, ONE), NoLesson))
        tasks.create_task(refused(at.attention.lock(), NoLesson))
    assert (at.is_on(ONE), at.is_locked(ONE)) == (False, False)
    assert at.room.pupil_at(ONE) == NOBODY, "nor does the wall show whom the journal does not have"


async def test_a_second_end_is_not_written_beside_the_first() -> None:
    at = await Room().begun()
    async with ending(at) as tasks:
        tasks.create_task(refused(at.presence.end("time"), NoLesson))
    assert len(at.over) == 1


async def test_a_lesson_whose_end_the_disk_refuses_goes_on_as_it_was_before() -> None:
    at = await Room().begun()
    begun, disk = at.room.running(), at.journal
    disk.full = True
    disk.turning.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(refused(at.presence.extend(600)))
        tasks.create_task(refused(at.presence.end()))
        await asyncio.sleep(0)
        assert at.presence.under_way()
        disk.turning.set()
    assert at.room.running() == begun, "nor is it longer, for that was refused as well"
    disk.full = False
    await at.seats.sit(LINA, TWO)
    assert at.is_on(TWO)
    assert at.is_locked(TWO)


class Slow(Written):
    """What is read from the disk that writes the end."""

    def __init__(self, disk: FakeJournal) -> None:
        super().__init__({TWO: MaterialsDeclared(3, "earlier", (), ("h0",))})
        self._disk = disk

    async def last_declared(self, device: DeviceId, feature: str) -> Declared | None:
        await self._disk.turning.wait()
        return await super().last_declared(device, feature)


async def test_who_takes_a_word_looks_after_the_disk_whether_the_lesson_is_on_still() -> None:
    """Another lesson's end, and a device met first, of which the disk tells more."""
    at = await Room().begun()
    await at.arrivals.take(TWO, WELCOME)
    materials, disk = given(at, Slow(at.journal)), at.journal
    disk.turning.clear()
    async with asyncio.TaskGroup() as tasks:
        over = Report("presence", 99, "over")
        tasks.create_task(at.arrivals.take(TWO, over))
        tasks.create_task(materials.take(TWO, WELCOME))
        await asyncio.sleep(0)
        tasks.create_task(at.presence.end())
        await asyncio.sleep(0)
        disk.turning.set()
    assert not at.is_on(TWO)
    assert (TWO, "materials") not in at.room.declared
    assert isinstance(disk.acts[-1], LessonOver)


@asynccontextmanager
async def end_refused(at: Room) -> AsyncGenerator[asyncio.TaskGroup]:
    """As `ending`, by a disk that has room again once it has refused the end."""
    disk = at.journal

    async def end() -> None:
        await refused(at.presence.end())
        disk.full = False

    disk.full = True
    disk.turning.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(end())
        await asyncio.sleep(0)
        yield tasks
        await asyncio.sleep(0)
        disk.turning.set()


async def test_what_comes_while_an_end_is_written_that_is_refused_is_not_lost() -> None:
    at = await Room().begun()
    features = at.arrivals, at.attention, at.seats, Talking(at.room)
    told = list[Exception]()
    hearing = Hearing(at.room, features, pictured=shown, refused=told.append, utc=lambda: 0.0)
    claim = SeatClaimed("s2", at.room.lesson_id(), TOM)
    words: list[FromDevice] = [PupilSaid("s1", "hand-up"), claim]
    async with end_refused(at) as tasks:
        hearing.up(TWO, WELCOME)
        for word in words:
            hearing.heard(TWO, word)
        tasks.create_task(hearing.settle())
        at.joins(THREE)
        tasks.create_task(at.presence.refresh())
    assert told == []
    assert at.is_on(THREE)
    assert at.is_locked(THREE), "as everybody"
    assert {DeviceCame, SeatClaim} <= {type(act) for act in at.journal.acts}
    held = at.room.lock_of(TWO)
    assert held
    assert held.version > WELCOME.held[0].version, "what it was told is told it above what it holds"
    seen = at.room.evidence(TWO)
    assert seen.claim == TOM
    assert seen.wish
    assert seen.wish.kind == "hand"


async def test_a_lock_is_renewed_at_once_where_an_end_is_refused_after_a_long_wait() -> None:
    at = await Room().begun()

    def locks() -> int:
        return sum(isinstance(one, LockDeclared) for one in at.devices.declared[ONE])

    async with asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(at.attention.run())
        async with end_refused(at):
            await asyncio.sleep(RENEW_SECONDS + 1)
            assert locks() == 2, "when it began, and the lock"
        await asyncio.sleep(0)
        assert locks() == 3
        renewing.cancel()
