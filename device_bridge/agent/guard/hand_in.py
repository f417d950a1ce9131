"""What a pupil hands in: regular files of one folder, copied as they are at one moment.

Blocks: call it in a worker thread. No link is followed and no folder entered, so what is offered
lies in the hand-in folder and nowhere else.
"""

import os
from pathlib import Path

from msgspec import Struct

from device_bridge.materials.errors import MaterialError
from device_bridge.materials.library import Library
from device_bridge.materials.names import open_inside, sendable, shown_in
from device_bridge.protocol.errors import Broken
from device_bridge.protocol.materials import HandInAsked, OfferedFile


class Gathered(Struct, frozen=True):
    """`left_out` counts what lies there and is not offered: over the quota, or no plain file."""

    files: tuple[OfferedFile, ...]
    left_out: int


def gather(folder: Path, library: Library, asked: HandInAsked) -> Gathered:
    """Copy the folder's files into `library` within the ticket's quota; hidden ones do not count.

    Raises `OSError` where the folder cannot be read.
    """
    files: list[OfferedFile] = []
    left_out, room = 0, asked.quota_bytes
    for name in shown_in(folder):
        one = _take(folder, name, library, room) if len(files) < asked.quota_files else None
        if one is None:
            left_out += 1
            continue
        files.append(one)
        room -= one.size
    return Gathered(tuple(files), left_out)


def _take(folder: Path, name: str, library: Library, room: int) -> OfferedFile | None:
    try:
        with open_inside(folder, name) as file:
            before = os.fstat(file.fileno())
            if before.st_size > room:
                return None
            held = library.keep_open(file, name)
            after = os.fstat(file.fileno())
    except (MaterialError, Broken, OSError):
        return None  # a link, a pipe, a file without leave, a full disk: counted, not offered
    if held.size > room:
        return None
    changing = (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size)
    return OfferedFile(sendable(name), held.size, held.document, changing)
