"""Papers under the school's new root, fetched from its server for devices that only apps meet.

A device of before shows its key on a lane on which nobody is believed; the server knows whether it
is registered. The papers come later than that lane lives, so they wait here for the next dial.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central_mdm.contract.fleet import PapersGiven
from classroom_app.cloud.errors import CloudError

log = logging.getLogger(__name__)
WAITING_MAX: Final = 64
"""A class and more; who finds no room is met again."""
NONE: Final = PapersGiven("")


class Gives(Protocol):
    """The school's server (`cloud.client.Cloud`)."""

    async def papers_for(self, key: str) -> PapersGiven: ...


class Successors:
    """`came` hears which device's papers are here: dial it soon."""

    def __init__(self, cloud: Gives, came: Callable[[str], None]) -> None:
        self._cloud, self._came = cloud, came
        self._given: dict[str, PapersGiven] = {}
        self._wanted: dict[str, str] = {}
        self._asked = asyncio.Event()

    def papers_for(self, device: str, key: Ed25519PublicKey) -> tuple[str, str]:
        """Return certificate and assignment for a device's key; "" where they are yet to come."""
        shown = key.public_bytes_raw().hex()
        papers = self._given.get(shown, NONE)
        if papers is NONE and len(self._wanted) < WAITING_MAX:
            self._wanted[shown] = device
            self._asked.set()
        return papers.certificate, papers.assignment

    async def run(self) -> NoReturn:
        """Fetch what is wanted, one after the other, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            for key, device in tuple(self._wanted.items()):
                try:
                    self._given[key] = await self._cloud.papers_for(key)
                except CloudError as error:
                    why = type(error).__name__
                    log.info("no papers", extra={"device": device, "why": why})
                else:
                    self._came(device)
                del self._wanted[key]
