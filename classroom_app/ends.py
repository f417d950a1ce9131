"""When the identities of the teacher's devices end: as each has shown, and as the server knows.

A renewal only ever moves an end on, so of the two words on one device the later one holds.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NoReturn, Protocol

from central_mdm.contract.fleet import Whereabouts
from classroom_app.cloud.errors import CloudError
from classroom_app.domain.errors import NotKept
from classroom_app.domain.lesson import Roster

log = logging.getLogger(__name__)
FIRST_SECONDS: Final = 30.0
"""What a start has to do otherwise comes first."""
ASK_SECONDS: Final = 6 * 3600.0
AGAIN_SECONDS: Final = 600.0


class Asks(Protocol):
    """The school's server (`cloud.client.Cloud`)."""

    async def whereabouts(self, class_id: str) -> Whereabouts: ...


class HasClasses(Protocol):
    async def classes(self) -> Sequence[Roster]: ...


class Ends:
    """Ends in UTC seconds, by device; of those that were met or told of since the start."""

    def __init__(self, cloud: Asks, store: HasClasses) -> None:
        self._cloud, self._store = cloud, store
        self._ends: dict[str, float] = {}

    def note(self, device: str, at: float) -> None:
        """Hear when a device's identity ends; 0: that is not known."""
        if at:
            self._ends[device] = max(at, self._ends.get(device, 0.0))

    def all(self) -> Sequence[float]:
        return tuple(self._ends.values())

    async def run(self) -> NoReturn:
        """Ask the server about all classes now and then, until cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            try:
                await self.once()
                seconds = ASK_SECONDS
            except (CloudError, NotKept) as error:
                log.info("ends not known", extra={"why": type(error).__name__})
                seconds = AGAIN_SECONDS
            await asyncio.sleep(seconds)

    async def once(self) -> None:
        """Ask once. Raises `CloudError` or `NotKept`; what was heard by then stays."""
        for roster in await self._store.classes():
            told = await self._cloud.whereabouts(roster.id)
            for one in told.devices:
                self.note(one.device, float(one.identity_ends_at))
