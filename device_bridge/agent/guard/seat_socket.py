"""The guard's end of the local socket: one seat at a time, and only the pupil's own processes."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from device_bridge.agent.local_socket import LocalWire, listening
from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.messages import decode_from_seat, encode
from device_bridge.protocol.seat import FromSeat, ToSeat

log = logging.getLogger(__name__)


class HasSeat(Protocol):
    """Who is told of the seat: the guard."""

    def attach(self, tell: Callable[[ToSeat], None]) -> None: ...
    def seat_said(self, message: FromSeat) -> None: ...
    def detach(self) -> None: ...


class SeatSocket:
    """Accepts the seat's process. A newer one takes the older one's place: it has died or hangs."""

    def __init__(self, path: Path, uids: Collection[int], guard: HasSeat) -> None:
        self._path = path
        self._uids = frozenset(uids)
        self._guard = guard
        self._seat: LocalWire | None = None

    @property
    def uid(self) -> int | None:
        """Whose seat is here."""
        return None if self._seat is None else self._seat.peer_uid()

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[None]:
        """Listen while entered. Raises `OSError` where the socket cannot be made."""
        async with listening(self._path, self._accepted, self._uids):
            try:
                yield
            finally:
                if self._seat is not None:
                    await self._seat.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = LocalWire(reader, writer)
        try:
            if wire.peer_uid() not in self._uids:
                log.info("a stranger at the seat's socket", extra={"uid": wire.peer_uid()})
                return
            await self._take_the_place(wire)
            await self._listen(wire)
        except OSError:
            pass  # the seat has ended: whoever starts it starts it again
        except (Malformed, Unsupported) as error:
            log.info("a seat that speaks wrongly", extra={"why": str(error)})
        finally:
            if self._seat is wire:
                self._seat = None
                self._guard.detach()
            await wire.close()

    async def _take_the_place(self, wire: LocalWire) -> None:
        before, self._seat = self._seat, wire
        if before is not None:
            self._guard.detach()
            await before.close()
        if self._seat is wire:  # else a newer one came while the older one was slow to go
            self._guard.attach(lambda message: wire.send(encode(message)))

    async def _listen(self, wire: LocalWire) -> None:
        while True:
            message = decode_from_seat(await wire.receive())
            if self._seat is not wire:
                return
            self._guard.seat_said(message)
