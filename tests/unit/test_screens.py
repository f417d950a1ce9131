"""Monitors that come and go: told by the seat, bounded by the guard, kept in a tile."""

import asyncio
from pathlib import Path

import pytest

from classroom_app.domain.evidence import Evidence, came, screens_told, went
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.room import LockWanted, Place, tile_of
from classroom_app.presenters.sentences import hint, spoken
from device_bridge.agent.seat.screens import LOOK_SECONDS, Monitors
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.hello import SCREENS_MAX, Screen, ScreensTold, Welcome
from device_bridge.protocol.messages import decode_from_device, decode_from_seat, encode
from device_bridge.protocol.seat import FromSeat
from tests.guards import AtOnce, FakeSeat, Hands, guard_in, link_to
from tests.unit.test_seat_core import Eye

ONE, TWO = Screen(1366, 768), Screen(1920, 1080)
PLACE = Place(PupilId("p1"), DeviceId("d1"), "Lina", 1)


class Desk(Eye):
    """An eye whose monitors are plugged and pulled."""

    def __init__(self) -> None:
        super().__init__()
        self.there: tuple[Screen, ...] = (ONE,)

    def screens(self) -> tuple[Screen, ...]:
        return self.there


async def test_a_monitor_that_comes_or_goes_is_told_once_by_the_seat() -> None:
    desk, said = Desk(), list[FromSeat]()
    monitors = Monitors(desk, AtOnce(), said.append)
    assert await monitors.measured() == (ONE,)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(monitors.run(), name="monitors")
        for there in ((ONE,), (ONE, TWO), (), (ONE, TWO), (TWO,), (ONE,) * 20):
            desk.there = there
            await asyncio.sleep(2 * LOOK_SECONDS)
        looking.cancel()
    assert said == [
        ScreensTold((ONE, TWO)),  # a desktop that answers nothing has lost no monitor
        ScreensTold((TWO,)),
        ScreensTold((ONE,) * SCREENS_MAX),
    ]


def test_every_link_hears_of_them_and_a_seat_that_babbles_is_heard_once_a_tick(
    tmp_path: Path,
) -> None:
    guard = guard_in(tmp_path, Hands())
    early = link_to(guard)
    seat = FakeSeat(guard).sit()
    guard.tick()
    assert early.heard(ScreensTold) == [ScreensTold(guard.screens)], "its welcome told of none"
    for width in range(1, 100):
        guard.seat_said(ScreensTold((ONE, Screen(width, 1))))
    guard.tick()
    guard.tick()
    assert early.heard(ScreensTold) == [ScreensTold((ONE, Screen(99, 1)))]
    guard.detach()
    assert guard.screens == (ONE, Screen(99, 1)), "a seat that is gone takes no monitor along"
    assert seat.guard is guard


@pytest.mark.parametrize(
    "told", [(ONE,) * (SCREENS_MAX + 1), (Screen(-1, 5),), (Screen(2**40, 5),)]
)
def test_more_or_other_monitors_than_there_can_be_are_refused_at_both_ends(
    told: tuple[Screen, ...],
) -> None:
    raw = encode(ScreensTold(told))
    for decode in (decode_from_seat, decode_from_device):
        with pytest.raises(Malformed):
            decode(raw)


def test_a_tile_says_that_there_are_more_screens_until_they_are_pulled() -> None:
    welcome = Welcome(1, "d1", "b1", "agent", "linux", bytes(32), bytes(16), screens=(ONE,))
    seen = came(Evidence(PLACE.device), welcome, 100.0, 0.0)

    def shown(seen: Evidence) -> tuple[int, str]:
        tile = tile_of(PLACE, seen, LockWanted(), others_locked=False, now=101.0)
        assert hint(tile) in spoken(tile, 101.0)
        return tile.screens, hint(tile)

    assert shown(seen) == (1, "")
    seen = screens_told(seen, ScreensTold((ONE, TWO)), 100.5)
    assert shown(seen) == (2, "2 screens: open the seat to choose one")
    away = went(seen, "lost", 100.7)
    no_seat_yet = Welcome(1, "d1", "b2", "agent", "linux", bytes(32), bytes(16))
    assert shown(came(away, no_seat_yet, 100.8, 0.0))[0] == 2
    assert shown(screens_told(seen, ScreensTold((TWO,)), 100.9)) == (1, "")
