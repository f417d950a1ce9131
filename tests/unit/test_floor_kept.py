"""A device's time floor over boots: what is not believed at once is believed after hours of use."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from msgspec import json

from device_bridge.agent.guard import kept
from tests.guards import Hands, guard_in

DAY = 86_400


def floor_after(folder: Path, uses: Sequence[int], hours: float) -> float:
    """Use a device for `hours` on these days, its wall clock standing still while it is off.

    The school signs each morning. Return by how many days the floor is behind then.
    """
    hands = Hands()
    signed = hands.wall_seconds
    for day in uses:
        hands.boot_id, hands.boot_seconds = f"boot-{day}", 20.0
        guard, signed = guard_in(folder, hands), Hands.wall_seconds + day * DAY
        guard.ground.signed_at(int(signed))
        hands.boot_seconds += hours * 3600
        hands.wall_seconds += hours * 3600
        kept.write(guard.folder, guard.held)
    return (signed - guard_in(folder, hands).ground.floor()) / DAY


def test_a_device_used_for_short_times_under_a_clock_that_stands_still_follows_the_school(
    tmp_path: Path,
) -> None:
    ten_weeks = [day for day in range(70) if day % 7 < 5]
    for number, (uses, hours) in enumerate(
        (
            (ten_weeks, 2.0),  # each day it is in school
            (ten_weeks[::5], 2.0),  # on Mondays
            (ten_weeks, 0.5),
        )
    ):
        assert floor_after(tmp_path / str(number), uses, hours) <= 0, (hours, len(uses))
    # For as long as its clock is a witness, and then for four hours of use.
    assert floor_after(tmp_path / "once", (0, 7), 2.0) > 6
    assert floor_after(tmp_path / "thrice", (0, 7, 14), 2.0) > 13
    assert floor_after(tmp_path / "more", (0, 7, 14, 21), 2.0) <= 0
    assert floor_after(tmp_path / "summer", (0, 7, 80, 101), 4.0) <= 0


def test_two_leaps_of_a_servers_clock_say_no_more_than_one(tmp_path: Path) -> None:
    hands, leapt = Hands(), int(Hands.wall_seconds) + 365 * DAY
    for boot, signed in enumerate((leapt, leapt, leapt + 60, leapt + 200 * DAY, leapt)):
        hands.boot_id, hands.boot_seconds = f"boot-{boot}", 20.0
        guard = guard_in(tmp_path, hands)
        guard.ground.signed_at(signed)
        hands.boot_seconds += 5 * 3600
        hands.wall_seconds += 5 * 3600
        guard.ground.signed_at(signed)
        kept.write(guard.folder, guard.held)
    assert guard_in(tmp_path, hands).ground.floor() < hands.wall_seconds + DAY


async def test_a_doubt_is_kept_while_no_lesson_is_on_until_it_has_lasted_for_hours(
    tmp_path: Path,
) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    guard.ground.signed_at(int(hands.wall_seconds) + 7 * DAY)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(guard.run())
        for seconds, is_kept in ((11, 11), (4 * 3600, 11)):
            hands.boot_seconds = 1000.0 + seconds
            await asyncio.sleep(11)
            assert kept.read(guard.folder, hands.clock()).at == 1000 + is_kept
        running.cancel()
    assert kept.read(guard.folder, hands.clock()).at == hands.boot_seconds, "and at the end"


def test_a_state_of_before_is_read_without_a_doubt(tmp_path: Path) -> None:
    hands = Hands()
    guard = guard_in(tmp_path, hands)
    guard.ground.signed_at(int(hands.wall_seconds) + 7 * DAY)
    kept.write(guard.folder, guard.held)
    assert guard_in(tmp_path, hands).ground.doubt == guard.ground.doubt
    raw = json.decode(guard.folder.state.read_bytes())
    del raw["doubt"]
    guard.folder.state.write_bytes(json.encode(raw))
    again = guard_in(tmp_path, hands)
    assert (again.ground.doubt, again.held.floor_seconds) == (None, guard.held.floor_seconds)
