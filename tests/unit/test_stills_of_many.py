"""A picture of each of many screens: a few at once, each end told, stopped by a word."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from classroom_app.domain.errors import NotKept, StillRefused
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.sentences import without_picture
from classroom_app.services import stills
from classroom_app.services.stills import AT_ONCE, PICTURE_SECONDS, ClassStills, why_none
from device_bridge.materials.errors import DiskFull, Unreadable
from device_bridge.materials.names import safe_name


@dataclass
class Screens:
    """Devices that show their picture after a second; `refuses` says what one does instead."""

    refuses: dict[str, Exception] = field(default_factory=dict[str, Exception])
    dark: frozenset[str] = frozenset()
    looked: Counter[str] = field(default_factory=Counter[str])
    now: set[str] = field(default_factory=set[str])
    most: int = 0
    kept: list[str] = field(default_factory=list[str])
    ends: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.run = ClassStills(self, self)

    async def look_once(self, device: DeviceId) -> int:
        self.looked[device] += 1
        self.now.add(device)
        self.most = max(self.most, len(self.now))
        return 7

    async def look_off(self, device: DeviceId) -> None:
        self.now.discard(device)

    async def keep(self, device: DeviceId, picture: bytes) -> None:
        assert picture == b"7"
        await asyncio.sleep(1)
        if why := self.refuses.get(device):
            raise why
        self.kept.append(device)

    async def sees(self, device: DeviceId, version: int) -> bytes:
        await asyncio.sleep(1e9 if device in self.dark else 1)
        return b"%d" % version

    async def take(self, devices: Sequence[str], heard: Callable[[], None] = lambda: None) -> None:
        def ended(device: DeviceId, end: str) -> None:
            self.ends[device] = end
            heard()

        await self.run.keep([DeviceId(one) for one in devices], self.sees, ended)


NAMES = tuple(f"d{number}" for number in range(40))


async def test_forty_are_kept_a_few_at_once_and_nobody_is_looked_at_afterwards() -> None:
    room, loop = Screens(), asyncio.get_running_loop()
    began = loop.time()
    await room.take(NAMES)
    assert (sorted(room.kept), room.most, room.now) == (sorted(NAMES), AT_ONCE, set())
    assert set(room.looked.values()) == {1}
    assert loop.time() - began <= 2 * (len(NAMES) / AT_ONCE + 1)


async def test_each_that_could_not_be_kept_says_why_and_holds_up_no_other() -> None:
    room = Screens({"d1": StillRefused("private")}, frozenset({"d2"}))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await room.take(NAMES[:6])
    assert (room.ends["d1"], room.ends["d2"]) == ("private", "no-picture")
    assert sorted(room.kept) == ["d0", "d3", "d4", "d5"]
    assert loop.time() - began < PICTURE_SECONDS + 1
    assert room.now == set()


async def test_stopped_it_waits_for_no_picture_and_keeps_what_its_pupil_was_told_of() -> None:
    room = Screens(dark=frozenset({"d0", "d1"}))

    def stop() -> None:
        if len(room.kept) == 1:
            room.run.stop()

    await room.take(NAMES, stop)
    assert room.kept == ["d2"]
    assert set(room.looked) == {"d0", "d1", "d2"}
    assert Counter(room.ends.values()) == {"done": 1, "stopped": 39}
    await room.take(("d9",))
    assert room.kept == ["d2", "d9"], "the next click begins anew"


@pytest.mark.parametrize("why", [DiskFull(10, 0), NotKept()])
async def test_what_this_computer_cannot_write_stops_all_and_is_said(why: Exception) -> None:
    room = Screens({"d1": why})
    with pytest.raises(type(why)):
        await room.take(NAMES)
    assert len(room.ends) == len(NAMES)
    assert len(room.looked) < 2 * AT_ONCE
    assert room.now == set()


def test_two_of_one_name_in_one_second_stand_beside_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "5e B" / "2026-01-01 08.00.00"
    for picture in (b"first", b"second", b"third"):
        stills.lay(folder, "Léa 08.01.02.png", picture, safe_name)
    laid = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert laid == {
        "Léa 08.01.02.png": b"first",
        "Léa 08.01.02 (2).png": b"second",
        "Léa 08.01.02 (3).png": b"third",
    }


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "5e B").write_bytes(b"a file")
    with pytest.raises(Unreadable):
        stills.lay(tmp_path / "5e B" / "lesson", "Léa.png", b"x", safe_name)


def test_who_cannot_be_seen_is_said_in_words_those_with_one_reason_together() -> None:
    states = (
        ("Ada", State.PRIVATE, ""),
        ("Bo", State.PRIVATE, ""),
        ("Cy", State.GONE, ""),
        ("Di", State.WAITING, "no-indicator"),
        ("Ed", State.DARK, "screen-off"),
        ("Fa", State.LOCKED, ""),
        ("Gi", State.LIVE, ""),
        ("Ho", State.STALE, ""),
        ("Io", State.NOT_COVERED, "keyboard"),
    )
    tiles = [
        Tile(PupilId(name), DeviceId(f"d-{name}"), name, 1, state, reason=reason)
        for name, state, reason in states
    ]
    named = [(tile.name, why_none(tile)) for tile in tiles]
    assert [name for name, why in named if not why] == ["Gi", "Ho", "Io"]
    assert without_picture([one for one in named if one[1]]) == (
        "Ada, Bo: kept private by the pupil",
        "Cy: out of reach",
        "Di: the pupil's bar is not shown",
        "Ed: Screen off",
        "Fa: locked now",
    )
