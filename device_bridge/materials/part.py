"""A document on its way in: `.part` holds its bytes, `.have` what of them is verified.

`.have` is, little-endian, the open chunk's index (u32) and how many of its bytes lie in `.part`
(u64), then one bit for each verified chunk. Nothing of it is believed after a restart: what it
says is verified again, so it needs no sync while bytes come in, and a `kill -9` loses less than
one batch.
"""

import os
import struct
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from blake3 import blake3
from msgspec import Struct

from central_mdm.contract.partage import Manifest
from device_bridge.materials.errors import from_os
from device_bridge.materials.manifest import decode, document_of

_OPEN: Final = struct.Struct("<IQ")


class Lack(Struct, frozen=True):
    """A chunk that is not here yet, and how many of its first bytes are."""

    chunk: bytes
    size: int
    have: int = 0


class Place(Struct, frozen=True):
    """Where a chunk lies: by index and by first byte."""

    index: int
    start: int
    size: int


def places_of(manifest: Manifest) -> dict[bytes, list[Place]]:
    """Say where each chunk lies; one chunk may lie in many places (an empty disk image)."""
    places: dict[bytes, list[Place]] = {}
    start = 0
    for index, chunk in enumerate(manifest.chunks):
        places.setdefault(chunk.hash, []).append(Place(index, start, chunk.size))
        start += chunk.size
    return places


class Part:
    """Takes a document's chunks in any order, each from its first byte to its last.

    One thread at a time calls it, and any may `close` it: that waits for the call under way.
    """

    def __init__(self, path: Path, raw: bytes) -> None:
        """Open or go on with `path` for an encoded manifest. Blocks while it verifies."""
        self.path = path
        self.raw = raw
        self.document = document_of(raw)
        self.manifest = manifest = decode(raw)
        self.have = 0
        self._places = places_of(manifest)
        self._verified = bytearray((len(manifest.chunks) + 7) // 8)
        self._hasher = blake3()
        self._open = Lack(b"", 0)
        self._turn = threading.Lock()
        self._file = _opened(path)
        try:
            self._marks = _opened(path.with_suffix(".have"))
        except BaseException:
            self._file.close()
            raise
        try:
            self._recall()
            # Its whole length at once: where a limit on a file's size stands, it is met here.
            self._file.truncate(manifest.size)
        except OSError as error:
            self.close()
            raise from_os(error, manifest.size, self.have) from error

    def lacking(self) -> tuple[Lack, ...]:
        """List what is missing, the open chunk first, else in the document's order."""
        missing = [
            Lack(chunk, places[0].size)
            for chunk, places in self._places.items()
            if not self._is_verified(places[0].index) and chunk != self._open.chunk
        ]
        return (self._open, *missing) if self._open.chunk else tuple(missing)

    def write(self, chunk: bytes, offset: int, pieces: Sequence[bytes]) -> None:
        """Write the next bytes of `chunk`; at `offset` 0 it starts afresh."""
        size = self._places[chunk][0].size
        with self._turn:
            if offset == 0:
                self._open, self._hasher = Lack(chunk, size), blake3()
            if (self._open.chunk, self._open.have) != (chunk, offset):
                raise ValueError("a chunk is written in order")
            try:
                self._file.seek(self._places[chunk][0].start + offset)
                for piece in pieces:
                    _write(self._file, piece)
                    self._hasher.update(piece)
                self._open = Lack(chunk, size, offset + sum(map(len, pieces)))
                self._mark()
            except OSError as error:
                raise from_os(error, self.manifest.size - self.have, 0) from error

    def judge(self, chunk: bytes) -> bool:
        """Is the open chunk whole and what its hash says? If not, it is forgotten."""
        with self._turn:
            opened, self._open = self._open, Lack(b"", 0)
            if (opened.chunk, opened.have) != (chunk, opened.size):
                return False
            whole = self._hasher.digest() == chunk
            try:
                if whole:
                    self._repeat(self._places[chunk])
                    self._verify(self._places[chunk])
                    for place in self._places[chunk]:
                        let_go(self._file, place.start, place.size)
                self._mark()
            except OSError as error:
                raise from_os(error, self.manifest.size - self.have, 0) from error
            return whole

    def seal(self) -> None:
        """Bring the bytes to the disk for good. Only for a part that lacks nothing."""
        if self.lacking():
            raise ValueError("a part that lacks something is not sealed")
        with self._turn:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise from_os(error, self.manifest.size, 0) from error

    def close(self) -> None:
        with self._turn:
            self._file.close()
            self._marks.close()

    def _is_verified(self, index: int) -> bool:
        return bool(self._verified[index // 8] & 1 << index % 8)

    def _verify(self, places: Iterable[Place]) -> None:
        for place in places:
            self._verified[place.index // 8] |= 1 << place.index % 8
            self.have += place.size

    def _mark(self) -> None:
        chunk = self._open.chunk
        index = self._places[chunk][0].index if chunk else 0
        self._marks.seek(0)
        _write(self._marks, _OPEN.pack(index, self._open.have) + self._verified)

    def _repeat(self, places: Sequence[Place]) -> None:
        for place in places[1:]:
            piece = read_at(self._file, places[0].start, places[0].size)
            self._file.seek(place.start)
            _write(self._file, piece)

    def _recall(self) -> None:
        """Believe of `.have` what `.part` bears out."""
        marks = read_at(self._marks, 0, _OPEN.size + len(self._verified))
        if len(marks) != _OPEN.size + len(self._verified):
            return
        index: int
        have: int
        index, have = _OPEN.unpack_from(marks)
        for chunk, places in self._places.items():
            bits = (marks[_OPEN.size + p.index // 8] & 1 << p.index % 8 for p in places)
            if all(bits) and all(self._bears(chunk, place) for place in places):
                self._verify(places)
        if have and index < len(self.manifest.chunks):
            self._reopen(self.manifest.chunks[index].hash, have)

    def _bears(self, chunk: bytes, place: Place) -> bool:
        return blake3(read_at(self._file, place.start, place.size)).digest() == chunk

    def _reopen(self, chunk: bytes, have: int) -> None:
        place = self._places[chunk][0]
        # A chunk that was whole and not yet judged begins anew: nothing is left to ask for.
        if self._is_verified(place.index) or have >= place.size:
            return
        begun = read_at(self._file, place.start, have)
        if len(begun) == have:
            self._open, self._hasher = Lack(chunk, place.size, have), blake3(begun)


def forget(path: Path) -> None:
    """Remove a part and its marks."""
    for suffix in (".part", ".have"):
        with suppress(FileNotFoundError):
            path.with_suffix(suffix).unlink()


def sync_folder(folder: Path) -> None:
    """Make the folder's names durable; Windows has no such call and needs none."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_durably(path: Path, raw: bytes) -> None:
    """Replace `path` by `raw`: whole and on the disk, or as it was."""
    arriving = path.with_name(f"{uuid4().hex}.arriving")
    try:
        with closing(_opened(arriving)) as file:
            _write(file, raw)
            os.fsync(file.fileno())
        arriving.replace(path)
    except OSError:
        arriving.unlink(missing_ok=True)
        raise


def _opened(path: Path) -> BinaryIO:
    binary = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | binary, 0o600)
    except OSError as error:
        raise from_os(error, 0, 0) from error
    return open(descriptor, "rb+", buffering=0)  # pyright: ignore[reportReturnType]  # noqa: PTH123


def _write(file: BinaryIO, raw: bytes) -> None:
    """Write all: a raw file may take less than it is given (a disk that fills does)."""
    view = memoryview(raw)
    while view:
        view = view[file.write(view) :]


def let_go(file: BinaryIO, start: int = 0, size: int = 0) -> None:
    """Tell the system that these bytes, else all, need no memory; a hint, and it never waits.

    What is on the disk is dropped. What is not yet stays, and its writing begins: else it begins at
    the sync, where a gigabyte waits for half a second, as does whoever else syncs then. (Linux's
    `POSIX_FADV_DONTNEED`, mm/fadvise.c.)
    """
    if sys.platform == "linux":
        os.posix_fadvise(file.fileno(), start, size, os.POSIX_FADV_DONTNEED)


def read_at(file: BinaryIO, start: int, size: int) -> bytes:
    """Read up to `size` bytes, fewer only where the file ends."""
    file.seek(start)
    pieces: list[bytes] = []
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
