"""A lane: one WebSocket over TLS, carrying whole binary messages. No message passes `accept` by.

Both ends open it alike: TLS handshake, then the peer's certificate is judged, and only then are
bytes of HTTP read or written. Compression is off: with it a bulk lane ran at a twentieth.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal, Protocol, cast

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.http11 import Request, Response
from websockets.protocol import Event
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from device_bridge.protocol.errors import Malformed, NotPaired
from device_bridge.protocol.fields import BULK_BYTES_MAX, CONTROL_BYTES_MAX, PICTURE_BYTES_MAX
from device_bridge.trust.accept import Peer

Path = Literal["/control", "/pictures", "/bulk", "/showing", "/pair"]
PATHS: Final[tuple[Path, ...]] = ("/control", "/pictures", "/bulk", "/showing")
"""Of an enrolled device; `/pair` is the only one of a device that is not."""
FROM_DEVICE_MAX: Final[dict[Path, int]] = {
    "/control": CONTROL_BYTES_MAX,
    "/pictures": PICTURE_BYTES_MAX,
    "/bulk": BULK_BYTES_MAX,
    "/showing": CONTROL_BYTES_MAX,
    "/pair": CONTROL_BYTES_MAX,
}
CLOSE_SECONDS: Final = 2.0
PING_SECONDS: Final = 10.0
"""The device hears nothing from a quiet app for minutes: pings tell it that a cable was pulled."""
WRITE_BYTES: Final[dict[Path, int]] = {
    "/control": 64 * 1024,
    "/pictures": 256 * 1024,
    "/bulk": 1024 * 1024,
    "/showing": 256 * 1024,
    "/pair": 64 * 1024,
}
SEND_BYTES: Final = 512 * 1024
"""What the system may hold of a bulk lane that is not on its way yet: it cannot be held back."""
WAITING_MAX: Final = 8
"""Messages that have come and are not taken yet; one more is read, then TCP holds the rest back."""
PICTURES_WAITING_MAX: Final = 1
"""Of a lane of pictures: two of 4 MiB are what credit allows, and all that a peer gets to keep."""
FRAMES_AT_ONCE: Final = 256
"""Of one read. The shortest honest messages are some 50 bytes, and of them a few come together."""
SLICE_BYTES: Final = 16 * 1024
_URIS: Final = {path: parse_uri(f"wss://pupitre{path}") for path in FROM_DEVICE_MAX}
_log: Final = logging.getLogger("websockets.pupitre")

Judge = Callable[[bytes | None], Peer]
"""Judges the DER certificate of a peer; raises NotPaired."""


class WireEnded(ConnectionError):
    """The lane is closed or lost."""


class HungUp(WireEnded):
    """The device proved itself and hung up without a word.

    So it does when it refuses our certificate within TLS: in TLS 1.3 that comes after our own end
    has finished, and asyncio sends no alert. Once may be chance, again is a refusal.
    """


class Wire(Protocol):
    """Whole messages, both ways. Raises WireEnded or Malformed when it is over."""

    async def receive(self) -> bytes: ...

    async def send(self, raw: bytes) -> None: ...

    async def close(self) -> None: ...


class Lane:
    """A `Wire` over a websocket; `peer` is proved, `path` agreed."""

    def __init__(self, socket_: Connection, peer: Peer, path: Path) -> None:
        self.peer = peer
        self.path: Path = path
        self._socket = socket_

    async def receive(self) -> bytes:
        with _ended():
            raw = await self._socket.recv()
        if isinstance(raw, str):
            raise Malformed("text")
        return raw

    async def send(self, raw: bytes) -> None:
        with _ended():
            await self._socket.send(raw)

    def take_up_to(self, size: int) -> None:
        """Take pictures of so many bytes from now on: of whom a lane is must be known first."""
        self._socket.protocol.max_message_size = size
        waiting = self._socket.recv_messages
        waiting.high, waiting.low = PICTURES_WAITING_MAX, 0

    def abort(self) -> None:
        """End it now: whoever receives or sends on it hears WireEnded."""
        self._socket.transport.abort()

    async def close(self) -> None:
        """Say goodbye, then end the connection in any case."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._socket.close()
        except (OSError, TimeoutError):
            pass
        finally:
            self.abort()


async def dial_lane(
    address: tuple[str, int], path: Path, context: ssl.SSLContext, judge: Judge
) -> Lane:
    """Open a lane. Raises NotPaired, OSError or TimeoutError; the caller bounds the time."""
    host, port = address
    protocol = ClientProtocol(_URIS[path], max_size=FROM_DEVICE_MAX[path], logger=_log)

    waiting = PICTURES_WAITING_MAX if path == "/pictures" else WAITING_MAX

    def made() -> ClientConnection:
        return ClientConnection(
            protocol, ping_interval=None, max_queue=waiting, write_limit=WRITE_BYTES[path]
        )

    with _telling():
        transport, connection = await asyncio.get_running_loop().create_connection(
            made, host, port, ssl=context, server_hostname="pupitre", ssl_shutdown_timeout=1.0
        )
        whole = False
        try:
            peer = judge(_certificate(transport))
            try:
                await connection.handshake(user_agent_header=None)
            except ConnectionResetError as error:
                raise HungUp("reset") from error
            whole = True
        finally:
            if not whole:
                transport.abort()
    if path == "/bulk":
        sending: socket.socket = transport.get_extra_info("socket")
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    return Lane(connection, peer, path)


@contextmanager
def _telling() -> Generator[None]:
    """Turn what a failed opening raises into what it says about the device."""
    try:
        yield
    except ssl.SSLError as error:
        raise NotPaired(error.reason or "no TLS") from error
    except InvalidStatus as error:
        raise _refused(error.response.status_code) from error
    except InvalidMessage as error:
        raise HungUp("no answer") from error
    except InvalidHandshake as error:
        raise WireEnded(type(error).__name__) from error


async def take_lane(
    taken: socket.socket,
    context: ssl.SSLContext,
    judge: Judge,
    seconds: float,
    paths: Sequence[Path] = PATHS,
) -> Lane:
    """Turn a just accepted socket into a lane of one of `paths`.

    Raises NotPaired, Malformed, OSError or TimeoutError.
    """
    protocol = ServerProtocol(max_size=BULK_BYTES_MAX, logger=_log)

    def made() -> "_Incoming":
        return _Incoming(
            protocol,
            cast("Server", _OPEN),
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            max_queue=WAITING_MAX,
            write_limit=WRITE_BYTES["/bulk"],
        )

    async with asyncio.timeout(seconds):
        try:
            transport, connection = await asyncio.get_running_loop().connect_accepted_socket(
                made, taken, ssl=context, ssl_handshake_timeout=seconds, ssl_shutdown_timeout=1.0
            )
        except ssl.SSLError as error:
            raise NotPaired(error.reason or "no TLS") from error
        return await _greet(transport, connection, judge, paths)


async def _greet(
    transport: asyncio.BaseTransport, connection: "_Incoming", judge: Judge, paths: Sequence[Path]
) -> Lane:
    whole = False
    try:
        peer = judge(_certificate(transport))
        await connection.handshake(partial(_only, paths), server_header=None)
        request, response = connection.request, connection.response
        if request is None or response is None or response.status_code != 101:  # noqa: PLR2004
            raise Malformed("no lane of ours")
        path = paths[paths.index(cast("Path", request.path))]
        whole = True
    except NotPaired:
        # Nothing of theirs was read; they are told in the words their end waits for.
        cast("asyncio.WriteTransport", transport).write(_FORBIDDEN)
        transport.close()
        raise
    finally:
        if not whole and not transport.is_closing():
            transport.close()
    connection.start_keepalive()
    return Lane(connection, peer, path)


class _Incoming(ServerConnection):
    """A server's connection without websockets' own task: ours belongs to a TaskGroup."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Connection.connection_made(self, transport)
        self._more = FRAMES_AT_ONCE

    def data_received(self, data: bytes) -> None:
        """Take what one read has brought; who fills it with tiny frames is cut off.

        Frames are made of bytes without a turn of the loop: 128 KiB of pings are a second of it.
        """
        self._more = FRAMES_AT_ONCE
        for at in range(0, len(data), SLICE_BYTES):
            super().data_received(data[at : at + SLICE_BYTES])
            if self._more < 0:
                self.transport.abort()
                return

    def process_event(self, event: Event) -> None:
        self._more -= 1
        super().process_event(event)


class _Open:
    """What `handshake` asks of a server."""

    def is_serving(self) -> bool:
        return True


_OPEN: Final = _Open()
_FORBIDDEN: Final = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def _only(
    paths: Sequence[Path], connection: ServerConnection, request: Request
) -> Awaitable[Response | None] | Response | None:
    if request.path in paths and "Origin" not in request.headers:
        return None
    return connection.respond(404, "")  # no browser of any page is a teacher's app


def _certificate(transport: asyncio.BaseTransport) -> bytes | None:
    layer: Any = transport.get_extra_info("ssl_object")
    return layer.getpeercert(binary_form=True)


def _refused(status: int) -> Exception:
    return NotPaired("refused") if status == 403 else WireEnded(f"status {status}")  # noqa: PLR2004


@contextmanager
def _ended() -> Generator[None]:
    try:
        yield
    except ConnectionClosed as error:
        sent = error.sent
        if sent is not None and sent.code in {1002, 1007, 1009} and not error.rcvd_then_sent:
            raise Malformed(f"closed with {sent.code}") from error  # RFC 6455, 7.4.1
        if isinstance(error.__cause__, ssl.SSLError):
            raise NotPaired(error.__cause__.reason or "refused") from error
        raise WireEnded(str(error.rcvd.code if error.rcvd else 1006)) from error
    except ssl.SSLError as error:
        raise NotPaired(error.reason or "refused") from error
