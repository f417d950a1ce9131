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


class Names(Protocol):
    """Whose an announced name is, and what a device may be called (`discovery.day.KnownNames`)."""

    def whose(self, name: str) -> str: ...
    def names_of(self, device: str) -> tuple[str, ...]: ...


class Places:
    """Offers addresses and believes none: `offer` only wakes a keeper, the certificate decides.

    What was heard is kept by the name it was announced under, for whose it is may be told later:
    `names` knows which device of the open class that is.
    """

    def __init__(
        self,
        store: Writes,
        offer: Callable[[str, Sequence[Address]], None],
        names: Names,
    ) -> None:
        self._store, self._offer, self._names = store, offer, names
        self._heard: dict[str, tuple[Address, ...]] = {}
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
        return tuple(dict.fromkeys((*self.heard(device), *self.known.get(device, ()))))

    def heard(self, device: str) -> tuple[Address, ...]:
        """Return where mDNS says that a device of the open class is."""
        found = (self._heard.get(name, ()) for name in self._names.names_of(device))
        return tuple(dict.fromkeys(address for addresses in found for address in addresses))

    def last_of(self, device: str) -> Address | None:
        """Return where a device proved itself last; None: never."""
        return next(iter(self.known.get(device, ())), None)

    def hear(self, sighting: Sighting) -> str:
        """Note a sighting, at most as many as the browser holds; return whose it is, if known."""
        self._heard[sighting.name] = sighting.addresses
        if device := self._names.whose(sighting.name):
            self._offer(device, sighting.addresses)
        return device

    def lost(self, name: str) -> None:
        """Forget an announcement that was taken back or ran out."""
        self._heard.pop(name, None)

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
