"""The device's own socket between guard and seat: a length, then that many bytes of msgpack.

Never on the network: AF_UNIX in the agent's folder, and both ends may ask whose process the other
one is. What the frames hold is `device_bridge.protocol.seat`.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.fields import PICTURE_BYTES_MAX

SEAT_SOCKET: Final = "seat.sock"
PUPIL_SOCKET: Final = "pupil.sock"
FOLDERS_SOCKET: Final = "folders.sock"
FRAME_BYTES_MAX: Final = PICTURE_BYTES_MAX
WAITING_BYTES_MAX: Final = 2 * PICTURE_BYTES_MAX
"""A peer that leaves more than this unread is cut off: nothing here may grow without end."""
Accepted = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_LENGTH: Final = struct.Struct("!I")
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid: struct ucred, unix(7)
_ADDRESS_BYTES_MAX: Final = 100  # sun_path holds 108 with its end, unix(7)
_GOODBYE_SECONDS: Final = 2.0


class LocalWire:
    """One end of the socket. Both ends raise `OSError` when the other one is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def peer_uid(self) -> int:
        """Whose process is at the other end, as the kernel says (SO_PEERCRED)."""
        return uid_at(self._writer.get_extra_info("socket"))

    async def receive(self) -> bytes:
        """Read one frame. Raises `Malformed` for one too large, before any of it is read."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > FRAME_BYTES_MAX:
                raise Malformed("too large")
            return await self._reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the other end is gone") from error

    def send(self, raw: bytes) -> None:
        """Hand `raw` to the socket at once; never waits. After the end it does nothing."""
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            self._writer.transport.abort()
            return
        self._writer.write(_LENGTH.pack(len(raw)))
        self._writer.write(raw)

    async def close(self) -> None:
        """Send what waits, but not for ever, and end."""
        self._writer.close()
        try:
            with suppress(OSError):
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()


def uid_at(end: socket.socket) -> int:
    """Whose process is at the other end, as the kernel says (SO_PEERCRED)."""
    raw = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])


@contextmanager
def address_of(path: Path) -> Generator[str]:
    """Give a name of `path` that fits a socket's address, however deep the folder lies."""
    if len(os.fsencode(path)) <= _ADDRESS_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


@asynccontextmanager
async def listening(path: Path, accepted: Accepted, uids: Collection[int]) -> AsyncGenerator[None]:
    """Listen at `path` while entered, for users of `uids`. Raises `OSError` where that cannot be.

    Other users reach it only where another one is expected; who it is, the kernel names.
    """
    made = bound(path, uids)
    try:
        async with await asyncio.start_unix_server(accepted, sock=made):
            yield
    finally:
        remove(path)


def bound(
    path: Path, uids: Collection[int], kind: socket.SocketKind = socket.SOCK_STREAM
) -> socket.socket:
    """Make the socket at `path`, as `listening` does; who asks for it closes and removes it."""
    mode = 0o666 if set(uids) - {os.getuid()} else 0o600
    remove(path)
    made = socket.socket(socket.AF_UNIX, kind)
    try:
        with address_of(path) as address:
            made.bind(address)
        path.chmod(mode)
    except OSError:
        made.close()
        raise
    return made


def remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


async def connect(path: Path) -> LocalWire:
    """Reach the guard at `path`. Raises `OSError` where none listens."""
    with address_of(path) as address:
        return LocalWire(*await asyncio.open_unix_connection(address))
