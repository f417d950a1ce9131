"""The `/bulk` lane: either end may fetch and either end may supply, at once.

Reading never waits for writing: what is asked for leaves by the one sender, which puts requests
before pieces, so two ends that fetch from each other cannot wait for each other. Each piece is
one `await` of the wire, so anything else on the loop, a lock above all, comes between two pieces.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from itertools import count
from typing import Final, NoReturn, Protocol

from msgspec import Struct

from device_bridge.materials.errors import Unreadable, Withheld
from device_bridge.materials.fetch import BATCH_BYTES, Fetch, Progress
from device_bridge.materials.library import Held, Library, Reading
from device_bridge.materials.off_loop import off_loop
from device_bridge.materials.ordering import WINDOW_CHUNKS, Due, arrived
from device_bridge.materials.turns import Turns
from device_bridge.protocol.errors import Broken, Malformed, TryAgain
from device_bridge.protocol.fields import PIECE_BYTES_MAX
from device_bridge.protocol.materials import (
    ChunkPiece,
    ChunkWanted,
    ManifestSent,
    ManifestWanted,
    NotHeld,
)
from device_bridge.protocol.messages import Bulk, decode_bulk, encode

FETCHES_MAX: Final = 4
# All fetches with a full window, and some that were given up and are still answered; who asks
# for more is no end of ours.
ASKS_MAX: Final = 4 * FETCHES_MAX * WINDOW_CHUNKS
OPEN_MAX: Final = 4
RETRY_SECONDS: Final = 1.0


class Wire(Protocol):
    """A lane's connection; `receive` raises when it has ended."""

    async def receive(self) -> bytes: ...
    async def send(self, raw: bytes) -> None: ...
    async def close(self) -> None: ...


class Supplies(Protocol):
    """What may be given on this link. Called in a worker thread."""

    def open(self, document: bytes) -> Reading:
        """Open a document to be given out; raises `Withheld` or `Unreadable`."""
        ...


class Lent(Struct, frozen=True):
    """A library's documents, those that `may` be given on this link and no others."""

    library: Library
    may: Callable[[bytes], bool]

    def open(self, document: bytes) -> Reading:
        if not self.may(document):
            raise Withheld(document.hex())
        return self.library.open(document)


class BulkEnd:
    """One end of one `/bulk` wire. Used once, like the wire."""

    def __init__(
        self, wire: Wire, supplies: Supplies, pool: Executor, turns: Turns | None = None
    ) -> None:
        """Take a wire past its greeting. `pool` (2 to 4 threads) and `turns` may serve many ends.

        `turns`: who may supply a chunk now; None: this end alone decides.
        """
        self._wire, self._supplies, self._pool = wire, supplies, pool
        self._supplying = turns or Turns()
        self._due: deque[Due] = deque()
        self._fetches: dict[int, Fetch] = {}
        self._owners = count(1)
        self._requests: deque[ManifestWanted | ChunkWanted] = deque()
        self._asks: deque[ManifestWanted | ChunkWanted] = deque()
        self._readings: dict[bytes, Reading] = {}
        self._woken = asyncio.Event()
        self._ended = False
        self._turns = asyncio.Semaphore(FETCHES_MAX)

    async def run(self) -> None:
        """Carry both ways until the wire ends, which is always an exception; then close it."""
        try:
            async with asyncio.TaskGroup() as halves:
                halves.create_task(self._read(), name="bulk-read")
                halves.create_task(self._send(), name="bulk-send")
        except ExceptionGroup as both:
            raise both.exceptions[0] from both  # the first to fail cancelled the other
        finally:
            self._ended = True
            for fetch in self._fetches.values():
                fetch.inbox.end(TryAgain(RETRY_SECONDS))
            for reading in self._readings.values():
                reading.close()
            await self._wire.close()

    async def fetch(
        self,
        document: bytes,
        into: Library,
        *,
        size: int | None = None,
        progress: Progress = lambda _: None,
    ) -> Held:
        """Bring a document into a library, from where it was left; returns when it is whole.

        `size` is what was agreed, where it was: a document of another is not begun. Raises
        `TryAgain` when the lane ends (what has come stays), `DiskFull` (nothing of it stays, `has`
        is what there is then), `NotWhole`, `Withheld`, `Unreadable` or `Malformed`.
        """
        async with self._turns:
            if self._ended:
                raise TryAgain(RETRY_SECONDS)
            owner = next(self._owners)
            self._fetches[owner] = fetch = Fetch(document, into, self._pool, self._ask, owner)
            try:
                return await fetch.run(size, progress)
            finally:
                del self._fetches[owner]

    def _ask(self, request: ManifestWanted | ChunkWanted, due: Due) -> None:
        self._requests.append(request)
        self._due.append(due)
        self._woken.set()

    async def _read(self) -> NoReturn:
        while True:
            await self._hear(decode_bulk(await self._wire.receive()))

    async def _hear(self, message: Bulk) -> None:
        match message:
            case ManifestWanted() | ChunkWanted():
                if len(self._asks) >= ASKS_MAX:
                    raise Broken("more asked than any end of ours asks")
                self._asks.append(message)
                self._woken.set()
            case ManifestSent() | ChunkPiece() | NotHeld():
                await self._give(message)
            case _:
                raise Malformed("a greeting in the middle")

    async def _give(self, message: ManifestSent | ChunkPiece | NotHeld) -> None:
        if not self._due:
            raise Malformed("an answer to nothing")
        due = self._due.popleft()
        if (left := arrived(due, message)) is not None:
            self._due.appendleft(left)
        # Of a fetch that has ended the rest still comes, and is dropped here.
        if fetch := self._fetches.get(due.owner):
            await fetch.inbox.put(message)

    async def _send(self) -> NoReturn:
        while True:
            await self._send_requests()
            if self._asks:
                await self._answer(self._asks.popleft())
            elif not self._requests:
                self._woken.clear()
                await self._woken.wait()

    async def _send_requests(self) -> None:
        while self._requests:
            await self._wire.send(encode(self._requests.popleft()))

    async def _answer(self, ask: ManifestWanted | ChunkWanted) -> None:
        try:
            reading = await self._reading(ask.document)
            match ask:
                case ManifestWanted(document):
                    await self._wire.send(encode(ManifestSent(document, reading.raw)))
                case ChunkWanted():
                    async with self._supplying.turn():
                        await self._supply(reading, ask)
        except (Withheld, Unreadable):
            missing = ask.chunk if isinstance(ask, ChunkWanted) else ask.document
            await self._wire.send(encode(NotHeld(missing)))

    async def _supply(self, reading: Reading, ask: ChunkWanted) -> None:
        """Send a chunk piece by piece; never more than one batch is in memory."""
        place, offset = reading.places.get(ask.chunk), ask.offset
        if place is None or offset >= place.size:
            raise Withheld(ask.chunk.hex())
        batch = BATCH_BYTES // PIECE_BYTES_MAX
        while offset < place.size:
            read = partial(reading.read, place, offset, PIECE_BYTES_MAX, batch)
            pieces = await off_loop(self._pool, read)
            for piece in pieces:
                await self._supplying.clear()
                await self._send_requests()
                await self._wire.send(encode(ChunkPiece(ask.chunk, offset, piece)))
                offset += len(piece)

    async def _reading(self, document: bytes) -> Reading:
        if (reading := self._readings.get(document)) is None:
            while len(self._readings) >= OPEN_MAX:
                self._readings.pop(next(iter(self._readings))).close()
            opened = partial(self._supplies.open, document)
            reading = await off_loop(self._pool, opened, undo=Reading.close)
            self._readings[document] = reading
        return reading
