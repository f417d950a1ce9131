"""What a guard says to a real seat process, over the real local socket."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import msgpack

from device_bridge.agent.local_socket import LocalWire
from device_bridge.protocol.seat import FromSeat, ToSeat
from tests.desktop import Desktop

Answer = TypeVar("Answer")
SEAT = (
    "import sys, pathlib; from device_bridge.agent.seat.main import main; "
    "sys.exit(main(pathlib.Path(sys.argv[1])))"
)


class GuardStandIn:
    """Listens where a guard would. `heard` holds all that seats said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: list[FromSeat] = []
        self.wire: LocalWire | None = None
        self._news = asyncio.Condition()
        self._decode = msgpack.Decoder[FromSeat](FromSeat).decode

    def tell(self, message: ToSeat) -> None:
        assert self.wire is not None
        self.wire.send(msgpack.encode(message))

    async def hears(self, kind: type[Answer], ok: Callable[[Answer], bool]) -> Answer:
        """Wait for a new word of this kind; what was heard before it is forgotten."""
        async with asyncio.timeout(30), self._news:
            while True:
                for place, said in enumerate(self.heard):
                    if isinstance(said, kind) and ok(said):
                        del self.heard[: place + 1]
                        return said
                await self._news.wait()

    async def seat_came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = self.wire = LocalWire(reader, writer)
        try:
            while True:
                said = self._decode(await wire.receive())
                async with self._news:
                    self.heard.append(said)
                    self._news.notify_all()
        except OSError:
            pass  # the seat has ended, or was
        finally:
            await wire.close()


@asynccontextmanager
async def guard(folder: Path) -> AsyncGenerator[GuardStandIn]:
    stand_in = GuardStandIn(folder)
    server = await asyncio.start_unix_server(stand_in.seat_came, folder / "seat.sock")
    try:
        yield stand_in
    finally:
        server.close()
        if stand_in.wire is not None:
            await stand_in.wire.close()
        await server.wait_closed()


async def start_seat(desktop: Desktop, folder: Path, language: str = "C.UTF-8") -> Process:
    return await desktop.start(sys.executable, "-c", SEAT, str(folder), LC_ALL=language)
