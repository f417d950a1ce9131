"""Which network is whose: this computer's own, those on which devices were met, where they are now.

The school's server is asked for those who are missing only, once a minute; a lesson never waits for
it, and without it the last place of each device is what is known.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NoReturn, Protocol

from sqlalchemy import Connection

from central_mdm.contract.fleet import Whereabouts
from classroom_app.cloud.errors import CloudError
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import ClassId, DeviceId
from classroom_app.domain.whereabouts import Sight, Told, elsewhere, range_of, told_here
from classroom_app.services.classroom import Classroom
from classroom_app.storage.networks import met_on, networks
from device_bridge.discovery.interfaces import OwnAddress
from device_bridge.discovery.sightings import Address

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
ASK_SECONDS: Final = 60.0
ASK_FIRST_SECONDS: Final = 10.0
"""Whoever is here is heard within seconds; only who is not by then is asked for."""


class Writes(Protocol):
    """The store, as `storage.keeping` has it."""

    async def write(self, work: Callable[[Connection], Any]) -> Any: ...  # noqa: ANN401 - as work


class Asks(Protocol):
    """The school's server (`cloud.client.Cloud`)."""

    async def whereabouts(self, class_id: ClassId) -> Whereabouts: ...


class Whereabout(Protocol):
    """Where devices were reached (`places.Places`, `session.room.Room`)."""

    def linked_at(self, device: DeviceId) -> Address | None: ...
    def last_of(self, device: DeviceId) -> Address | None: ...


class Networks:
    """`own` reads the machine's addresses, `wifi` the names of its Wi-Fi by interface.

    All pauses are multiplied by `pace`.
    """

    def __init__(  # noqa: PLR0913 - one of each that tells of a network
        self,
        room: Classroom,
        places: Whereabout,
        store: Writes,
        cloud: Asks,
        own: Callable[[], Sequence[OwnAddress]],
        wifi: Callable[[], Awaitable[Mapping[str, str]]],
        *,
        pace: float = 1.0,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """Tell `moved` when this computer's own addresses are others than before."""
        self._moved = moved
        self._room, self._places, self._store, self._cloud = room, places, store, cloud
        self._own, self._wifi = own, wifi
        self._look_seconds, self._ask_seconds = LOOK_SECONDS * pace, ASK_SECONDS * pace
        self._ask_first_seconds = ASK_FIRST_SECONDS * pace
        self.names: dict[str, str] = {}
        self._told: dict[DeviceId, Told] = {}
        self._sight = Sight()
        self._here: tuple[OwnAddress, ...] = ()
        self._called: Mapping[str, str] = {}
        self._woken = asyncio.Event()
        self._called_at = -ASK_SECONDS

    def wake(self) -> None:
        """Look soon: a device has just proved itself, and the laptop may be carried on at once."""
        self._woken.set()

    async def run(self) -> NoReturn:
        """Look every few seconds until cancelled."""
        recalled = False
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_around(), name="whereabouts")
            while True:
                self._woken.clear()
                recalled = recalled or await self._recall()
                await self.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_seconds):
                        await self._woken.wait()

    async def _recall(self) -> bool:
        """Read what is known of earlier days; False where the store does not give it now."""
        try:
            kept = await self._store.write(networks)
        except NotKept as error:
            log.info("networks not recalled", extra={"why": type(error).__name__})
            return False
        self.names = {**kept, **self.names}
        return True

    async def look(self) -> None:
        """Look once: at this computer's networks, and at what follows for whoever is missing."""
        own = tuple(one for one in self._own() if not _nowhere(one))
        now = self._room.clock.seconds()
        if own != self._here:
            self._moved()
        if own != self._here or now - self._called_at >= self._ask_seconds:
            self._here, self._called_at = own, now
            self._called = await self._wifi()
        await self._remember()
        self._conclude()

    def told_here(self, device: DeviceId) -> bool:
        """Say whether a device has told the school lately that it is on our network."""
        return told_here(self._sight, device, self._room.clock.seconds())

    async def ask(self) -> None:
        """Ask the school's server where the devices of the open class say they are."""
        roster = self._room.roster
        if roster is None:
            return
        try:
            answer = await self._cloud.whereabouts(roster.id)
        except CloudError as error:
            log.info("whereabouts not known", extra={"why": type(error).__name__})
            return
        now = self._room.clock.seconds()
        self._told = {
            DeviceId(one.device): Told(tuple(one.networks.split()), now - one.seconds_ago)
            for one in answer.devices
        }
        self._conclude()

    async def _ask_around(self) -> NoReturn:
        await asyncio.sleep(self._ask_first_seconds)
        while True:
            if self._missing():
                await self.ask()
                await asyncio.sleep(self._ask_seconds)
            else:
                await asyncio.sleep(self._ask_first_seconds)

    def _missing(self) -> bool:
        room = self._room
        if room.lesson is None:
            return False
        devices = room.all_devices()
        return len(room.connected(devices)) < len(devices)

    async def _remember(self) -> None:
        """Keep what those networks are called on which devices have proved themselves today."""
        ranges = {str(one.network): self._called.get(one.interface, "") for one in self._here}
        on = {range_of(address, ranges) for address in self._linked()} - {""}
        # A cable into the same network has no name; the Wi-Fi's stays.
        fresh = {
            each: ranges[each]
            for each in on
            if each not in self.names or ranges[each] not in {"", self.names[each]}
        }
        if not fresh:
            return
        self.names |= fresh
        try:
            await self._store.write(partial(met_on, names=fresh))
        except NotKept as error:
            log.info("networks not kept", extra={"why": type(error).__name__})

    def _linked(self) -> list[str]:
        devices = self._room.all_devices() if self._room.roster else ()
        here = self._room.connected(devices)
        return [place[0] for device in here if (place := self._places.linked_at(device))]

    def _conclude(self) -> None:
        room = self._room
        devices = room.all_devices() if room.roster else ()
        last = {device: place[0] for device in devices if (place := self._places.last_of(device))}
        own = tuple(str(one.network) for one in self._here)
        self._sight = Sight(own, self.names, self._linked(), last, self._told)
        room.found_elsewhere(elsewhere(self._sight, devices, room.clock.seconds()))


def _nowhere(own: OwnAddress) -> bool:
    """Say whether an address is the same in every room, and so on no network that has others."""
    return own.loopback or own.network.is_link_local
