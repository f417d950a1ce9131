"""The way for bytes: each device's `/bulk` lane, and what may go over it."""

import asyncio
import logging
from collections.abc import Callable, Collection
from concurrent.futures import Executor
from typing import Protocol

from classroom_app.domain.lesson import DeviceId
from device_bridge.materials.bulk import BulkEnd, Lent
from device_bridge.materials.library import Library
from device_bridge.materials.turns import Turns
from device_bridge.protocol.errors import DeviceError, TryAgain
from device_bridge.session.wire import Wire

log = logging.getLogger(__name__)
SERVED_SECONDS = 5.0


class Dials(Protocol):
    """The room, as far as bytes are concerned."""

    async def bulk(self, device: str) -> Wire: ...


class Ways:
    """Serves the lanes of all devices of a lesson from one library."""

    def __init__(
        self,
        library: Library,
        pool: Executor,
        may_give: Callable[[DeviceId], Collection[bytes]],
        starts: Callable[[DeviceId], None],
    ) -> None:
        self._library, self._pool = library, pool
        self._may_give, self._starts = may_give, starts
        self._turns = Turns()
        self._ends: dict[str, BulkEnd] = {}
        self._served: dict[str, asyncio.Event] = {}
        self.room: Dials | None = None

    def wanted(self, device: DeviceId) -> None:
        """Dial the lane of a device that lacks something; returns at once."""
        if device not in self._ends:
            self._starts(device)

    async def dial(self, device: DeviceId) -> None:
        """Bring the lane up; a device out of reach is no error, it says again what it lacks."""
        try:
            if self.room is not None:
                await self.room.bulk(device)
        except (DeviceError, OSError) as error:
            log.info("no bulk lane", extra={"device": device, "why": type(error).__name__})

    def carrying(self) -> bool:
        """Return whether a document is on its way to a device now."""
        return self._turns.taken()

    def urgent(self, device: str, *, under_way: bool) -> None:
        """Let documents stand aside while a lock is on its way to a device."""
        if under_way:
            self._turns.hold(device)
        else:
            self._turns.release(device)

    async def serve(self, device: str, wire: Wire) -> None:
        """Fetch and supply on a bound lane until it ends."""
        lent = Lent(self._library, lambda document: document in self._may_give(DeviceId(device)))
        end = BulkEnd(wire, lent, self._pool, self._turns)
        self._ends[device] = end
        self._event(device).set()
        try:
            await end.run()
        finally:
            if self._ends.get(device) is end:
                del self._ends[device]
                self._event(device).clear()

    async def fetch(self, device: DeviceId, document: bytes, size: int) -> None:
        """Bring a device's document into the library. Raises `DeviceError`s of materials.

        One of another size than it was offered with is not begun.
        """
        if self.room is None:
            raise TryAgain(1.0)
        await self.room.bulk(device)
        try:
            async with asyncio.timeout(SERVED_SECONDS):
                await self._event(device).wait()
        except TimeoutError:
            raise TryAgain(1.0) from None
        await self._ends[device].fetch(document, self._library, size=size)

    def _event(self, device: str) -> asyncio.Event:
        return self._served.setdefault(device, asyncio.Event())
