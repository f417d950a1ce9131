"""All documents held here, named by their content.

`documents/<hex>` is the file, `documents/<hex>.manifest` its encoded manifest; `partial/` holds
what is on its way. A name in `documents` appears by a rename and only when every byte of it is
verified and on the disk. All here blocks: call it in a worker thread.
"""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Final, cast
from uuid import uuid4

from msgspec import Struct

from central_mdm.contract.partage import CHUNK_BYTES_MAX
from device_bridge.materials.errors import DiskFull, Withheld, from_os
from device_bridge.materials.manifest import (
    chunking_of,
    decode,
    document_of,
    encode,
    hash_of_file,
    read_manifest,
)
from device_bridge.materials.names import create_inside, inside, safe_name
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
from device_bridge.protocol.errors import Malformed, TryAgain
from device_bridge.trust.floor import FLOOR_LOWEST

# What a system needs to go on living when a hand-out has filled the rest.
RESERVE_BYTES: Final = 64 * 1024 * 1024
# A part, its marks, a manifest, a copy, and as many again for all else that is written.
_FILES_LEAST: Final = 8
_COPY_BYTES: Final = 32 * 1024 * 1024
_ARRIVING: Final = "arriving-{}.tmp"


def free_bytes(folder: Path) -> int:
    """Return the room on the disk of `folder`; none where a document's few files find no place."""
    if sys.platform != "win32":
        disk = os.statvfs(folder)
        # FAT and btrfs make inodes as they go, and say that they have none at all.
        if disk.f_files and disk.f_favail < _FILES_LEAST:
            return 0
    return shutil.disk_usage(folder).free


class Held(Struct, frozen=True):
    """A document in the library: its id and the file's size in bytes."""

    document: bytes
    size: int


class Placed(Struct, frozen=True):
    """A document's copy in somebody's folder; `hash` is the BLAKE3 of the file as it lies there."""

    path: Path
    hash: bytes


class Reading:
    """One document, open to be given out chunk by chunk. One thread at a time."""

    def __init__(self, raw: bytes, file: BinaryIO) -> None:
        self.raw = raw
        self.places = {chunk: at[0] for chunk, at in places_of(decode(raw)).items()}
        self._file = file

    def read(self, place: Place, offset: int, piece_bytes: int, pieces: int) -> list[bytes]:
        """Read the next `pieces` of the chunk at `place` from its byte `offset` on.

        Raises `Withheld` where the disk has lost what it held.
        """
        ends = min(place.size, offset + piece_bytes * pieces)
        starts = range(offset, ends, piece_bytes)
        try:
            read = [
                read_at(self._file, place.start + at, min(piece_bytes, ends - at)) for at in starts
            ]
        except OSError as error:
            raise Withheld(error.strerror or "") from error
        if not all(read):
            raise Withheld("the file ends early")
        return read

    def close(self) -> None:
        self._file.close()


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
        copy = self._partial / f"{uuid4().hex}.copy"
        try:
            size = os.fstat(file.fileno()).st_size
            self._want_room(size)
            with copy.open("xb+", buffering=0) as taken:
                _copy(file, raw_file(taken), size)
                raw = encode(read_manifest(raw_file(taken), chunking_of(name, size)))
                os.fsync(taken.fileno())
            return self._shelve(copy, raw)
        except OSError as error:
            raise from_os(error, 0, self._room(self._partial)) from error
        finally:
            copy.unlink(missing_ok=True)

    def holds(self, document: bytes) -> bool:
        return self._path(document).is_file()

    def held(self, document: bytes) -> Held | None:
        try:
            return Held(document, self._path(document).stat().st_size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os(error, 0, 0) from error

    def path_of(self, document: bytes) -> Path:
        """Return the whole, verified file. Read it, never write to it. Raises `Withheld`."""
        if not self.holds(document):
            raise Withheld(document.hex())
        return self._path(document)

    def open(self, document: bytes) -> Reading:
        """Open a document to be given out; raises `Withheld` where it is not held."""
        try:
            raw = self._manifest(document).read_bytes()
            return Reading(raw, raw_file(self.path_of(document).open("rb", buffering=0)))
        except (OSError, Malformed) as error:
            raise Withheld(document.hex()) from error

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
        """Copy a document into a person's folder under a safe name of its own, whole or not at all.

        A copy, since the person may edit it. `name` may be hostile; nothing there is overwritten.
        """
        source = self.path_of(document)
        arriving = _ARRIVING.format(uuid4().hex)
        try:
            size = source.stat().st_size
            self._want_room(size, folder)
            with (
                source.open("rb", buffering=0) as file,
                closing(create_inside(folder, arriving)) as copy,
            ):
                _copy(raw_file(file), copy, size)
                os.fsync(copy.fileno())
                placed = hash_of_file(copy)
                let_go(raw_file(file))  # what is placed is hardly read again
            path = _named(folder, folder / arriving, name)
            sync_folder(folder)
        except OSError as error:
            raise from_os(error, 0, self._room(folder)) from error
        finally:
            with suppress(OSError):
                (folder / arriving).unlink(missing_ok=True)
        return Placed(path, placed)

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
                placed = Placed(_named(folder, source, name), read)
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

    def drop_older(self, moment: float) -> int:
        """Forget documents that were neither kept nor fetched since `moment`; return how many.

        What claims to be of before Pupitre was written was dated by a wrong clock, and stays.
        """
        gone = 0
        for path in self._documents.glob("[0-9a-f]" * 64):  # a desktop leaves files of its own
            if bytes.fromhex(path.name) in self._arriving:
                continue
            if FLOOR_LOWEST <= path.stat().st_mtime < moment:
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
        for path in placed_in.rglob(_ARRIVING.format("[0-9a-f]" * 32)) if placed_in else ():
            path.unlink(missing_ok=True)

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


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy all of `source`, by sharing its blocks where the file system can."""
    if sys.platform == "linux":
        with suppress(OSError):  # not between these two file systems
            source.seek(0)
            at = 0
            while copied := os.copy_file_range(source.fileno(), target.fileno(), _COPY_BYTES):
                let_go(target, at, copied)
                at += copied
        if target.tell() >= size:  # a few file systems copy nothing and call it done
            return
    source.seek(0)
    target.seek(0)
    target.truncate()
    shutil.copyfileobj(source, target, CHUNK_BYTES_MAX)


def _named(folder: Path, source: Path, name: str) -> Path:
    """Give a file its name in `folder`; a link fails where it is taken, a rename overwrites."""
    taken = [path.name for path in folder.iterdir()]
    while True:
        path = inside(folder, safe_name(name, taken))
        try:
            _rename_new(source, path)
        except FileExistsError:
            taken.append(path.name)
        else:
            return path


def _rename_new(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        # FAT and exFAT have no links. Windows refuses to rename over a file; Linux has no such
        # refusal in Python's library, so this leaves a moment between the look and the rename.
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        source.rename(target)
