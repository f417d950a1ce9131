"""The app learns what networks are called, and says who is on another one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from central_mdm.contract.fleet import Whereabout, Whereabouts
from classroom_app.cloud.errors import Unreachable
from classroom_app.domain.errors import StoreFull
from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import ClassId, DeviceId
from classroom_app.domain.whereabouts import Elsewhere
from classroom_app.networks import ASK_SECONDS, LOOK_SECONDS, Networks
from classroom_app.storage.networks import met_on, networks
from classroom_app.storage.tables import metadata
from device_bridge.discovery.interfaces import OwnAddress
from device_bridge.discovery.sightings import Address
from tests.cart import ONE, TWO, Cart

WIFI = OwnAddress("wlan0", "10.7.0.4", 24)
CABLE = OwnAddress("eth0", "192.168.4.4", 24)
LOCAL = OwnAddress("wlan0", "fe80::4", 64, 2)
ITSELF = OwnAddress("lo", "127.0.0.1", 8)


class Scene:
    """A cart's class, and all that the networks stand on, in the test's hand."""

    def __init__(self) -> None:
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine)
        self.cart = Cart()
        self.room = self.cart.room
        self.own: tuple[OwnAddress, ...] = (WIFI, LOCAL)
        self.called: dict[str, str] = {"wlan0": "School"}
        self.linked: dict[DeviceId, Address] = {}
        self.last: dict[DeviceId, Address] = {}
        self.answer: Whereabouts | None = Whereabouts()
        self.full = False
        self.asked: list[ClassId] = []
        self.moves = 0
        self.networks = Networks(
            self.room, self, self, self, lambda: self.own, self.wifi, moved=self.moved
        )

    def moved(self) -> None:
        self.moves += 1

    async def write(self, work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - as work
        if self.full:
            raise StoreFull
        with self.engine.begin() as connection:
            return work(connection)

    async def wifi(self) -> Mapping[str, str]:
        return self.called

    async def whereabouts(self, class_id: ClassId) -> Whereabouts:
        self.asked.append(class_id)
        if self.answer is None:
            raise Unreachable
        return self.answer

    def linked_at(self, device: DeviceId) -> Address | None:
        return self.linked.get(device)

    def last_of(self, device: DeviceId) -> Address | None:
        return self.last.get(device)

    def link(self, device: DeviceId, host: str) -> None:
        self.linked[device] = self.last[device] = (host, 7000)
        self.room.note(device, Evidence(device, up_since=90.0, heard_at=100.0))

    async def kept(self) -> dict[str, str]:
        return await self.write(networks)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.engine.dispose()


async def test_a_network_is_remembered_by_its_name_once_a_device_was_met_on_it(
    scene: Scene,
) -> None:
    await scene.networks.look()
    assert await scene.kept() == {}
    scene.link(ONE, "10.7.0.20")
    await scene.networks.look()
    assert await scene.kept() == {"10.7.0.0/24": "School"}


async def test_a_cable_into_a_network_does_not_take_its_name(scene: Scene) -> None:
    scene.link(ONE, "10.7.0.20")
    await scene.networks.look()
    scene.own, scene.called = (OwnAddress("eth0", "10.7.0.5", 24),), {}
    await scene.networks.look()
    assert await scene.kept() == {"10.7.0.0/24": "School"}


async def test_a_full_disk_costs_the_name_and_nothing_else(scene: Scene) -> None:
    scene.link(ONE, "10.7.0.20")
    scene.full = True
    await scene.networks.look()
    scene.full = False
    assert await scene.kept() == {}


async def test_what_a_disk_does_not_give_at_the_start_is_read_as_soon_as_it_does(
    scene: Scene,
) -> None:
    await scene.write(partial(met_on, names={"192.168.4.0/24": "Library"}))
    scene.link(ONE, "10.7.0.20")
    scene.full = True

    async def room_is_made() -> None:
        await asyncio.sleep(LOOK_SECONDS / 2)
        assert scene.networks.names == {"10.7.0.0/24": "School"}
        scene.full = False

    with pytest.raises(TimeoutError):  # noqa: PT012 - one story
        async with asyncio.timeout(2 * LOOK_SECONDS), asyncio.TaskGroup() as tasks:
            tasks.create_task(scene.networks.run())
            tasks.create_task(room_is_made())
    assert scene.networks.names == {"10.7.0.0/24": "School", "192.168.4.0/24": "Library"}


async def test_whoever_was_last_on_the_school_network_is_said_to_be_there(scene: Scene) -> None:
    scene.link(ONE, "10.7.0.20")
    await scene.networks.look()
    scene.room.seen.clear()
    scene.cart.touched.clear()
    scene.own = (CABLE,)
    await scene.networks.look()
    assert scene.room.elsewhere == {ONE: Elsewhere("School")}
    assert scene.cart.touched.is_set()
    scene.own = (CABLE, WIFI)
    await scene.networks.look()
    assert scene.room.elsewhere == {}


async def test_without_a_network_of_ours_nobody_is_said_to_be_on_another(scene: Scene) -> None:
    scene.link(ONE, "10.7.0.20")
    await scene.networks.look()
    scene.room.seen.clear()
    scene.own = (ITSELF, LOCAL)
    await scene.networks.look()
    assert scene.room.elsewhere == {}


async def test_what_a_device_told_the_school_is_asked_for_and_outlives_a_silent_server(
    scene: Scene,
) -> None:
    await scene.networks.look()
    scene.answer = Whereabouts((Whereabout(TWO, 40, "192.168.4.0/24"),))
    await scene.networks.ask()
    assert scene.asked == ["c"]
    assert scene.room.elsewhere == {TWO: Elsewhere("", "192.168.4.0/24", 60.0)}
    scene.answer = None
    await scene.networks.ask()
    assert TWO in scene.room.elsewhere
    scene.answer = Whereabouts((Whereabout(TWO, 4, "10.7.0.0/24"),))
    await scene.networks.ask()
    assert scene.room.elsewhere == {}


async def test_the_school_is_asked_each_minute_and_only_while_somebody_is_missing(
    scene: Scene,
) -> None:
    running = asyncio.get_running_loop().create_task(scene.networks.run())
    await asyncio.sleep(11)
    assert len(scene.asked) == 1
    await asyncio.sleep(ASK_SECONDS)
    assert len(scene.asked) == 2
    scene.link(ONE, "10.7.0.20")
    scene.link(TWO, "10.7.0.21")
    await asyncio.sleep(10 * ASK_SECONDS)
    assert len(scene.asked) == 2
    running.cancel()
    await asyncio.wait([running])


async def test_another_network_is_told_once_and_the_same_one_not_again() -> None:
    scene = Scene()
    await scene.networks.look()
    await scene.networks.look()
    assert scene.moves == 1
    scene.own = (CABLE,)
    await scene.networks.look()
    assert scene.moves == 2
