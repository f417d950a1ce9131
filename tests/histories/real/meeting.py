"""A device and a teacher's app in one room: what the two say to each other, at the device's socket.

A line of JSON each: first the papers that a teacher shows, then the messages of the protocol.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, json

from device_bridge.protocol.carrying import Brought, BundleGiven
from device_bridge.protocol.hello import CertificateCarried, Welcome

LINE_BYTES_MAX: Final = 256 * 1024


class Papers(Struct, frozen=True):
    """What is shown at once; `grant`: "" where the teacher has none."""

    deny_list: str
    grant: str


FromApp = Brought | CertificateCarried
FromDevice = Welcome | BundleGiven
papers: Final = json.Decoder(Papers)
from_app: Final = json.Decoder(FromApp)
from_device: Final = json.Decoder(FromDevice)


class Line:
    """One end of it. `send` never blocks, as no link's does."""

    teacher_name = ""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def send(self, message: Struct) -> None:
        self._writer.write(json.encode(message) + b"\n")


async def said(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    """Yield each whole line; who was killed at one has not said it."""
    async for line in reader:
        if line.endswith(b"\n"):
            yield line


@asynccontextmanager
async def meeting(path: Path, shown: Papers) -> AsyncGenerator[tuple[asyncio.StreamReader, Line]]:
    """Go to the device that is met at `path`. Raises OSError where it is not there."""
    reader, writer = await asyncio.open_unix_connection(path, limit=LINE_BYTES_MAX)
    try:
        line = Line(writer)
        line.send(shown)
        yield reader, line
    finally:
        writer.close()
