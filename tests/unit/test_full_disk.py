"""What runs beside a lesson outlives a full disk: it is tried again, and nothing else ends."""

import asyncio

import pytest

from classroom_app.cloud.sync import Sync, SyncState
from classroom_app.domain.acts import ControlEnded, ControlTaken
from classroom_app.domain.errors import NotKept, StoreFull
from classroom_app.full_disk import keep_room
from classroom_app.services.arrivals import Arrivals
from classroom_app.services.control import Control
from classroom_app.services.presence import LOOK_SECONDS, Ended, Presence
from device_bridge.protocol.control import LINK_LOST
from tests.cart import ONE, Cart
from tests.sync_store import MemoryStore, Trusting
from tests.unit.test_cloud_sync import Script, run_for
from tests.unit.test_seats import Kept


async def fails(*_: object) -> None:
    raise NotKept("disk I/O error")


class FullStore(MemoryStore):
    full = True

    async def keep_scopes(self, scopes: tuple[str, ...]) -> None:
        if self.full:
            raise StoreFull
        await super().keep_scopes(scopes)


async def test_the_exchange_with_the_school_waits_for_a_disk_to_have_room() -> None:
    script, store, told = Script(), FullStore(), list[SyncState]()
    sync = Sync(script, store, Trusting(), told.append, lambda: 1000.0, lambda: 1.0)
    await run_for(sync, 10)
    assert (sync.state.why, sync.state.in_step_at) == ("not-kept", 0.0)
    store.full = False
    await run_for(sync, 300)
    assert (sync.state.why, sync.state.in_step_at) == ("", 1000.0)


@pytest.mark.parametrize(
    ("call", "refuses"),
    [
        ("suspected_files", ""),
        ("waiting_files", ""),
        ("waiting_work", ""),
        ("file_settled", ""),
        ("file_settled", "malformed"),
    ],
)
async def test_a_disk_that_fails_while_work_goes_ends_the_turn_and_not_the_exchange(
    call: str, refuses: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, store = Script(), MemoryStore()
    store.collect("work", "p-1", [b"piece"])
    script.refuses = refuses
    sync = Sync(script, store, Trusting(), lambda _: None, lambda: 1000.0, lambda: 1.0)
    with monkeypatch.context() as disk:
        disk.setattr(store, call, fails)
        with pytest.raises(
            NotKept
        ):  # no group: whoever closes the app, or asks for a turn, reads it
            await sync.once()
        await run_for(sync, 10)
        assert (sync.state.waiting, sync.state.in_step_at) == (1, 0.0)
    await run_for(sync, 300)
    assert (sync.state.waiting, sync.state.in_step_at) == (0, 1000.0)


async def test_a_disk_that_fails_between_two_turns_ends_no_exchange(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, store = Script(), MemoryStore()
    sync = Sync(script, store, Trusting(), lambda _: None, lambda: 1000.0, lambda: 1.0)

    async def something_is_written() -> None:
        await asyncio.sleep(2)
        store.write(1)
        with monkeypatch.context() as disk:
            disk.setattr(store, "waiting_count", fails)
            sync.written()
            await asyncio.sleep(1)

    with pytest.raises(TimeoutError):  # noqa: PT012 - one story
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(sync.run())
            tasks.create_task(something_is_written())
    assert store.outcomes["event-1"].state == "applied"


async def test_a_link_that_is_lost_on_a_full_disk_ends_the_control_and_nothing_else() -> None:
    cart, said = Cart(), list[tuple[str, str, str]]()
    control = Control(cart.room, lambda device, state, why: said.append((device, state, why)))

    async def lost_twice() -> None:
        for full in (True, False):
            cart.journal.full = False
            await control.drive(ONE)
            cart.journal.full = full
            control.lost(ONE)
            await asyncio.sleep(1)

    with pytest.raises(TimeoutError):  # noqa: PT012 - one story
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(control.run())
            tasks.create_task(lost_twice())
    assert said == [(ONE, "asked", ""), (ONE, "off", LINK_LOST)] * 2
    assert [type(act) for act in cart.journal.acts] == [ControlTaken, ControlTaken, ControlEnded]


async def test_a_lesson_whose_hour_comes_on_a_full_disk_ends_with_the_first_room() -> None:
    cart, over = Cart(), list[Ended]()
    kept = Kept(cart)

    async def ended(what: Ended) -> None:
        over.append(what)

    presence = Presence(
        cart.room,
        rosters=kept,
        signs=kept,
        resumes=kept,
        follows=(),
        arrivals=Arrivals(cart.room),
        ended=ended,
    )
    cart.room.clock = Later()
    cart.journal.full = True

    async def room_is_made() -> None:
        await asyncio.sleep(3 * LOOK_SECONDS)
        assert cart.room.lesson is not None, "it is not said to be over before it was written"
        cart.journal.full = False

    with pytest.raises(TimeoutError):  # noqa: PT012 - one story
        async with asyncio.timeout(10 * LOOK_SECONDS), asyncio.TaskGroup() as tasks:
            tasks.create_task(presence.run())
            tasks.create_task(room_is_made())
    assert cart.room.lesson is None
    assert len(over) == 1


class Later:
    """The clock after the lesson."""

    def seconds(self) -> float:
        return 9999.0

    def utc(self) -> int:
        return 1_800_009_999

    def boot(self) -> float:
        return 9999.0


class Disk:
    """A store's disk as `look_for_room` finds it, one look after another."""

    def __init__(self, *looks: tuple[int, bool]) -> None:
        self.looks, self.full = list(looks), False

    async def look_for_room(self) -> int:
        lacks, self.full = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return lacks


async def test_the_teacher_reads_how_much_to_free_for_as_long_as_it_lacks() -> None:
    said = list[str]()
    disk = Disk((0, False), (50_000_000, False), (64_000_000, True), (12, True), (0, False))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(22):
            await keep_room(disk, said.append)
    assert said == [
        "",
        "Computer almost full: free 50.0 MB.",
        "This computer is full: free 64.0 MB.",
        "This computer is full: free 1.0 MB.",
        "",
    ]
