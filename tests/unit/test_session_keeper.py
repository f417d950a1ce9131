import asyncio
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from device_bridge.protocol.errors import DeviceError, NotPaired, TryAgain
from device_bridge.protocol.hello import Answer, Hello, Pulse, Refused, Welcome
from device_bridge.protocol.messages import FromDevice, encode
from device_bridge.protocol.talking import Heard
from device_bridge.session.keeper import Keeper, first_of, retry_pauses
from device_bridge.session.lanes import REDIAL_SECONDS, KeptLane, Wanted
from device_bridge.session.link import Session, error_of
from device_bridge.session.outbox import WAITING_MAX, Outbox
from device_bridge.session.wire import Lane, Path, WireEnded

HELLO = Hello(1, 1, "app", "grant")
WELCOME = Welcome(1, "dev-1", "boot", "agent", "linux", bytes(32), bytes(16))


def test_pauses_double_up_to_their_cap_and_are_spread() -> None:
    pauses = retry_pauses(1.0, 5.0, lambda: 0.5)
    assert [next(pauses) for _ in range(5)] == [0.5, 1.0, 2.0, 2.5, 2.5]


async def test_a_flood_of_sightings_buys_one_dial_a_second() -> None:
    loop = asyncio.get_running_loop()
    dials: list[float] = []
    lost: list[Exception] = []

    async def once(up: Callable[[], None]) -> None:
        del up
        dials.append(round(loop.time(), 1))
        raise TryAgain(1)

    def pauses() -> Iterator[float]:
        yield from (600.0,) * 100

    keeper = Keeper(once, pauses, lost.append)

    async def flood() -> None:
        for _ in range(50):
            keeper.wake()
            await asyncio.sleep(0.1)

    async with asyncio.TaskGroup() as group:
        kept = group.create_task(keeper.run())
        await flood()
        kept.cancel()
    assert 4 <= len(dials) <= 6
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(dials))
    assert len(lost) >= 4


async def test_a_keeper_told_to_end_while_its_session_breaks_ends() -> None:
    broken = asyncio.Event()

    async def breaks() -> None:
        await broken.wait()
        raise WireEnded("1006")

    async def once(up: Callable[[], None]) -> None:
        up()
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(breaks())

    keeper = Keeper(once, lambda: iter((1.0,) * 100), lambda _: None)
    kept = asyncio.get_running_loop().create_task(keeper.run())
    await asyncio.sleep(1)
    broken.set()
    await asyncio.sleep(0)  # the lane fails in this turn, and in the same one all is to end
    keeper.end()
    kept.cancel()
    await asyncio.sleep(2)
    assert kept.done()


async def test_each_session_begins_with_no_cancellation_counted() -> None:
    counted: list[int] = []

    async def breaks() -> None:
        await asyncio.sleep(1)
        raise WireEnded("1006")

    async def once(up: Callable[[], None]) -> None:
        up()
        task = asyncio.current_task()
        assert task is not None
        counted.append(task.cancelling())
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(breaks())

    keeper = Keeper(once, lambda: iter((1.0,) * 100), lambda _: None)
    async with asyncio.TaskGroup() as group:
        kept = group.create_task(keeper.run())
        await asyncio.sleep(20)
        keeper.end()
        kept.cancel()
    assert len(counted) > 3
    assert set(counted) == {0}


async def test_pauses_begin_anew_after_a_session_that_stood() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    dials: list[float] = []

    async def once(up: Callable[[], None]) -> None:
        dials.append(round(loop.time() - began))
        if len(dials) == 3:
            up()
        raise WireEnded("lost")

    keeper = Keeper(once, lambda: retry_pauses(2.0, 60.0, lambda: 1.0), lambda _: None)
    async with asyncio.TaskGroup() as group:
        kept = group.create_task(keeper.run())
        await asyncio.sleep(20)
        kept.cancel()
    assert dials[:5] == [0, 3, 8, 11, 16]


def test_the_first_failure_is_found_under_nested_groups() -> None:
    inner = ExceptionGroup("b", [WireEnded("1000")])
    assert isinstance(first_of(ExceptionGroup("a", [inner])), WireEnded)


class FakeWire:
    """A wire that says what it is given, then waits."""

    def __init__(self, *said: FromDevice) -> None:
        self.said = [encode(message) for message in said]
        self.sent: list[bytes] = []
        self.closed = False

    async def receive(self) -> bytes:
        if self.said:
            return self.said.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def send(self, raw: bytes) -> None:
        self.sent.append(raw)

    async def close(self) -> None:
        self.closed = True


async def run(wire: FakeWire) -> tuple[Exception, list[FromDevice]]:
    heard: list[FromDevice] = []
    session = Session(wire, "dev-1", heard.append)
    error: Exception = AssertionError("a session ends by an exception")
    try:
        await session.run(HELLO, lambda _welcome, _group: None)
    except* (OSError, DeviceError) as group:
        error = first_of(group)
    assert wire.closed
    return error, heard


async def test_a_session_hears_after_the_welcome_until_the_device_falls_silent() -> None:
    pulse = Pulse(1, current=True)
    error, heard = await run(FakeWire(WELCOME, pulse, Answer("x", "done")))
    assert heard == [pulse, Answer("x", "done")]
    assert str(error) == "silent"


async def test_a_device_that_never_answers_the_hello_is_given_up() -> None:
    error, heard = await run(FakeWire())
    assert isinstance(error, TimeoutError)
    assert heard == []


async def test_a_refused_hello_says_what_helps() -> None:
    error, _ = await run(FakeWire(Refused("hello", "not-paired")))
    assert isinstance(error, NotPaired)
    assert isinstance(error_of(Refused("hello", "busy")), TryAgain)


async def test_what_is_urgent_leaves_first_and_the_newest_of_a_kind_only() -> None:
    outbox = Outbox()
    outbox.put(Heard("a"))
    outbox.put(Heard("old"), newest_of="x")
    outbox.put(Heard("now"), urgent=True)
    outbox.put(Heard("b"))
    outbox.put(Heard("new"), newest_of="x")
    taken = [await outbox.take() for _ in range(4)]
    assert taken == [Heard("now"), Heard("a"), Heard("new"), Heard("b")]
    assert outbox.empty


async def test_a_peer_that_does_not_read_loses_the_link() -> None:
    outbox = Outbox()
    for _ in range(WAITING_MAX + 1):
        outbox.put(Heard("a"))
    with pytest.raises(WireEnded):
        await outbox.take()


async def test_lanes_that_are_cut_together_are_not_dialled_again_in_step() -> None:
    loop = asyncio.get_running_loop()
    dials: list[float] = []
    spread = iter((0.5, 0.9, 0.7))

    async def dial(path: Path) -> Lane:
        assert path == "/bulk"
        dials.append(loop.time())
        raise ConnectionResetError

    async def unused(lane: Lane) -> None:
        raise AssertionError(lane)

    wanted = Wanted(lambda: len(dials) == 3)
    lane = KeptLane("/bulk", wanted, dial, b"", unused, lambda: next(spread))
    await lane.run()
    pauses = [round(later - earlier, 2) for earlier, later in pairwise(dials)]
    assert pauses == [0.5 * REDIAL_SECONDS, 0.9 * REDIAL_SECONDS]
