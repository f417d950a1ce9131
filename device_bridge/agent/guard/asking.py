"""The guard's answers to its pupil: who looked at this screen, and may it be found here."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from device_bridge.agent.guard.guard import Guard
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.networks import Networks
from device_bridge.agent.guard.seen import seen
from device_bridge.agent.local_socket import LocalWire, listening
from device_bridge.protocol.asking import (
    SEEN_MAX,
    FromGuard,
    JoinAsked,
    JoinTold,
    SeenAsked,
    SeenTold,
    ToGuard,
)
from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.messages import decode_to_guard, encode

log = logging.getLogger(__name__)

ASKING_MAX: Final = 4
ASKED_SECONDS: Final = 5.0


class PupilSocket:
    """One question a connection, from users of `uids` only: whose seat may be here, and our own."""

    def __init__(
        self,
        path: Path,
        uids: Collection[int],
        guard: Guard,
        networks: Networks,
        makings: Makings,
    ) -> None:
        self._path = path
        self._uids = frozenset(uids)
        self._guard = guard
        self._networks = networks
        self._makings = makings
        self._asking = 0

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[None]:
        """Listen while entered. Raises `OSError` where the socket cannot be made."""
        async with listening(self._path, self._accepted, self._uids):
            yield

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = LocalWire(reader, writer)
        self._asking += 1
        try:
            if wire.peer_uid() not in self._uids:
                log.info("a stranger at the pupil's socket", extra={"uid": wire.peer_uid()})
            elif self._asking <= ASKING_MAX:
                async with asyncio.timeout(ASKED_SECONDS):
                    asked = decode_to_guard(await wire.receive())
                wire.send(encode(await self._answer(asked)))
        except (OSError, Malformed, Unsupported) as error:  # a timeout is an OSError
            log.info("a pupil's question is not answered", extra={"why": type(error).__name__})
        finally:
            self._asking -= 1
            await wire.close()

    async def _answer(self, asked: ToGuard) -> FromGuard:
        match asked:
            case SeenAsked():
                await self._guard.write_notes()  # the look that goes on just now, too
                rows = await self._makings.off_loop(seen, self._guard.folder)
                return SeenTold(tuple(rows[:SEEN_MAX]), more=len(rows) > SEEN_MAX)
            case JoinAsked(really):
                there = self._networks.elsewhere()
                if really and self._networks.join():
                    self._guard.voice.note("joined", {}, ", ".join(there))
                return JoinTold(there[:64])
