"""The check is made while it is seen, of whoever is missed, and turns into the wall by itself."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from msgspec import structs

from classroom_app.cloud.sync import SyncState
from classroom_app.domain.lesson import ClassId, Device, DeviceId, Pupil, PupilId, Roster
from classroom_app.domain.tile import State, Tile
from classroom_app.looking_around import LookingAround
from classroom_app.presenters.check import Checked
from classroom_app.presenters.sentences import TileWords, tile_words
from device_bridge.discovery.doctor import Check
from device_bridge.discovery.examine import Situation
from device_bridge.discovery.sightings import Address
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, classroom, live, replace

WELL = (Check("addresses", "ok", {"addresses": ("w 10.0.0.7/24",)}), Check("multicast", "ok"))
AWAY = Check("reach", "failed", {"cause": "away", "tried": 1})
APART = Check("reach", "failed", {"cause": "isolation", "tried": 1})


class FakeSchool:
    """An open class whose devices were met at one place each."""

    def __init__(self, tiles: Sequence[Tile]) -> None:
        self.open: Roster | None = Roster(
            ClassId("c1"),
            "5e B",
            "",
            tuple(Pupil(tile.pupil, tile.name, tile.name, "") for tile in tiles),
            tuple(
                Device(DeviceId(f"d{at}"), f"Tablet {at}", "test", tile.pupil)
                for at, tile in enumerate(tiles)
            ),
        )
        self.state = SyncState(in_step_at=NOW)
        self.met = True

    def roster(self) -> Roster | None:
        return self.open

    def places_of(self, device: DeviceId) -> tuple[Address, ...]:
        places = ((f"10.0.0.{device[1:]}", 7000), ("10.9.9.9", 7000))
        return places if self.met else ()

    def heard_at(self, device: DeviceId) -> tuple[Address, ...]:
        return (("10.0.0.1", 7000),) if device == "d1" else ()

    def told_here(self, device: DeviceId) -> bool:
        return device in {"d0", "d1"}

    def network_names(self) -> Mapping[str, str]:
        return {"10.0.0.0/24": "School"}

    def clock_off_seconds(self) -> float | None:
        return 3600.0

    def sync_state(self) -> SyncState:
        return self.state


class Network:
    """Answers each look as it is told to."""

    def __init__(self) -> None:
        self.asked: list[Situation] = []
        self.at: list[float] = []
        self.found: Sequence[Checked] = WELL
        self._news = asyncio.Event()

    async def examine(self, situation: Situation) -> Sequence[Checked]:
        self.at.append(asyncio.get_running_loop().time())
        self.asked.append(situation)
        self._news.set()
        return self.found

    async def looks(self, count: int) -> None:
        """Wait until there were so many looks and the last is shown."""
        while len(self.asked) < count:
            self._news.clear()
            await self._news.wait()
        await asyncio.sleep(0)


class Scene:
    def __init__(self, room: Room, tiles: list[Tile]) -> None:
        self.room, self.tiles = room, tiles
        self.school: FakeSchool | None = FakeSchool(tiles)
        self.network = Network()
        self.around = LookingAround(
            room.desk, room.first, lambda: self.school, self.network.examine, ["10.0.0.7"]
        )
        room.begin(tiles)
        room.first.came_in()

    def told(self) -> list[tuple[str, str]]:
        return [(row.state, row.title) for row in self.room.first.rows()]

    def show(self, name: str, state: State) -> None:
        replace(self.tiles, name, state, since=NOW - 60)
        self.room.wall.show(self.tiles)
        self.room.wall.flush()


@pytest.fixture
async def scene(opened: Opens) -> AsyncIterator[Scene]:
    tiles = classroom(4)
    made = Scene(opened(), tiles)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(made.around.run())
        yield made
        running.cancel()


async def test_nothing_is_looked_for_while_nobody_sees_the_check(scene: Scene) -> None:
    await asyncio.sleep(60)
    assert scene.network.asked == []
    scene.room.desk.check()
    await scene.network.looks(1)
    scene.room.desk.go_home()
    await asyncio.sleep(60)
    assert len(scene.network.asked) == 1


async def test_a_class_without_devices_is_told_so_and_the_network_not_blamed(scene: Scene) -> None:
    assert scene.school
    assert scene.school.open
    scene.school.open = structs.replace(scene.school.open, devices=())
    scene.tiles[:] = [live(at, f"P{at}", State.NOT_HERE) for at in range(4)]
    scene.room.wall.show(scene.tiles)
    scene.network.found = (*WELL, Check("other-machines", "failed"))
    scene.room.desk.check()
    await scene.network.looks(1)
    assert [one for one in scene.told() if one[0] == "failed"] == [
        ("failed", "No device belongs to 5e B yet.")
    ]
    (row,) = [one for one in scene.room.first.rows() if one.state == "failed"]
    assert row.to_copy.startswith("Please enrol the devices of 5e B (")
    scene.school.state = SyncState(why="no-server")
    scene.around.wake()
    await scene.network.looks(2)
    (row,) = [one for one in scene.room.first.rows() if one.state == "failed"]
    assert row.second.startswith("“Add devices”")


async def test_who_was_never_met_and_who_sits_nowhere_yet_is_told_so(scene: Scene) -> None:
    scene.tiles[1:] = [live(at, f"P{at}", State.NOT_HERE) for at in range(1, 4)]
    scene.room.wall.show(scene.tiles)
    assert scene.school
    scene.school.met = False
    scene.room.desk.check()
    await scene.network.looks(1)
    assert scene.told()[-2:] == [
        ("failed", "Devices here: 1 of 4. The others were never met here."),
        ("ok", "The school's server answers."),
    ]
    shared = structs.replace(scene.tiles[0], pupil=PupilId(""))
    scene.tiles[:] = [live(0, "P0", State.NOT_HERE), *scene.tiles[1:], shared]
    scene.room.wall.show(scene.tiles)
    scene.room.wall.flush()
    assert scene.room.desk.said().text == "No pupil sits at a device yet."
    assert scene.room.desk.said().second == "Devices here: 1."
    scene.around.wake()
    await scene.network.looks(2)
    assert scene.told()[-2][1] == "Devices here: 0 of 4, and 1 at which nobody sits."


async def test_the_check_is_made_again_every_five_seconds_and_at_once_by_f5(scene: Scene) -> None:
    scene.room.desk.check()
    await scene.network.looks(3)
    first, second, third = scene.network.at
    assert second - first == pytest.approx(5, abs=0.1)
    assert third - second == pytest.approx(5, abs=0.1)
    scene.around.wake()
    assert scene.room.first.looking
    await scene.network.looks(4)
    assert scene.network.at[3] - third < 1
    assert not scene.room.first.looking


async def test_who_is_missed_is_looked_for_where_it_was_last(scene: Scene) -> None:
    scene.show("Aïcha", State.GONE)
    scene.show("Bilal", State.GONE)
    scene.room.desk.check()
    await scene.network.looks(1)
    asked = scene.network.asked[0]
    assert asked.clock_off_seconds == 3600.0
    assert asked.devices == (("10.0.0.1", 7000), ("10.0.0.3", 7000))
    assert asked.heard == (("10.0.0.1", 7000),)
    assert asked.interfaces == ("10.0.0.7",)
    assert scene.told()[-2:] == [
        ("ok", "Devices here: 2 of 4."),
        ("ok", "The school's server answers."),
    ]
    assert scene.room.first.rows()[-2].second == "Still awaited: Aïcha, Bilal."


async def test_one_pupil_is_asked_about_and_found_again(scene: Scene) -> None:
    scene.show("Aïcha", State.GONE)
    scene.show("Bilal", State.GONE)
    scene.network.found = (*WELL, AWAY)
    scene.room.desk.check("p3")
    await scene.network.looks(1)
    assert scene.network.asked[0].devices == (("10.0.0.3", 7000),)
    assert scene.room.first.title() == "Bilal is not here"
    assert ("failed", "Bilal: no answer where the device last was.") in scene.told()
    scene.show("Aïcha", State.LIVE)
    assert scene.room.desk.page == "check"
    scene.show("Bilal", State.LIVE)
    assert scene.room.desk.page == "wall"


async def test_where_nobody_was_the_first_who_comes_turns_the_page(scene: Scene) -> None:
    for tile in classroom(4):
        scene.show(tile.name, State.NOT_HERE)
    scene.network.found = (*WELL, APART)
    scene.room.desk.check()
    await scene.network.looks(1)
    assert ("failed", "The Wi-Fi probably keeps devices apart.") in scene.told()
    assert scene.room.first.title() == "No pupils yet"
    scene.show("Anouk", State.WAITING)
    assert scene.room.desk.page == "wall"


async def test_the_doctor_hears_who_is_here_by_its_own_word_while_nobody_is_met(
    scene: Scene,
) -> None:
    scene.show("Aïcha", State.GONE)
    scene.room.desk.check()
    await scene.network.looks(1)
    assert scene.network.asked[0].told_here == 0
    for tile in classroom(4):
        scene.show(tile.name, State.NOT_HERE)
    scene.around.wake()
    await scene.network.looks(2)
    assert scene.network.asked[1].told_here == 2


async def test_a_silence_that_has_its_reason_is_told_once(scene: Scene) -> None:
    for tile in classroom(4):
        scene.show(tile.name, State.NOT_HERE)
    scene.network.found = (*WELL, Check("other-machines", "failed"), APART)
    scene.room.desk.check()
    await scene.network.looks(1)
    told = [title for state, title in scene.told() if state == "failed"]
    assert told == ["The Wi-Fi probably keeps devices apart."]


async def test_a_check_opened_to_look_at_the_network_stays_until_it_is_left(scene: Scene) -> None:
    scene.show("Bilal", State.GONE)
    scene.room.desk.check(stays=True)
    await scene.network.looks(1)
    assert scene.room.first.under() == "F5 looks again, Esc goes back."
    scene.show("Bilal", State.LIVE)
    assert scene.room.desk.page == "check"
    assert scene.room.first.title() == "3 of 4 pupils here"
    await scene.network.looks(2)
    assert scene.room.first.title() == "4 of 4 pupils here"
    scene.room.desk.escape()
    assert scene.room.desk.page == "wall"


async def test_who_is_known_to_be_on_another_network_is_said_to_be_there(scene: Scene) -> None:
    scene.show("Bilal", State.OTHER_NETWORK)
    replace(scene.tiles, "Bilal", State.OTHER_NETWORK, reason="Guest")
    scene.room.wall.show(scene.tiles)
    scene.room.desk.check("p3")
    await scene.network.looks(1)
    failing = next(row for row in scene.room.first.rows() if row.state == "failed")
    assert failing.title == "Bilal: on another network."
    assert failing.second.startswith("Last seen on Guest.")
    tile = scene.tiles[3]
    assert tile_words(tile, NOW).second == "last: Guest"
    replace(scene.tiles, "Bilal", State.OTHER_NETWORK, reason="Guest", since=NOW - 60)
    assert tile_words(scene.tiles[3], NOW) == TileWords("router", "Other network", "Guest")


async def test_where_nobody_is_missed_the_page_stays_and_what_is_deaf_is_no_alarm(
    scene: Scene,
) -> None:
    scene.network.found = (*WELL, Check("other-machines", "failed"))
    scene.room.desk.check()
    await scene.network.looks(1)
    assert [state for state, _ in scene.told()] == ["ok", "ok", "ok", "ok"]
    scene.show("Anouk", State.STALE)
    assert scene.room.desk.page == "check"


async def test_whoever_is_here_disproves_that_there_is_no_network(scene: Scene) -> None:
    scene.show("Aïcha", State.GONE)
    scene.network.found = (
        Check("addresses", "failed", {"cause": "offline"}),
        Check("device-network", "failed", {"devices": 1, "addresses": ("127.0.0.1",), "own": ()}),
    )
    scene.room.desk.check()
    await scene.network.looks(1)
    assert [state for state, _ in scene.told()] == ["ok", "ok"]
    for tile in classroom(4):
        scene.show(tile.name, State.GONE)
    scene.around.wake()
    await scene.network.looks(2)
    assert scene.told()[0] == ("failed", "No network.")


async def test_a_device_that_answers_and_refuses_says_why(scene: Scene) -> None:
    replace(scene.tiles, "Bilal", State.GONE, since=NOW - 60, reason="password")
    scene.room.wall.show(scene.tiles)
    scene.network.found = (*WELL, Check("reach", "ok", {"reached": 1, "tried": 1}))
    scene.room.desk.check("p3")
    await scene.network.looks(1)
    rows = [row for row in scene.room.first.rows() if row.state == "failed"]
    assert rows[0].title == "Bilal: the device answers and does not let Pupitre in."
    assert rows[0].second == "Its reason: password."


async def test_a_school_out_of_reach_is_said_and_is_no_alarm(scene: Scene) -> None:
    assert scene.school
    scene.school.state = SyncState(why="unreachable")
    scene.room.desk.check()
    await scene.network.looks(1)
    assert scene.told()[-1] == ("not-needed", "The school's server is not reached.")
    scene.school.state = SyncState(in_step_at=NOW, why="not-tried")
    scene.room.desk.check()
    await scene.network.looks(1)
    assert not any("The school's server" in words for _, words in scene.told())


async def test_what_the_school_did_not_take_is_not_said_to_be_passed_on(scene: Scene) -> None:
    assert scene.school
    told: list[str] = []
    for state in (
        SyncState(in_step_at=NOW),
        SyncState(in_step_at=NOW, refused=2),
        SyncState(in_step_at=NOW, waiting=3),
    ):
        scene.school.state = state
        scene.room.desk.check()
        await scene.network.looks(1)
        told += [row.second for row in scene.room.first.rows() if "server answers" in row.title]
    assert told == [
        "All is passed on.",
        "Not accepted there: 2. “School” says which, and why.",
        "Still to be passed on: 3.",
    ]


async def test_before_a_class_is_open_and_before_signing_in_the_network_is_checked(
    scene: Scene,
) -> None:
    assert scene.school
    scene.school.open = None
    scene.room.wall.forget()
    scene.room.desk.check()
    await scene.network.looks(1)
    assert ("not-needed", "No class is open yet.") in scene.told()
    scene.school = None
    scene.around.wake()
    await scene.network.looks(2)
    assert scene.network.asked[1] == Situation(interfaces=("10.0.0.7",))
    assert [title for _, title in scene.told()] == [
        "This computer is on a network.",
        "Pupitre can listen here.",
    ]
