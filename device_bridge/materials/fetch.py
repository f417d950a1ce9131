"""One document on its way in: from the lane's answers to the library, off the loop.

Pieces gather to a batch, a batch is written and hashed in a worker thread while the next one
gathers; so no more than two batches of a document are in memory, and what the disk cannot take,
the wire is not asked for.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Final

from msgspec.structs import replace

from device_bridge.materials.errors import DiskFull, NotWhole, Withheld
from device_bridge.materials.library import Held, Library
from device_bridge.materials.manifest import decode, document_of
from device_bridge.materials.off_loop import off_loop
from device_bridge.materials.ordering import (
    Begun,
    Done,
    Due,
    Effect,
    Event,
    Judged,
    Order,
    Refused,
    Spoiled,
    Verified,
    advance,
)
from device_bridge.materials.part import Part
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.materials import (
    ChunkPiece,
    ChunkWanted,
    ManifestSent,
    ManifestWanted,
    NotHeld,
)

# One hop to a worker costs about 0.1 ms: a quarter of that a piece is little, and a kill loses
# at most this much of an open chunk.
BATCH_BYTES: Final = 1024 * 1024
INBOX_PIECES: Final = 8

Progress = Callable[[int], None]
"""Hears how many bytes of the document are verified."""
Given = ManifestSent | ChunkPiece | NotHeld


class Inbox:
    """What the lane hands to one fetch: bounded, and it ends with the lane's own end."""

    def __init__(self) -> None:
        self._given: deque[Given | DeviceError] = deque()
        self._room = asyncio.Semaphore(INBOX_PIECES)
        self._woken = asyncio.Event()
        self._closed = False

    async def put(self, message: Given) -> None:
        """Wait for room; what comes for a closed inbox is dropped."""
        if not self._closed:
            await self._room.acquire()
        if not self._closed:
            self._given.append(message)
            self._woken.set()

    def end(self, why: DeviceError) -> None:
        self._given.append(why)
        self._woken.set()

    def close(self) -> None:
        self._closed = True
        self._given.clear()
        self._room.release()

    async def get(self) -> Given:
        """Return the next answer; raises what the lane ended with, once all before is taken."""
        while not self._given:
            self._woken.clear()
            await self._woken.wait()
        given = self._given.popleft()
        if isinstance(given, DeviceError):
            raise given
        self._room.release()
        return given


class Fetch:
    """One document from one lane into one library. Used once."""

    def __init__(
        self,
        document: bytes,
        library: Library,
        pool: Executor,
        ask: Callable[[ManifestWanted | ChunkWanted, Due], None],
        owner: int,
    ) -> None:
        self.inbox = Inbox()
        self._library, self._pool, self._ask, self._owner = library, pool, ask, owner
        self._order = Order(document)
        self._batch: list[bytes] = []
        self._sizes: dict[bytes, int] = {}
        self._open = Due(owner, b"")
        self._written_to = 0
        self._writing: asyncio.Future[None] | None = None

    async def run(self, size: int | None, progress: Progress) -> Held:
        try:
            return await self._bring(size, progress)
        except DiskFull as full:
            # Half a document helps nobody, and its room may be the last of somebody's disk.
            give_up = partial(self._library.give_up, self._order.document)
            raise DiskFull(full.needs, await off_loop(self._pool, give_up)) from full
        finally:
            self.inbox.close()

    async def _bring(self, size: int | None, progress: Progress) -> Held:
        held = await off_loop(self._pool, partial(self._library.held, self._order.document))
        if held is not None:
            return held
        raw = await self._manifest()
        if size is not None and decode(raw).size != size:
            raise Withheld("not of the size that was agreed")
        begin = partial(self._library.begin, raw)
        part = await off_loop(self._pool, begin, undo=self._library.leave)
        try:
            return await self._fill(part, progress)
        finally:
            self._library.leave(part)

    async def _manifest(self) -> bytes:
        document = self._order.document
        self._ask(ManifestWanted(document), Due(self._owner, document))
        match await self.inbox.get():
            case ManifestSent(raw=raw) if document_of(raw) == document:
                return raw
            case NotHeld():
                raise Withheld(document.hex())
            case ManifestSent() | ChunkPiece():
                raise NotWhole(document.hex())

    async def _fill(self, part: Part, progress: Progress) -> Held:
        progress(part.have)
        lacks = part.lacking()
        self._sizes = {lack.chunk: lack.size for lack in lacks}
        done = self._advance(Begun(lacks), part, progress)
        try:
            while not done:
                event = await self._next(part)
                done = event is not None and self._advance(event, part, progress)
        finally:
            await self._settle()
        return await off_loop(self._pool, partial(self._library.finish, part))

    def _advance(self, event: Event, part: Part, progress: Progress) -> bool:
        """Let the machine take `event`; return True when nothing lacks."""
        self._order, effects = advance(self._order, event)
        done = False
        for effect in effects:
            done = self._obey(effect, part, progress) or done
        return done

    def _obey(self, effect: Effect, part: Part, progress: Progress) -> bool:
        match effect:
            case ChunkWanted(chunk=chunk, offset=offset):
                self._ask(effect, Due(self._owner, chunk, offset, self._sizes[chunk]))
            case Verified():
                progress(part.have)
            case Spoiled(chunk):
                raise NotWhole(chunk.hex())
            case Refused(hash_):
                raise Withheld(hash_.hex())
            case Done():
                return True
        return False

    async def _next(self, part: Part) -> Event | None:
        """Take one answer; None while it only fills the batch."""
        try:
            given = await self.inbox.get()
        except DeviceError:
            # The lane is cut: what has come is kept, so that not a byte of it comes again.
            await self._flush(part)
            raise
        match given:
            case ChunkPiece(chunk, offset, piece):
                return await self._piece(part, chunk, offset, piece)
            case NotHeld() as event:
                return event
            case ManifestSent():
                return None

    async def _piece(self, part: Part, chunk: bytes, offset: int, piece: bytes) -> Event | None:
        if self._open.hash != chunk or not self._batch:
            self._open = Due(self._owner, chunk, offset, self._sizes[chunk])
        self._batch.append(piece)
        come = offset + len(piece)
        if come < self._open.size and come - self._open.offset < BATCH_BYTES:
            return None
        await self._flush(part)
        if come < self._open.size:
            return None
        await self._settle()
        return Judged(chunk, whole=await off_loop(self._pool, partial(part.judge, chunk)))

    async def _flush(self, part: Part) -> None:
        """Hand the batch to a worker, once the one before is written."""
        await self._settle()
        if batch := self._batch:
            self._batch = []
            at = self._open
            self._open = replace(at, offset=at.offset + sum(map(len, batch)))
            writing = self._pool.submit(part.write, at.hash, at.offset, batch)
            self._writing = asyncio.wrap_future(writing)

    async def _settle(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing
