"""The pupil's folders where the pupil is another user: the seat does each errand there.

The guard opens nothing of the pupil's and takes no descriptor, so no link, pipe, device or swapped
file of theirs can turn its rights against it. What the seat says of its folders is its pupil's
word, as all that a seat says.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from device_bridge.agent.guard.folders import Away, Lying, Opening
from device_bridge.agent.guard.hand_in import Gathered
from device_bridge.agent.guard.retention import Retention
from device_bridge.agent.local_socket import bound, remove, uid_at
from device_bridge.materials.errors import DiskFull, NotWhole, Unreadable
from device_bridge.materials.library import Held, Incoming, Library, raw_file
from device_bridge.materials.manifest import hash_of_file
from device_bridge.materials.off_loop import off_loop
from device_bridge.protocol.errands import (
    ERRAND_BYTES_MAX,
    CannotDo,
    CleanAsked,
    Done,
    Errand,
    FoldersHere,
    FromFolders,
    HandInOpened,
    LieAsked,
    Lies,
    PlaceAsked,
    TakeBackAsked,
    Work,
    WorkAsked,
    WorkOver,
    WorkPiece,
)
from device_bridge.protocol.errors import DeviceError, Malformed, Unsupported
from device_bridge.protocol.materials import Document, HandInAsked, OfferedFile
from device_bridge.protocol.messages import decode_from_folders, encode

log = logging.getLogger(__name__)

ERRAND_SECONDS: Final = 30.0
"""How long a seat may be silent; a document's copy has more, by its size."""
SLOW_BYTES_A_SECOND: Final = 1024 * 1024
NOBODY: Final = -2
_WAITING_MAX: Final = 4
Next = Callable[[], Awaitable[FromFolders]]


class HasUid(Protocol):
    """The seat's socket: `uid` is None while nobody sits here."""

    @property
    def uid(self) -> int | None: ...


class _End:
    """One seat's connection; each is used until the first thing that goes wrong."""

    def __init__(self, end: socket.socket, uid: int) -> None:
        self._end = end
        self.uid = uid
        self.busy = False
        self.here: FoldersHere | None = None

    def send(self, message: Struct, descriptors: Collection[int]) -> None:
        # It is little and one at a time: the socket has room for it, or its peer does not read.
        socket.send_fds(self._end, [encode(message)], list(descriptors))

    async def receive(self, patience_seconds: float) -> FromFolders:
        """Take one packet. Descriptors in it fall: no room is given for them (unix(7))."""
        async with asyncio.timeout(patience_seconds):
            raw = await asyncio.get_running_loop().sock_recv(self._end, ERRAND_BYTES_MAX + 1)
        return _understood(raw)

    def first(self, heard: Callable[[FoldersHere | None], None]) -> None:
        """Call `heard` with the seat's first word; None where it says something else."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            loop.remove_reader(self._end)
            try:
                said = _understood(self._end.recv(ERRAND_BYTES_MAX + 1))
            except (OSError, Malformed, Unsupported):
                said = None
            self.here = said if isinstance(said, FoldersHere) else None
            heard(self.here)

        loop.add_reader(self._end, readable)

    def close(self) -> None:
        """End it; who waits for an answer hears of it and closes it then."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        if not self.busy:
            asyncio.get_running_loop().remove_reader(self._end)
            self._end.close()


def _understood(raw: bytes) -> FromFolders:
    if not raw:
        raise ConnectionResetError("the other end is gone")
    return decode_from_folders(raw)


class SeatFolders:
    """Errands to whoever sits here. `came` is called when a seat is there to do them."""

    def __init__(self, bulk: Executor) -> None:
        self._bulk = bulk
        self._end: _End | None = None
        self._turn = asyncio.Lock()
        self._whose = NOBODY
        self.opening = Opening(lambda name: self._ask(HandInOpened(name)))
        self.came: Callable[[], None] = lambda: None

    @property
    def there(self) -> bool:
        return self._end is not None and self._end.here is not None

    @property
    def whose(self) -> int:
        return self._whose

    def received(self, folder: str) -> Path:
        here = self._end.here if self._end else None
        return Path(here.received if here else "") / folder

    def hand_in(self, folder: str) -> Path:
        here = self._end.here if self._end else None
        return Path(here.hand_in if here else "") / folder

    @contextmanager
    def serve(self, path: Path, uids: Collection[int], seat: HasUid) -> Generator[None]:
        """Listen at `path` while entered, to the user whose seat is here.

        Raises `OSError` where the socket cannot be made.
        """
        loop = asyncio.get_running_loop()
        listening = bound(path, uids, socket.SOCK_SEQPACKET)
        listening.settimeout(0)
        listening.listen(_WAITING_MAX)
        loop.add_reader(listening, lambda: self._accept(listening, seat.uid))
        try:
            yield
        finally:
            loop.remove_reader(listening)
            listening.close()
            remove(path)
            self.left()

    def _accept(self, listening: socket.socket, seat_uid: int | None) -> None:
        try:
            end, _ = listening.accept()
        except OSError:
            return  # it has gone again
        uid = uid_at(end)
        if uid != seat_uid:
            log.info("a stranger at the folders' socket", extra={"uid": uid})
            end.close()
            return
        end.settimeout(0)
        self.left()
        self._end = one = _End(end, uid)
        one.first(lambda here: self._introduced(one, here))

    def _introduced(self, one: _End, here: FoldersHere | None) -> None:
        if one is not self._end:
            return
        if here is None:
            self._drop(one)
            return
        self._whose = one.uid
        self.came()

    def left(self) -> None:
        if self._end is not None:
            self._drop(self._end)

    def _drop(self, one: _End) -> None:
        if one is self._end:
            self._end = None
        one.close()

    @asynccontextmanager
    async def _errand(
        self, errand: Errand, *, size: int = 0, descriptors: Collection[int] = ()
    ) -> AsyncGenerator[Next]:
        """Have one errand done. Raises `Away` where nobody does it, or not in time, or wrongly.

        Left in the middle, it costs the seat its connection: what it said next would be of this.
        """
        patience = ERRAND_SECONDS + size / SLOW_BYTES_A_SECOND
        async with self._turn:
            if self._end is None or not self.there:
                raise Away
            one = self._end
            one.busy = True
            over = False
            try:
                one.send(errand, descriptors)
                yield lambda: one.receive(patience)
                over = True
            except (OSError, Malformed, Unsupported) as error:
                log.info("an errand failed", extra={"why": type(error).__name__})
                raise Away from error
            finally:
                one.busy = False
                if not over or one is not self._end:
                    self._drop(one)

    async def _ask(
        self, errand: Errand, *, size: int = 0, descriptors: Collection[int] = ()
    ) -> Lies | Done:
        async with self._errand(errand, size=size, descriptors=descriptors) as answer:
            told = await answer()
            if not isinstance(told, Lies | Done | CannotDo):
                raise Malformed("no answer to this")
        if isinstance(told, CannotDo):
            raise _trouble(told)
        return told

    async def lying(self, library: Library, folder: str, one: Document) -> Lying | None:
        del library
        told = await self._ask(LieAsked(folder, one.document, one.name, one.size), size=one.size)
        return _lying(told, self._whose) if isinstance(told, Lies) else None

    async def place(self, library: Library, folder: str, one: Document, *, keep: bool) -> Lying:
        with library.path_of(one.document).open("rb", buffering=0) as file:
            whole = await off_loop(self._bulk, partial(hash_of_file, raw_file(file)))
            asked = PlaceAsked(folder, one.name)
            told = await self._ask(asked, size=one.size, descriptors=(file.fileno(),))
        if not isinstance(told, Lies) or told.hash != whole:
            raise NotWhole(one.document.hex())
        lying = _lying(told, self._whose)  # before anybody else may sit down
        if not keep:
            await off_loop(self._bulk, partial(library.drop, one.document))
        return lying

    async def take_back(self, folder: str, name: str, placed: bytes) -> bool:
        told = await self._ask(TakeBackAsked(folder, name, placed))
        return isinstance(told, Done) and told.so

    async def clean(self, keep: Retention, now: float, in_use: Collection[str]) -> None:
        await self._ask(CleanAsked(now, keep.received, keep.hand_in, tuple(in_use)))

    async def gather(self, library: Library, folder: str, asked: HandInAsked) -> Gathered:
        files: list[OfferedFile] = []
        left_out, room = 0, asked.quota_bytes
        errand = WorkAsked(folder, asked.quota_files, asked.quota_bytes)
        async with self._errand(errand) as answer:
            while isinstance(told := await answer(), Work):
                room -= told.size
                if room < 0 or len(files) + left_out >= asked.quota_files:
                    raise Malformed("more than was asked for")
                taken = await self._taken(library, told, answer)
                if taken is None:
                    left_out += 1
                else:
                    files.append(taken)
            if not isinstance(told, Done | CannotDo):
                raise Malformed("no work")
        if isinstance(told, CannotDo):
            raise _trouble(told)
        return Gathered(tuple(files), left_out + told.left_out)

    async def _taken(self, library: Library, work: Work, answer: Next) -> OfferedFile | None:
        """Take one file in; None where it does not come to its end or finds no room here."""
        async with self._coming(library, work.size) as coming:
            left, room = work.size, coming is not None
            while isinstance(told := await answer(), WorkPiece):
                left -= len(told.piece)
                if left < 0:
                    raise Malformed("more than it said")
                if coming and room:  # else it is read and let go
                    room = await off_loop(self._bulk, partial(_written, coming, told.piece))
            if not isinstance(told, WorkOver):
                raise Malformed("no end")
            if not (coming and room and told.whole):
                return None
            held = await off_loop(self._bulk, partial(_kept, coming, work.name))
        return held and OfferedFile(work.name, held.size, held.document, told.changing)

    @asynccontextmanager
    async def _coming(self, library: Library, size: int) -> AsyncGenerator[Incoming | None]:
        coming = None
        with suppress(DiskFull, Unreadable):
            room = partial(library.incoming, size)
            coming = await off_loop(self._bulk, room, undo=Incoming.close)
        try:
            yield coming
        finally:
            if coming is not None:
                await off_loop(self._bulk, coming.close)


def _written(coming: Incoming, piece: bytes) -> bool:
    try:
        coming.write(piece)
    except (DiskFull, Unreadable):
        return False
    return True


def _kept(coming: Incoming, name: str) -> Held | None:
    try:
        return coming.keep(name)
    except DeviceError:  # no room, or too large for a manifest: counted, not offered
        return None


def _lying(told: Lies, whose: int) -> Lying:
    if told.name in {".", ".."} or "/" in told.name or "\0" in told.name:
        raise Unreadable("not a name", "")
    return Lying(told.name, told.hash, told.readable, whose)


def _trouble(told: CannotDo) -> DiskFull | Unreadable:
    if told.reason == "disk-full":
        return DiskFull(told.needs, told.has)
    return Unreadable("the pupil's folder", "")
