"""The way to the server: an HTTP proxy that cuts, doubles, holds up, or answers by itself.

Programs ask it for `http://mdm/…`, each at a port of its own, whoever serves and where.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

from tests.histories.network import PORTAL, URL, Weather

LATE_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = 20.0
HEAD_BYTES_MAX: Final = 64 * 1024
_PORTAL: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: "
    + str(len(PORTAL)).encode()
    + b"\r\n\r\n"
    + PORTAL
)
Asked = tuple[bytes, bytes]
"""Head and body, as the server is sent them."""


class Proxy:
    """`upstream`: host and port that serve now."""

    def __init__(self, chance: random.Random, weather: Weather, tasks: asyncio.TaskGroup) -> None:
        self.weather = weather
        self.upstream: tuple[str, int] | None = None
        self.away: set[str] = set()
        """Who reaches nobody."""
        self.carried = 0
        self.ports: dict[str, int] = {}
        self._chance, self._tasks = chance, tasks
        self._under_way: set[asyncio.Task[bytes]] = set()

    @asynccontextmanager
    async def listening(self, names: tuple[str, ...]) -> AsyncGenerator[None]:
        """Have a port for each of these until the block ends."""
        listeners = [await self._listen(name) for name in names]
        try:
            yield
        finally:
            for listener in listeners:
                listener.close()

    async def quiet(self) -> None:
        """Wait until nothing is on its way any more."""
        while self._under_way:
            await asyncio.wait(tuple(self._under_way))

    async def _listen(self, name: str) -> asyncio.Server:
        async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._carry(name, await _read(reader), writer)
            writer.close()

        def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._tasks.create_task(met(reader, writer))

        server = await asyncio.start_server(came, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
        self.ports[name] = server.sockets[0].getsockname()[1]
        return server

    def _fault(self) -> str:
        drawn = self._chance.random()
        for fault in self.weather.__struct_fields__:
            drawn -= getattr(self.weather, fault)
            if drawn < 0.0:
                return fault
        return ""

    async def _carry(self, name: str, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Bring a request to the server and its answer back, or not."""
        fault = self._fault()
        if name in self.away or fault == "cut_before":
            return
        if fault == "portal":
            writer.write(_PORTAL)
            return
        if fault == "late":
            self._deliver(asked, after=self._chance.uniform(0.2, LATE_SECONDS))
            return
        if fault == "doubled":
            self._deliver(asked, after=self._chance.uniform(0.0, LATE_SECONDS))
        answer = await self._deliver(asked, cut=fault == "cut_within")
        if fault in {"cut_after", "cut_within"}:
            return
        writer.write(answer[: len(answer) * 2 // 3] if fault == "cut_answer" else answer)

    def _deliver(
        self, asked: Asked, *, after: float = 0.0, cut: bool = False
    ) -> asyncio.Task[bytes]:
        """Ask whoever serves then; who asked may be gone."""
        task = self._tasks.create_task(self._ask(asked, after, cut=cut))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _ask(self, asked: Asked, after: float, *, cut: bool) -> bytes:
        """Return the whole answer; nothing where nobody answers."""
        await asyncio.sleep(after)
        if self.upstream is None:
            return b""
        self.carried += 1
        head, body = asked
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection(*self.upstream)
                try:
                    writer.write(head + (body[: len(body) // 2] if cut else body))
                    return b"" if cut else await reader.read()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return b""


async def _read(reader: asyncio.StreamReader) -> Asked:
    """Read a request to a proxy (RFC 9112, 3.2.2); write it as one to the server, its last."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, *fields = head[:-4].split(b"\r\n")
    length, kept = 0, list[bytes]()
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        if name.lower() not in {b"connection", b"proxy-connection"}:
            kept.append(field)
    line = line.replace(URL.encode(), b"", 1)
    told = b"\r\n".join([line, *kept, b"Connection: close"]) + b"\r\n\r\n"
    return told, await reader.readexactly(length)
