"""Taking a hand-out back from a person's folder: our own copy only, and only as we placed it."""

import os
from contextlib import closing
from pathlib import Path

from device_bridge.materials.errors import Unreadable
from device_bridge.materials.manifest import hash_of_file
from device_bridge.materials.names import open_inside
from device_bridge.materials.part import sync_folder


def take_back(folder: Path, name: str, placed: bytes) -> bool:
    """Remove the copy `name` whose BLAKE3 was `placed`; return whether it was still so.

    What a person has written to, moved, or put in its place is theirs: it stays. Blocks.
    """
    try:
        with closing(open_inside(folder, name)) as file:
            before = os.fstat(file.fileno())
            whole = hash_of_file(file) == placed
        now = (folder / name).lstat()
        if not whole or _moment(now) != _moment(before):
            return False
        (folder / name).unlink()
        sync_folder(folder)
    except (OSError, Unreadable):  # not there, not a file, or held open where that locks it
        return False
    return True


def _moment(of: os.stat_result) -> tuple[int, int, int]:
    return of.st_dev, of.st_ino, of.st_mtime_ns
