"""The network of a history: requests are cut, doubled, held up, or answered by somebody else."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from typing import Any, Final
from urllib.parse import unquote

import httpx
from litestar import Litestar
from msgspec import Struct

from tests.histories.world import Process, World

URL: Final = "http://mdm"
PORTAL: Final = b"<html><title>Wi-Fi of the station</title>Please accept our terms.</html>"
LATE_SECONDS: Final = 150.0
"""The longest that a request is held up on its way."""


class Weather(Struct, frozen=True):
    """How often, of a request each; 0.0: never."""

    cut_before: float = 0.0
    cut_within: float = 0.0
    cut_after: float = 0.0
    cut_answer: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    portal: float = 0.0


STORM: Final = Weather(0.03, 0.02, 0.05, 0.03, 0.04, 0.04, 0.02)
STRENGTHS: Final = (0.1, 0.3, 1.0)
"""Of a history's storm: in the whole of it an app hardly ever comes to the end of a turn, so what
goes wrong there shows in the others."""


def storm(strength: float) -> Weather:
    return Weather(*(strength * getattr(STORM, name) for name in Weather.__struct_fields__))


Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers, body."""


class Network:
    """Carries each request to whoever serves now."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.weather = Weather()
        self.serving: tuple[Process, Litestar] | None = None
        self.away: dict[str, float] = {}
        """Until when (seconds of the loop) a process reaches nobody, by its name."""
        self.carried = 0
        self._under_way: set[asyncio.Task[Answer]] = set()

    def client(self, process: Process) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=_Line(self, process), verify=False)  # noqa: S501 - no TLS here

    async def carry(self, process: Process, request: httpx.Request) -> httpx.Response:
        """Bring a request to the server and its answer back, or not."""
        content = await request.aread()
        fault = self._fault()
        target = request.url.raw_path.decode()
        named = request.url.path if "key=" in target else target  # a key is drawn by chance
        self.world.tell(process.name, request.method, named, fault)
        await self._some_time()
        if self.away.get(process.name, 0.0) > self.world.loop.time() or fault == "cut_before":
            raise httpx.ConnectError("no route")
        if fault == "portal":
            return httpx.Response(200, headers={"content-type": "text/html"}, content=PORTAL)
        asked = request.method, target, request.headers.raw, content
        if fault == "late":
            self._deliver(asked, after=self.world.chance.uniform(1.0, LATE_SECONDS))
            await asyncio.sleep(self.world.chance.uniform(1.0, 30.0))
            raise httpx.ReadTimeout("held up")
        if fault == "doubled":
            self._deliver(asked, after=self.world.chance.uniform(0.0, 5.0))
        task = self._deliver(asked, cut=fault == "cut_within")
        await asyncio.wait({task})
        await self._some_time()
        if task.cancelled() or task.exception() or fault in {"cut_after", "cut_within"}:
            raise httpx.ReadError("cut off")
        status, headers, body = task.result()
        self.world.tell(process.name, request.method, named, status)
        cut = len(body) // 2 if fault == "cut_answer" else -1
        return httpx.Response(status, headers=headers, stream=_Body(body, cut))

    def _fault(self) -> str:
        drawn = self.world.chance.random()
        for name in self.weather.__struct_fields__:
            drawn -= getattr(self.weather, name)
            if drawn < 0.0:
                return name
        return ""

    async def _some_time(self) -> None:
        await asyncio.sleep(0.01 + self.world.chance.random() ** 6 * 2.0)

    def _deliver(
        self, asked: tuple[str, str, Any, bytes], *, after: float = 0.0, cut: bool = False
    ) -> asyncio.Task[Answer]:
        """Have whoever serves then answer; who asked may be gone."""

        async def arrive() -> Answer:
            await asyncio.sleep(after)
            if self.serving is None:
                raise httpx.ConnectError("refused")
            process, app = self.serving
            self.carried += 1
            task = process.start(_ask(app, asked, cut=cut))
            await asyncio.wait({task})
            return task.result()

        # In a context of nobody's: it is on its way though its sender may be dead.
        task = self.world.loop.create_task(arrive(), context=Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
        return task


class _Line(httpx.AsyncBaseTransport):
    def __init__(self, network: Network, process: Process) -> None:
        self._network, self._process = network, process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.carry(self._process, request)


class _Body(httpx.AsyncByteStream):
    def __init__(self, body: bytes, cut: int) -> None:
        self._body, self._cut = body, cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._cut < 0:
            yield self._body
            return
        yield self._body[: self._cut]
        raise httpx.RemoteProtocolError("cut off")


async def _ask(app: Litestar, asked: tuple[str, str, Any, bytes], *, cut: bool) -> Answer:
    """Put one request to the application as a server does; `cut`: half of its body comes."""
    method, target, headers, content = asked
    path, _, query = target.partition("?")
    half = content[: len(content) // 2]
    events: list[dict[str, Any]] = (
        [{"type": "http.request", "body": half, "more_body": True}, {"type": "http.disconnect"}]
        if cut
        else [{"type": "http.request", "body": content, "more_body": False}]
    )
    events.reverse()
    status, told, pieces = 0, list[tuple[bytes, bytes]](), list[bytes]()

    async def receive() -> Any:  # noqa: ANN401 - ASGI's own
        if events:
            return events.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's own
        nonlocal status, told
        if message["type"] == "http.response.start":
            status, told = message["status"], list(message["headers"])
        else:
            pieces.append(message.get("body", b""))

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("mdm", 80),
    }
    await app(scope, receive, send)
    return status, told, b"".join(pieces)
