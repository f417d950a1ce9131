"""A line of so many bytes a second to a server: a relay on loopback that holds back what comes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

PIECE_BYTES = 4 * 1024
BUFFER_BYTES = 16 * 1024
"""Of the kernel, on this side: more of them would take a chunk at once and hide the line."""


class PacedLine:
    """All connections share it. `bytes_per_second` may be changed while it carries."""

    def __init__(self, server: str, bytes_per_second: float) -> None:
        parts = urlsplit(server)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self.bytes_per_second = bytes_per_second
        self.carried = 0
        self._line = asyncio.Lock()
        self._open = set[asyncio.Task[None]]()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(reader, to_there))
                group.create_task(_down(there, writer))
        finally:
            for end in (writer, to_there):
                end.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                async with self._line:
                    await asyncio.sleep(len(piece) / self.bytes_per_second)
                self.carried += len(piece)
                writer.write(piece)
                await writer.drain()
            writer.close()


async def _down(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def paced(server: str, bytes_per_second: float) -> AsyncGenerator[tuple[PacedLine, str]]:
    """Yield the line and its address, to be used in place of the server's."""
    line = PacedLine(server, bytes_per_second)
    listener = await asyncio.start_server(line.carry, "127.0.0.1", 0, limit=BUFFER_BYTES)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield line, f"http://127.0.0.1:{port}"
