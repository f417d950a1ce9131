"""Where the devices of a class may be: heard by mDNS, or reached there in an earlier lesson."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection

from classroom_app.domain.errors import NotKept, RoomError
from classroom_app.storage import places
from device_bridge.discovery.sightings import Address, Sighting

log = logging.getLogger(__name__)


class NobodyThere(RoomError):
    """No device of the school proves itself at an address that was typed."""


class OfAnotherClass(NobodyThere):
    """A device of the school is there, and this class does not have it."""


class Writes(Protocol):
    """The store, as `storage.keeping` has it."""

    async def write(self, work: Callable[[Connection], Any]) -> Any: ...  # noqa: ANN401 - as work


class Places:
    """Offers addresses and believes none: `offer` only wakes a keeper, the certificate decides."""

    def __init__(self, store: Writes, offer: Callable[[str, Sequence[Address]], None]) -> None:
        self._store, self._offer = store, offer
        self.heard: dict[str, tuple[Address, ...]] = {}
        self.known: dict[str, tuple[Address, ...]] = {}
        self._fresh: dict[str, Address] = {}
        self._woken = asyncio.Event()

    async def open(self, devices: Iterable[str]) -> None:
        """Offer what is known of a class's devices; also what was heard before it was opened."""
        self.known = await self._store.write(places.places)
        for device in devices:
            if found := self.of(device):
                self._offer(device, found)

    def of(self, device: str) -> tuple[Address, ...]:
        """Return where a device may be, the likeliest first."""
        return tuple(dict.fromkeys((*self.heard.get(device, ()), *self.known.get(device, ()))))

    def last_of(self, device: str) -> Address | None:
        """Return where a device proved itself last; None: never."""
        return next(iter(self.known.get(device, ())), None)

    def hear(self, sighting: Sighting) -> None:
        self.heard[sighting.device] = sighting.addresses
        self._offer(sighting.device, sighting.addresses)

    def lost(self, device: str) -> None:
        """Forget an announcement that was taken back or ran out."""
        self.heard.pop(device, None)

    def reached(self, device: str, place: Address | None) -> None:
        """Note where a device has just proved itself; returns at once."""
        known = self.known.get(device, ())
        if place is None or known[:1] == (place,):
            return
        self.known[device] = (place, *(other for other in known if other != place))
        self._fresh[device] = place
        self._woken.set()

    async def run(self) -> NoReturn:
        """Keep what was reached until cancelled. Lost with a crash, it is reached again."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            fresh, self._fresh = self._fresh, {}
            try:
                await self._store.write(partial(places.reached, at=fresh))
            except NotKept as error:
                log.info("places not kept", extra={"why": type(error).__name__})
