"""A receiving process, to be killed: prints how many bytes are verified, a line each time.

`python -m tests.integration.receiving FOLDER PORT DOCUMENT`.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from device_bridge.materials.bulk import BulkEnd, Lent
from device_bridge.materials.library import Library


class Socket:
    """Length-framed messages over a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def receive(self) -> bytes:
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        return await self._reader.readexactly(size)

    async def send(self, raw: bytes) -> None:
        self._writer.write(len(raw).to_bytes(4, "big") + raw)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def receive(folder: Path, port: int, document: bytes) -> None:
    library = Library(folder)
    with ThreadPoolExecutor(2) as pool:
        wire = Socket(*await asyncio.open_connection("127.0.0.1", port))
        end = BulkEnd(wire, Lent(library, lambda _: False), pool)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(end.run())
            await end.fetch(document, library, progress=lambda have: print(have, flush=True))
            task.cancel()


if __name__ == "__main__":
    asyncio.run(receive(Path(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3])))
