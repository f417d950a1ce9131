"""Taking a hand-out back from a person's folder: our own copy only, and only as we placed it."""

import os
import stat
from contextlib import closing
from pathlib import Path

from device_bridge.materials.manifest import hash_of_file
from device_bridge.materials.names import open_inside
from device_bridge.materials.part import sync_folder


def take_back(folder: Path, name: str, placed: bytes) -> bool:
    """Remove the copy `name` whose BLAKE3 was `placed`; return whether it was still so.

    What a person has written to, moved, or put in its place is theirs: it stays. Blocks. Raises
    `OSError` or `Unreadable` where that cannot be told now: a folder that was closed, a file that
    is held open where that locks it.
    """
    try:
        if not stat.S_ISREG((folder / name).lstat().st_mode):
            return False
        with closing(open_inside(folder, name)) as file:
            before = os.fstat(file.fileno())
            whole = hash_of_file(file) == placed
        if not whole or _moment((folder / name).lstat()) != _moment(before):
            return False
        (folder / name).unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    sync_folder(folder)
    return True


def _moment(of: os.stat_result) -> tuple[int, int, int, int, int]:
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns
