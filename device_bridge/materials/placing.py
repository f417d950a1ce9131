"""A document's copy in a person's folder: under a safe name of its own, whole or not at all."""

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

from msgspec import Struct

from device_bridge.materials.errors import DiskFull, Unreadable, from_os
from device_bridge.materials.manifest import hash_of_file
from device_bridge.materials.names import create_inside, inside, safe_name
from device_bridge.materials.part import let_go, sync_folder

# What a system needs to go on living when a hand-out has filled the rest.
RESERVE_BYTES: Final = 64 * 1024 * 1024
# A part, its marks, a manifest, a copy, and as many again for all else that is written.
_FILES_LEAST: Final = 8
_COPY_BYTES: Final = 32 * 1024 * 1024
_READ_BYTES: Final = 1024 * 1024
_ARRIVING: Final = "arriving-{}.tmp"


class Placed(Struct, frozen=True):
    """A document's copy in somebody's folder; `hash` is the BLAKE3 of the file as it lies there."""

    path: Path
    hash: bytes


def free_bytes(folder: Path) -> int:
    """Return the room on the disk of `folder`; none where a document's few files find no place."""
    if sys.platform != "win32":
        disk = os.statvfs(folder)
        # FAT and btrfs make inodes as they go, and say that they have none at all.
        if disk.f_files and disk.f_favail < _FILES_LEAST:
            return 0
    return shutil.disk_usage(folder).free


def free_beside_reserve(folder: Path) -> int:
    """Return how many bytes may be written: the reserve is not ours."""
    return max(0, free_bytes(folder) - RESERVE_BYTES)


def place_copy(
    file: BinaryIO, folder: Path, name: str, room: Callable[[Path], int] = free_beside_reserve
) -> Placed:
    """Copy an open file (unbuffered) into a person's folder.

    A copy, since the person may edit it. `name` may be hostile; nothing there is overwritten.
    Raises `DiskFull` where `room` says that it does not fit, or `Unreadable`.
    """
    arriving = _ARRIVING.format(uuid4().hex)
    try:
        size = os.fstat(file.fileno()).st_size
        if (has := room(folder)) < size:
            raise DiskFull(size, has)
        with closing(create_inside(folder, arriving)) as written:
            copy(file, written, size)
            os.fsync(written.fileno())
            placed = hash_of_file(written)
            let_go(file)  # what is placed is hardly read again
        path = named(folder, folder / arriving, name)
        sync_folder(folder)
    except OSError as error:
        raise from_os(error, 0, room(folder)) from error
    finally:
        with suppress(OSError):
            (folder / arriving).unlink(missing_ok=True)
    return Placed(path, placed)


def made(folder: Path) -> Path:
    """Make a lesson's folder; a link put in its place is refused, for it leads elsewhere."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise from_os(error, 0, 0) from error
    if folder.is_symlink():
        raise Unreadable("a link", folder.name)
    return folder


def sweep_arriving(within: Path) -> None:
    """Remove what a kill has left half copied in the folders within. Raises `OSError`."""
    for path in within.rglob(_ARRIVING.format("[0-9a-f]" * 32)):
        path.unlink(missing_ok=True)


def copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    """Copy the first `size` bytes of `source`, by sharing blocks where the file system can.

    No more than that, however fast it grows meanwhile.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # not between these two file systems
            source.seek(0)
            at = 0
            while copied := os.copy_file_range(
                source.fileno(), target.fileno(), min(_COPY_BYTES, size - at)
            ):
                let_go(target, at, copied)
                at += copied
        if target.tell() >= size:  # a few file systems copy nothing and call it done
            return
    source.seek(0)
    target.seek(0)
    target.truncate()
    while size and (read := source.read(min(_READ_BYTES, size))):
        target.write(read)
        size -= len(read)


def named(folder: Path, source: Path, name: str) -> Path:
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
