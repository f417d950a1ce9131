"""The driver's end of the puppet: it asks the app's window to do as a teacher would."""

import asyncio
import json
from pathlib import Path
from typing import Any

ANSWER_BYTES_MAX = 4 * 1024 * 1024
ASK_SECONDS = 30.0


class PuppetError(Exception):
    """The window could not do what was asked; the text says why."""


class Strings:
    """One connection to the app's puppet socket; a request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    @classmethod
    async def tie(cls, socket: Path, seconds: float = 30.0) -> "Strings":
        """Connect as soon as the app listens."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return cls(*await asyncio.open_unix_connection(socket, limit=ANSWER_BYTES_MAX))
                except (FileNotFoundError, ConnectionRefusedError):
                    await asyncio.sleep(0.05)

    async def ask(self, do: str, **args: object) -> dict[str, Any]:
        """Have `do` done; raise `PuppetError` when the window could not."""
        async with self._turn, asyncio.timeout(ASK_SECONDS):
            self._writer.write(json.dumps({"do": do, **args}).encode() + b"\n")
            await self._writer.drain()
            raw = await self._reader.readline()
        if not raw:
            raise PuppetError(f"the app ended during {do!r}")
        answer: dict[str, Any] = json.loads(raw)
        if why := answer.get("error"):
            raise PuppetError(f"{do}: {why}")
        return answer

    async def close(self) -> None:
        self._writer.close()
