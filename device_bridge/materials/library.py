"""All documents held here, named by their content.

`documents/<hex>` is the file, `documents/<hex>.manifest` its encoded manifest; `partial/` holds
what is on its way. A name in `documents` appears by a rename and only when every byte of it is
verified and on the disk. All here blocks: call it in a worker thread.
"""

import os
import threading
from collections.abc import Callable, Collection
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast
from uuid import uuid4

from msgspec import Struct

from device_bridge.materials.errors import DiskFull, Withheld, from_os
from device_bridge.materials.manifest import (
    chunking_of,
    decode,
    document_of,
    encode,
    hash_of_file,
    read_manifest,
)
from device_bridge.materials.part import (
    Part,
    Place,
    forget,
    let_go,
    places_of,
    read_at,
    sync_folder,
    write_durably,
)
from device_bridge.materials.placing import (
    RESERVE_BYTES,
    Placed,
    copy,
    free_bytes,
    named,
    place_copy,
    sweep_arriving,
)
from device_bridge.protocol.errors import Malformed, TryAgain
from device_bridge.trust.floor import FLOOR_LOWEST


class Held(Struct, frozen=True):
    """A document in the library: its id and the file's size in bytes."""

    document: bytes
    size: int


class Reading:
    """One document, open to be given out chunk by chunk. One thread at a time."""

    def __init__(self, raw: bytes, file: BinaryIO) -> None:
        self.raw = raw
        self.places = {chunk: at[0] for chunk, at in places_of(decode(raw)).items()}
        self._file = file

    def read(self, place: Place, offset: int, piece_bytes: int, pieces: int) -> list[bytes]:
        """Read the next `pieces` of the chunk at `place` from its byte `offset` on.

        Raises `Withheld` where the disk has lost what it held, `Unreadable` where it gives nothing
        now.
        """
        ends = min(place.size, offset + piece_bytes * pieces)
        starts = range(offset, ends, piece_bytes)
        try:
            read = [
                read_at(self._file, place.start + at, min(piece_bytes, ends - at)) for at in starts
            ]
        except OSError as error:
            raise from_os(error, 0, 0) from error
        if not all(read):
            raise Withheld("the file ends early")
        return read

    def close(self) -> None:
        self._file.close()


class Incoming:
    """A document that comes without its manifest, into a file of ours. One thread at a time."""

    def __init__(self, path: Path, take: "Callable[[BinaryIO, Path, str], Held]") -> None:
        self._path, self._take = path, take
        self.file = raw_file(path.open("xb+", buffering=0))

    def write(self, piece: bytes) -> None:
        """Write the next bytes; raises `DiskFull` or `Unreadable`."""
        try:
            if self.file.write(piece) < len(piece):
                raise DiskFull(len(piece), 0)
        except OSError as error:
            raise from_os(error, len(piece), 0) from error

    def keep(self, name: str) -> Held:
        """Make what has come a document of the library. Raises as `Library.keep`."""
        return self._take(self.file, self._path, name)

    def close(self) -> None:
        self.file.close()
        self._path.unlink(missing_ok=True)


class Library:
    def __init__(
        self,
        folder: Path,
        reserve_bytes: int = RESERVE_BYTES,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        """Make the folder where it is missing; raises `Unreadable` where that cannot be."""
        self._documents, self._partial = folder / "documents", folder / "partial"
        self._reserve_bytes, self._free = reserve_bytes, free
        self._arriving: set[bytes] = set()
        self._turn = threading.Lock()
        try:
            for each in (folder, self._documents, self._partial):
                each.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise from_os(error, 0, 0) from error

    def keep(self, path: Path) -> Held:
        """Take a copy of the file at `path` as it is now; later edits of it change nothing here.

        Raises `DiskFull`, `Unreadable`, or `Malformed` for a file too large for a manifest.
        """
        try:
            with path.open("rb", buffering=0) as file:
                return self.keep_open(raw_file(file), path.name)
        except OSError as error:
            raise from_os(error, 0, 0) from error

    def keep_open(self, file: BinaryIO, name: str) -> Held:
        """Do the same with an open file (unbuffered), such as `names.open_inside` gives.

        What is hashed is the copy, so a file that is being written is kept as what was read of it.
        """
        size = os.fstat(file.fileno()).st_size
        with closing(self.incoming(size)) as coming:
            try:
                copy(file, coming.file, size)
            except OSError as error:
                raise from_os(error, 0, self._room(self._partial)) from error
            return coming.keep(name)

    def incoming(self, size: int) -> "Incoming":
        """Find room for a document of at most `size` bytes; who asks for it closes it.

        Raises `DiskFull` or `Unreadable`.
        """
        self._want_room(size)
        try:
            return Incoming(self._partial / f"{uuid4().hex}.copy", self._take)
        except OSError as error:
            raise from_os(error, size, self._room(self._partial)) from error

    def _take(self, file: BinaryIO, whole: Path, name: str) -> Held:
        try:
            size = os.fstat(file.fileno()).st_size
            raw = encode(read_manifest(file, chunking_of(name, size)))
            os.fsync(file.fileno())
            return self._shelve(whole, raw)
        except OSError as error:
            raise from_os(error, 0, self._room(self._partial)) from error

    def holds(self, document: bytes) -> bool:
        return self.held(document) is not None

    def held(self, document: bytes) -> Held | None:
        """Say what is held of a document; raises `Unreadable` where the disk does not tell now."""
        try:
            return Held(document, self._path(document).stat().st_size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os(error, 0, 0) from error

    def path_of(self, document: bytes) -> Path:
        """Return the whole, verified file. Read it, never write to it.

        Raises `Withheld`, or as `held`.
        """
        if not self.holds(document):
            raise Withheld(document.hex())
        return self._path(document)

    def open(self, document: bytes) -> Reading:
        """Open a document to be given out.

        Raises `Withheld` where it is not held, and `Unreadable` where it may be and the disk does
        not give it now.
        """
        try:
            raw = self._manifest(document).read_bytes()
            return Reading(raw, raw_file(self.path_of(document).open("rb", buffering=0)))
        except (FileNotFoundError, Malformed) as error:
            raise Withheld(document.hex()) from error
        except OSError as error:
            raise from_os(error, 0, 0) from error

    def begin(self, raw: bytes) -> Part:
        """Start or resume the document whose encoded manifest is `raw`.

        Raises `DiskFull` before a byte is asked for when what lacks would not leave the reserve,
        `Malformed` for a manifest that is none, `TryAgain` while the document comes another way.
        Who begins ends by `finish` or `leave`.
        """
        document, size = document_of(raw), decode(raw).size
        path = self._partial / f"{document.hex()}.part"
        with self._turn:
            if document in self._arriving:
                raise TryAgain(1.0)
            self._arriving.add(document)
        try:
            if not path.exists():
                self._want_room(size)
            part = Part(path, raw)
            try:
                self._want_room(size - part.have)
            except DiskFull:
                part.close()
                raise
        except BaseException:
            self._arriving.discard(document)
            raise
        return part

    def finish(self, part: Part) -> Held:
        """Make a part that lacks nothing a document of the library."""
        try:
            part.seal()
            part.close()
            held = self._shelve(part.path, part.raw)
            forget(part.path)
        except OSError as error:
            raise from_os(error, part.manifest.size, self._room(self._partial)) from error
        finally:
            self.leave(part)
        return held

    def leave(self, part: Part) -> None:
        """Stop filling `part`; what it has stays for the next `begin`."""
        part.close()
        self._arriving.discard(part.document)

    def give_up(self, document: bytes) -> int:
        """Give back the room of a part that was left; return the bytes that may be written then."""
        if document not in self._arriving:
            forget(self._partial / f"{document.hex()}.part")
        return self._room(self._partial)

    def place(self, document: bytes, folder: Path, name: str) -> Placed:
        """Copy a document into a person's folder, as `place_copy`."""
        source = self.path_of(document)
        try:
            with source.open("rb", buffering=0) as file:
                return place_copy(raw_file(file), folder, name, self._room)
        except OSError as error:
            raise from_os(error, 0, self._room(folder)) from error

    def hand_over(self, document: bytes, folder: Path, name: str) -> Placed:
        """Give a document to a person: it is theirs then, and the library's no more.

        On one disk it is the same file under another name, so a gigabyte takes a gigabyte.
        """
        source = self.path_of(document)
        try:
            with source.open("rb", buffering=0) as file:
                read = hash_of_file(raw_file(file))
                let_go(raw_file(file))  # what is placed is hardly read again
            try:
                placed = Placed(named(folder, source, name), read)
            except OSError:  # the folder is on another disk
                placed = self.place(document, folder, name)
            sync_folder(folder)
            self._unshelve(document)
        except OSError as error:
            raise from_os(error, 0, self._room(folder)) from error
        return placed

    def drop(self, document: bytes) -> None:
        """Forget a document and what has come of it; one that is on its way right now stays."""
        if document in self._arriving:
            return
        self._unshelve(document)
        forget(self._partial / f"{document.hex()}.part")

    def renew(self, document: bytes) -> Held:
        """Count the document's age from now on; raises as `open`."""
        path = self.path_of(document)
        try:
            os.utime(path)
            return Held(document, path.stat().st_size)
        except FileNotFoundError as error:
            raise Withheld(document.hex()) from error
        except OSError as error:
            raise from_os(error, 0, 0) from error

    def drop_older(self, moment: float, spared: Collection[bytes] = ()) -> int:
        """Forget documents that were neither kept nor fetched since `moment`; return how many.

        Those that are `spared` stay, how old ever. What claims to be of before Pupitre was written
        was dated by a wrong clock: its age counts from now on.
        """
        gone = 0
        for path in self._documents.glob("[0-9a-f]" * 64):  # a desktop leaves files of its own
            if bytes.fromhex(path.name) in self._arriving or bytes.fromhex(path.name) in spared:
                continue
            if (dated := path.stat().st_mtime) < FLOOR_LOWEST:
                os.utime(path)
            elif dated < moment:
                self._unshelve(bytes.fromhex(path.name))
                gone += 1
        return gone

    def sweep(self, wanted: Collection[bytes], placed_in: Path | None = None) -> None:
        """Drop all but `wanted`, and what a kill left half copied, here or within `placed_in`."""
        names = {document.hex() for document in wanted} | {each.hex() for each in self._arriving}
        for folder in (self._documents, self._partial):
            for path in folder.iterdir():
                # With a second name it is a person's, who may have written in it since.
                if path.stem not in names or path.stat().st_nlink > 1:
                    path.unlink(missing_ok=True)
        if placed_in:
            sweep_arriving(placed_in)

    def _want_room(self, size: int, folder: Path | None = None) -> None:
        has = self._room(folder or self._partial)
        if has < size:
            raise DiskFull(size, has)

    def _room(self, folder: Path) -> int:
        """Return how many bytes may be written: the reserve is not ours."""
        return max(0, self._free(folder) - self._reserve_bytes)

    def _shelve(self, whole: Path, raw: bytes) -> Held:
        """Rename a verified, synced file into `documents`, its manifest before it."""
        document = document_of(raw)
        write_durably(self._manifest(document), raw)
        whole.replace(self._path(document))
        sync_folder(self._documents)
        return Held(document, decode(raw).size)

    def _unshelve(self, document: bytes) -> None:
        # The file first: what has a manifest and no file is no document.
        self._path(document).unlink(missing_ok=True)
        self._manifest(document).unlink(missing_ok=True)

    def _path(self, document: bytes) -> Path:
        return self._documents / document.hex()

    def _manifest(self, document: bytes) -> Path:
        return self._documents / f"{document.hex()}.manifest"


def raw_file(file: FileIO) -> BinaryIO:
    """Say to the type checker that an unbuffered file reads and writes like any other."""
    return cast("BinaryIO", file)
