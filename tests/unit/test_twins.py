"""Two machines with one key are told apart, and neither is believed (case 17)."""

import asyncio

import pytest
from msgspec.structs import replace

from classroom_app.domain.evidence import TWIN_GONE_SECONDS, Evidence, alone, came
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.room import LockWanted, Place, tile_of
from classroom_app.domain.tile import State
from device_bridge.protocol.hello import Welcome
from device_bridge.session import twins
from tests.linked import Device, Earth, listener_for, running, scene

HERE, THERE, AWAY = ("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.3", 1)


async def looked(
    answers: dict[tuple[str, int], list[str]], seconds: float, clean: list[str] | None = None
) -> tuple[int, int]:
    """Look for so long; return how often a twin was found and how often was asked."""
    found, asked = 0, 0

    async def boot_at(address: tuple[str, int]) -> str:
        nonlocal asked
        asked += 1
        said = answers[address]
        return said.pop(0) if len(said) > 1 else said[0]

    def note() -> None:
        nonlocal found
        found += 1

    def alone() -> None:
        if clean is not None:
            clean.append("alone")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(seconds):
            await twins.look_for_twins(
                "boot-1", lambda: list(answers), boot_at, note, alone, lambda: 1.0
            )
    return found, asked


async def test_a_devices_second_address_is_asked_once_and_no_twin() -> None:
    assert await looked({HERE: ["boot-1"], AWAY: [""]}, 3.5 * twins.LOOK_SECONDS) == (0, 4)


async def test_another_start_at_another_address_is_a_twin_when_it_answers_twice() -> None:
    assert await looked({THERE: ["boot-2"]}, 1.5 * twins.LOOK_SECONDS) == (0, 1)
    assert (await looked({THERE: ["boot-2"]}, 2.5 * twins.LOOK_SECONDS))[0] == 1
    restarted = {THERE: ["boot-2", "boot-1"]}
    assert (await looked(restarted, 4.5 * twins.LOOK_SECONDS))[0] == 0, "one that started anew"


async def test_a_look_that_meets_no_other_start_is_told_as_such() -> None:
    clean: list[str] = []
    leaves = {THERE: ["boot-2", "boot-2", "boot-2", ""]}
    found, _ = await looked(leaves, 5.5 * twins.LOOK_SECONDS, clean)
    assert (found, len(clean)) == (2, 2)


def test_a_twin_that_is_not_met_for_a_minute_is_gone_for_good() -> None:
    place = Place(PupilId("p-1"), DeviceId("dev-1"), "Lina", 1)
    met = Evidence(place.device, up_since=0.0, heard_at=100.0, shown_at=100.0, twin_at=40.0)

    def state(seen: Evidence) -> State:
        return tile_of(place, seen, LockWanted(), others_locked=False, now=100.0).state

    assert state(alone(met, 40.0 + TWIN_GONE_SECONDS - 1)) is State.TWIN, "it may only sleep"
    assert state(alone(met, 40.0 + TWIN_GONE_SECONDS)) is State.LIVE
    welcome = Welcome(1, "dev-1", "boot-1", "agent", "test", bytes(32), bytes(16))
    back = came(replace(alone(met, 100.0), boots=("boot-1", "boot-2")), welcome, 100.0, 100.0)
    assert state(back) is State.TWIN, "the first machine is here again: it was never one"


@pytest.mark.real_loop
async def test_two_live_devices_with_one_key_are_found_by_the_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(twins, "LOOK_SECONDS", 0.05)
    async with scene() as stage:
        await stage.app.until(lambda: stage.app.ups)
        copy = Device(boot="boot-2")
        listener = listener_for(stage.school, stage.identity, copy, Earth())
        listener.bind(["127.0.0.1"])
        async with running(listener):
            stage.room.sighted("dev-1", [("127.0.0.1", listener.port)])
            await stage.app.until(lambda: stage.app.twins)
        assert stage.app.ups == ["dev-1"], "the link itself goes on"


def test_neither_of_two_is_shown_locked_or_free_or_live() -> None:
    place = Place(PupilId("p-1"), DeviceId("dev-1"), "Lina", 1)
    seen = Evidence(
        place.device, up_since=0.0, heard_at=10.0, proved_version=3, proved_at=10.0, shown_at=10.0
    )
    lock = LockWanted(3, locked=True)
    honest = tile_of(place, seen, lock, others_locked=True, now=10.0)
    assert (honest.state, honest.held) == (State.LOCKED, True)
    doubted = Evidence(
        place.device,
        up_since=0.0,
        heard_at=10.0,
        proved_version=3,
        proved_at=10.0,
        shown_at=10.0,
        twin_at=10.0,
    )
    for wanted in (lock, LockWanted()):
        tile = tile_of(place, doubted, wanted, others_locked=False, now=10.0)
        assert (tile.state, tile.held, tile.free) == (State.TWIN, False, False)
