"""HTTP/1.1 (RFC 9112) as one core can ask it thousands of times a second: small, and no more.

One request at a time on a connection, answers with a length. Nothing sends it elsewhere: an answer
3xx is an answer like any other.
"""

import asyncio
import re
from typing import Final, cast

from msgspec import Struct

from central_mdm.load.target import Target

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
ANSWER_SECONDS: Final = 20.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]{1,9})\r\n", re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/1\.1 ([1-9][0-9]{2}) ")
_END: Final = b"\r\n\r\n"


class Answer(Struct, frozen=True):
    """`head`: status line and fields as they came, with the line's end after the last."""

    status: int
    head: bytes
    body: bytes

    def field(self, name: str) -> str:
        found = re.search(rb"\r\n%s: *([^\r]*)" % name.encode(), self.head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""


def request(method: str, path: str, token: str = "", body: bytes = b"") -> bytes:
    """Write a request as devices' and teachers' HTTP library does."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: mdm.example",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        "Connection: keep-alive",
        "User-Agent: python-httpx/0.28.1",
    ]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END + body


class Line(asyncio.Protocol):
    """One connection. `open` until either end has closed it."""

    def __init__(self) -> None:
        self.open = False
        self._received = b""
        self._waiting: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def ask(self, asked: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future ends with its answer, or OSError."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self._transport is None or not self.open:
            self._waiting.set_exception(ConnectionResetError())
        else:
            self._transport.write(asked)
        return self._waiting

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP gives a transport for both directions; uvloop's is none by its class.
        self._transport, self.open = cast(asyncio.Transport, transport), True

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            answer = _whole(self._received)
        except ValueError:
            self.close()
            return
        if answer is not None and self._waiting is not None and not self._waiting.done():
            self._received = b""
            self._waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError())


class Lines:
    """Connections to the server, kept while it keeps them; or `fresh`: one for each request."""

    def __init__(self, target: Target, *, fresh: bool = False) -> None:
        self._target = target
        self._fresh = fresh
        self._idle: list[Line] = []

    async def ask(self, asked: bytes) -> Answer:
        """Ask once. Raises OSError (TimeoutError among them) where no answer comes."""
        async with asyncio.timeout(ANSWER_SECONDS):
            line = await self._line()
            try:
                answer = await line.ask(asked)
            except BaseException:
                line.close()
                raise
        if self._fresh:
            line.close()
        else:
            self._idle.append(line)
        return answer

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _line(self) -> Line:
        # The last one used first: those that are too many grow old, and the server closes them.
        while self._idle:
            line = self._idle.pop()
            if line.open:
                return line
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(Line, self._target.address, self._target.port)
        return line


def _whole(received: bytes) -> Answer | None:
    """Read an answer; None: some of it is to come. Raises ValueError for what is none."""
    if len(received) > ANSWER_BYTES_MAX:
        raise ValueError
    head, end, body = received.partition(_END)
    if not end:
        return None
    status, length = _STATUS.match(head), _LENGTH.search(head + _END)
    if status is None or length is None:
        raise ValueError
    missing = int(length[1]) - len(body)
    if missing < 0:
        raise ValueError
    return None if missing else Answer(int(status[1]), head, body)
