"""Where a device was reached it is found again without multicast; an address says who is there."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from classroom_app.domain.errors import StoreFull
from classroom_app.places import Places
from classroom_app.storage.places import PLACES_MAX, places, reached
from classroom_app.storage.tables import metadata
from device_bridge.discovery.sightings import Address, Sighting
from device_bridge.session.dial import Unreachable
from tests.linked import App, Heard, room_for, running, scene

pytestmark = pytest.mark.real_loop


class Plain:
    """Names as agents without a discovery key have them: their own ids."""

    def whose(self, name: str) -> str:
        return name

    def names_of(self, device: str) -> tuple[str, ...]:
        return (device,)


PLAIN = Plain()


class Memory(Heard):
    """A store in memory that commits as the real one does; `full` refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        metadata.create_all(self.engine)
        self.full = False
        self.writes = self.refused = 0

    async def write(self, work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401 - as work
        if self.full:
            self.refused += 1
            self.note()
            raise StoreFull
        with self.engine.begin() as connection:
            answer = work(connection)
        self.writes += 1
        self.note()
        return answer


class Offers:
    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[Address, ...]]] = []

    def __call__(self, device: str, addresses: Sequence[Address]) -> None:
        self.made.append((device, tuple(addresses)))


async def test_a_device_is_offered_where_it_was_reached_in_an_earlier_lesson() -> None:
    store, offers = Memory(), Offers()
    try:
        yesterday = Places(store, offers, PLAIN)
        keeping = asyncio.get_running_loop().create_task(yesterday.run())
        yesterday.reached("d1", ("10.0.0.4", 7000))
        yesterday.reached("d1", ("10.0.0.4", 7000))  # a link lost and found again at the same place
        await store.until(lambda: store.writes)
        keeping.cancel()
        today = Places(store, offers, PLAIN)
        await today.open(["d1", "d2"])
        assert offers.made == [("d1", (("10.0.0.4", 7000),))]
        assert today.of("d2") == ()
    finally:
        store.engine.dispose()


async def test_what_was_heard_before_the_class_was_opened_is_offered_first() -> None:
    store, offers = Memory(), Offers()
    try:
        await store.write(lambda connection: reached(connection, {"d1": ("10.0.0.4", 7000)}))
        found = Places(store, offers, PLAIN)
        found.hear(Sighting("d1", (("10.0.0.9", 7001),)))
        await found.open(["d1"])
        assert offers.made[-1] == ("d1", (("10.0.0.9", 7001), ("10.0.0.4", 7000)))
        found.lost("d1")
        assert found.of("d1") == (("10.0.0.4", 7000),)
    finally:
        store.engine.dispose()


async def test_without_multicast_a_device_is_found_where_it_was_in_the_last_lesson() -> None:
    store = Memory()
    try:
        async with scene() as stage:
            await stage.app.until(lambda: stage.app.ups)
            yesterday = Places(store, stage.room.sighted, PLAIN)
            keeping = asyncio.get_running_loop().create_task(yesterday.run())
            yesterday.reached("dev-1", stage.room.place("dev-1"))
            await store.until(lambda: store.writes)
            keeping.cancel()
            stage.room.forget("dev-1")
            app = App()
            room = room_for(stage.school, stage.teacher, app)
            room.keep("dev-1")
            async with running(room):
                await Places(store, room.sighted, PLAIN).open(["dev-1"])
                await app.until(lambda: app.ups)
    finally:
        store.engine.dispose()


async def test_a_full_disk_forgets_an_address_and_nothing_else() -> None:
    store, offers = Memory(), Offers()
    try:
        found = Places(store, offers, PLAIN)
        keeping = asyncio.get_running_loop().create_task(found.run())
        store.full = True
        found.reached("d1", ("10.0.0.4", 7000))
        await store.until(lambda: store.refused)
        store.full = False
        found.reached("d2", ("10.0.0.5", 7000))
        await store.until(lambda: store.writes)
        keeping.cancel()
        assert found.of("d1") == (("10.0.0.4", 7000),)
        with store.engine.begin() as connection:
            assert places(connection) == {"d2": (("10.0.0.5", 7000),)}
    finally:
        store.engine.dispose()


def test_the_newest_place_comes_first_and_few_are_kept() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine)
    try:
        with engine.begin() as connection:
            for last in (*range(1, 8), 6):
                reached(connection, {"d1": (f"10.0.0.{last}", 7000)})
            kept = [host for host, _ in places(connection)["d1"]]
        assert kept == ["10.0.0.6", "10.0.0.7", "10.0.0.5", "10.0.0.4"]
        assert len(kept) == PLACES_MAX
    finally:
        engine.dispose()


async def test_the_room_says_where_a_device_proved_itself_and_who_is_at_an_address() -> None:
    async with scene() as stage:
        assert stage.room.place("dev-1") is None
        await stage.app.until(lambda: stage.app.ups)
        assert stage.room.place("dev-1") == stage.address
        assert await stage.room.who_is_at(stage.address) == "dev-1"
        with pytest.raises(Unreachable):
            await stage.room.who_is_at(("127.0.0.1", 1))
        assert stage.room.place("dev-2") is None
