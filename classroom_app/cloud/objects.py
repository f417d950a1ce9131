"""Reading objects from the school's object store, by addresses that need no token.

In threads, by the standard library: megabytes come in few large reads, for a fifth of the
processor time that the same bytes cost on the loop. Who has read an object hashes it as well, all
of it at once: pieces that are hashed as they come cost more, for they are more turns.
"""

import asyncio
import ssl
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from blake3 import blake3
from msgspec import Struct

from central_mdm.contract.partage import CHUNK_BYTES_MAX
from classroom_app.cloud.answers import unproven
from classroom_app.cloud.errors import NotAServer, Unreachable

# Between two bytes; the whole has an end of its own, from whoever asks.
QUIET_SECONDS = 20.0
AT_ONCE: Final = 8
"""So many are read beside each other, and so many connections are kept for the next objects."""
_Place = tuple[str, str, int | None]


class Found(Struct, frozen=True):
    """What an address answered. `name`: the content's BLAKE3 in hex, which a chunk is called by."""

    status: int
    content: bytes
    name: str


class ObjectReader:
    """Reads some beside each other, and goes on with a connection that stands, the last first."""

    def __init__(self, verify: ssl.SSLContext | None = None) -> None:
        self._verify = verify
        self._idle: deque[tuple[_Place, HTTPConnection]] = deque()
        self._threads = ThreadPoolExecutor(AT_ONCE, "objects")

    async def read(self, address: str) -> Found:
        """Read what is there, at most a chunk. Raises Unreachable or NotAServer."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._found, address)

    def _found(self, address: str) -> Found:
        status, content = self._asked(address)
        return Found(status, content, blake3(content).hexdigest())

    def _asked(self, address: str) -> tuple[int, bytes]:
        place, path = _parts(address)
        connection = self._left(place)
        if connection is not None:
            try:
                return self._read(place, connection, path)
            except Unreachable:
                pass  # it may have ended while nobody asked: that is no failure of the store
        return self._read(place, self._new(place), path)

    async def close(self) -> None:
        """End what stands idle, once what is being read has come to its end."""
        await asyncio.to_thread(self._threads.shutdown)
        while self._idle:
            self._idle.popleft()[1].close()

    def _new(self, place: _Place) -> HTTPConnection:
        scheme, host, port = place
        if scheme == "https":
            return HTTPSConnection(host, port, timeout=QUIET_SECONDS, context=self._verify)
        return HTTPConnection(host, port, timeout=QUIET_SECONDS)

    def _left(self, place: _Place) -> HTTPConnection | None:
        try:
            found, connection = self._idle.pop()
        except IndexError:
            return None
        if found == place:
            return connection
        connection.close()
        return None

    def _read(self, place: _Place, connection: HTTPConnection, path: str) -> tuple[int, bytes]:
        whole = False
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            content = response.read(CHUNK_BYTES_MAX + 1)
            if response.length and len(content) <= CHUNK_BYTES_MAX:
                raise Unreachable("cut off")
            whole = response.isclosed() and len(self._idle) < AT_ONCE
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(_word(error)) from None
        finally:
            if whole:
                self._idle.append((place, connection))
            else:
                connection.close()
        if len(content) > CHUNK_BYTES_MAX:
            raise NotAServer("too-large")
        return response.status, content


def _word(error: Exception) -> str:
    """Name it for the log; who cannot prove to be the store is told by what its proof lacks."""
    other = unproven(error)
    return other.why if other else type(error).__name__


def _parts(address: str) -> tuple[_Place, str]:
    """Return where an address is and what to ask there. Raises NotAServer."""
    try:
        parts = urlsplit(address)
        place = (parts.scheme, parts.hostname or "", parts.port)
    except ValueError:
        raise NotAServer("no-address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotAServer("no-address")
    return place, f"{parts.path or '/'}?{parts.query}"
