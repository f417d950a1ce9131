"""Who asks slowly, or not at all, keeps nobody else out; over real connections."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET

import httpx
import pytest
import uvicorn
from blake3 import blake3

from central_mdm.contract.partage import CHUNK_BYTES_MAX
from central_mdm.fleet.door import CHECK_INS_MAX, REQUESTS_MAX, Door
from central_mdm.partage.api import CHUNKS_BESIDE
from central_mdm.patience import Connection, Patience, keep_looking
from central_mdm.serving import Served, configured
from tests.integration.test_mdm_partage import an_offer, document, offer, put
from tests.mdm import Mdm, Prepared, running

pytestmark = pytest.mark.real_loop

SIGN_IN = b"POST /api/sign-in HTTP/1.1\r\nHost: mdm\r\nContent-Type: application/json\r\n"
CHECK_IN = SIGN_IN.replace(b"sign-in", b"check-in") + b"Authorization: Bearer p.x.y.tilleuls\r\n"
HALF = b"Content-Length: 100\r\n\r\n"
PATIENCE = Patience()


@pytest.fixture
async def mdm(tmp_path: Path, school_on: Callable[[str], Prepared]) -> AsyncGenerator[Mdm]:
    with school_on("sqlite").copy(tmp_path) as url:
        async with running(tmp_path, url) as made:
            yield made


@dataclass
class Line:
    """A connection that sends what it is told to."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, content: bytes) -> None:
        self.writer.write(content)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """Read until the server ends it."""
        async with asyncio.timeout(30):
            return await self.reader.read()


@dataclass
class House:
    """The application on a socket. `at`: the second at which all connections are looked at next."""

    http: httpx.AsyncClient
    open: set[Connection]
    dial: Callable[[], Awaitable[Line]]

    def look(self, at: float, patience: Patience = PATIENCE) -> None:
        for each in tuple(self.open):
            each.look(patience, at)

    async def has(self, received_bytes: int) -> None:
        """Wait until so much has come, on all together."""
        async with asyncio.timeout(30):
            while sum(each.received_bytes for each in self.open) < received_bytes:  # noqa: ASYNC110
                await asyncio.sleep(0)


@asynccontextmanager
async def housed(mdm: Mdm) -> AsyncGenerator[House]:
    config = configured(mdm.app, Served(Path()))
    config.port, config.lifespan = 0, "off"  # it lives already
    server, lines = uvicorn.Server(config), list[Line]()
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    host, port = server.servers[0].sockets[0].getsockname()

    async def dial() -> Line:
        lines.append(Line(*await asyncio.open_connection(host, port)))
        return lines[-1]

    try:
        async with httpx.AsyncClient(base_url=f"http://{host}:{port}") as http:
            yield House(http, server.server_state.connections, dial)  # type: ignore[arg-type]
    finally:
        for line in lines:
            line.writer.close()
        await server.shutdown()


async def test_a_thousand_that_never_finish_asking_keep_nobody_out_and_are_let_go(
    mdm: Mdm,
) -> None:
    async with housed(mdm) as house:
        slow = [await house.dial() for _ in range(REQUESTS_MAX + CHECK_INS_MAX + 20)]
        half = [SIGN_IN + HALF + b"{"] * (REQUESTS_MAX + 10) + [CHECK_IN + HALF] * CHECK_INS_MAX
        for line, content in zip(slow, half, strict=False):
            await line.send(content)
        await house.has(sum(map(len, half)))

        for path in ("/health", "/ready"):
            assert (await house.http.get(path)).status_code == 200
        answer = await house.http.post("/api/sign-in", json={"school": "x", "login": "y"})
        assert answer.status_code == 400, "it has reached the room"
        by = {"authorization": "Bearer p.x.y.tilleuls"}
        assert (await house.http.post("/api/check-in", headers=by, json={})).status_code == 401

        house.look(at=100)
        house.look(at=100 + PATIENCE.body_seconds)
        assert (await house.http.get("/health")).status_code == 200
        assert len(house.open) == len(slow) + 1
        house.look(at=100 + PATIENCE.body_seconds + 1)
        for line, content in zip(slow, half, strict=False):
            told = await line.rest()
            assert told.startswith(b"HTTP/1.1 408 "), content
            assert b'"code":"too-slow"' in told
        assert [await line.rest() for line in slow[len(half) :]] == [b""] * 10, "who said nothing"


async def test_half_a_head_and_a_trickle_end_and_an_honest_slow_line_arrives(mdm: Mdm) -> None:
    async with housed(mdm) as house:
        head, second, trickle, honest = [await house.dial() for _ in range(4)]
        await second.send(b"GET /health HTTP/1.1\r\nHost: mdm\r\n\r\n")
        await second.reader.readuntil(b"}")
        for line, content in (
            (head, SIGN_IN),
            (second, SIGN_IN),
            (trickle, SIGN_IN + b"Content-Length: 16000\r\n\r\n"),
            (honest, SIGN_IN + b"Content-Length: 16000\r\n\r\n"),
        ):
            await line.send(content)
        await house.has(4 * len(SIGN_IN))
        sent = sum(each.received_bytes for each in house.open)
        house.look(at=0)
        await honest.send(b" " * 8192)
        await head.send(b"X-More: of it\r\n")
        await second.send(b"X-More: of it\r\n")
        await trickle.send(b" " * 20)
        await house.has(sent + 8192 + 2 * len(b"X-More: of it\r\n") + 20)
        house.look(at=11)
        assert (await head.rest(), await second.rest()) == (b"", b"")
        assert (await trickle.rest()).startswith(b"HTTP/1.1 408 ")
        await honest.send(b" " * (16000 - 8192))
        assert (await honest.reader.readline()).startswith(b"HTTP/1.1 400 "), "it is no sign-in"


async def test_what_came_of_a_body_before_the_first_look_counts_as_well(mdm: Mdm) -> None:
    async with housed(mdm) as house:
        line = await house.dial()
        head = SIGN_IN + b"Content-Length: 16000\r\n\r\n"
        await line.send(head + b" " * 12288)  # three seconds more
        await house.has(len(head) + 12288)
        house.look(at=0)
        house.look(at=13)
        await line.send(b" " * (16000 - 12288))
        assert (await line.reader.readline()).startswith(b"HTTP/1.1 400 "), "it was all there"


async def test_a_server_looks_by_itself(mdm: Mdm) -> None:
    async with housed(mdm) as house, asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(keep_looking(house.open, Patience(head_seconds=0.05)))
        assert await (await house.dial()).rest() == b""
        looking.cancel()


async def test_who_reads_no_answer_is_let_go_and_who_reads_slowly_has_all_of_it(mdm: Mdm) -> None:
    pieces, manifest = document(*[CHUNK_BYTES_MAX] * 6)
    for piece in pieces:
        await put(mdm, piece)
    await offer(mdm, an_offer(mdm, manifest))
    token = (await mdm.as_teacher())["authorization"]
    asked = (
        f"GET /api/files/file-1 HTTP/1.1\r\nHost: mdm\r\nAuthorization: {token}\r\n\r\n".encode()
    )
    door = mdm.app.asgi_handler
    assert isinstance(door, Door)
    async with asyncio.timeout(20), housed(mdm) as house:
        honest = await house.dial()
        await honest.send(asked)
        assert b" 200 " in await honest.reader.readuntil(b"\r\n\r\n")
        (reads,) = house.open
        await (await house.dial()).send(asked)
        while len(house.open) < 2 or not all(  # noqa: ASYNC110 - until both kernels are full
            each.transport.get_write_buffer_size() for each in house.open
        ):
            await asyncio.sleep(0)
        assert door.rooms.inside == 2
        at, read, slowly = 0, 0, 512 * 1024
        while door.rooms.inside == 2:
            # The kernels take more only when a part of their own is free: of twenty looks in one.
            await honest.reader.readexactly(slowly)
            read += slowly
            at += 1
            house.look(at, Patience(unread_seconds=20))
            await asyncio.sleep(0)
        assert at > 20
        while house.open != {reads}:  # noqa: ASYNC110 - it ends a turn of the loop later
            await asyncio.sleep(0)
        await honest.reader.readexactly(len(pieces) * CHUNK_BYTES_MAX - read)


async def test_a_chunk_keeps_its_place_until_it_is_read_and_a_person_has_few_of_them(
    mdm: Mdm,
) -> None:
    (piece,), manifest = document(CHUNK_BYTES_MAX)
    await put(mdm, piece)
    await offer(mdm, an_offer(mdm, manifest))
    token = (await mdm.as_teacher())["authorization"]
    asked = f"GET /api/chunks/{blake3(piece).hexdigest()}?file=file-1 HTTP/1.1\r\nHost: mdm\r\n"
    head = f"{asked}Authorization: {token}\r\n\r\n".encode()
    door = mdm.app.asgi_handler
    assert isinstance(door, Door)
    async with asyncio.timeout(20), housed(mdm) as house:
        lines = [await house.dial() for _ in range(CHUNKS_BESIDE + 1)]
        while len(house.open) < len(lines):  # noqa: ASYNC110 - the server takes them in its turn
            await asyncio.sleep(0)
        for socket in (each.writer for each in lines), (each.transport for each in house.open):
            for one in socket:  # the kernel alone would take a whole chunk
                one.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, 65536)
                one.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, 65536)
        for line in lines[1:]:
            await line.send(head)
            assert b" 200 " in await line.reader.readuntil(b"\r\n\r\n")
        assert door.rooms.inside == CHUNKS_BESIDE
        await lines[0].send(head)
        assert b" 429 " in await lines[0].reader.readuntil(b"\r\n")
        for line in lines[1:]:
            assert await line.reader.readexactly(CHUNK_BYTES_MAX) == piece
        while door.rooms.inside:  # noqa: ASYNC110 - they end a turn of the loop later
            await asyncio.sleep(0)
