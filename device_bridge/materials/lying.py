"""A document that lies in somebody's folder already, so that it need not come a second time."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from device_bridge.materials.errors import Unreadable, from_os
from device_bridge.materials.manifest import (
    chunking_of,
    document_of,
    encode,
    read_whole,
)
from device_bridge.materials.names import open_inside
from device_bridge.materials.placing import Placed
from device_bridge.protocol.errors import Malformed

_LOOKED_AT_MAX: Final = 8
"""A person may make any number of files of one size, and each is read whole."""


def lying_in(folder: Path, document: bytes, name: str, size: int) -> Placed | None:
    """Find the document that was handed out as `name`, whatever it is called now.

    None where nobody has it or somebody has written in it. Blocks while it reads. Raises
    `Unreadable` for a folder that cannot be listed.
    """
    for entry in islice(_of_size(folder, size), _LOOKED_AT_MAX):
        try:
            with open_inside(folder, entry) as file:
                manifest, whole = read_whole(file, chunking_of(name, size))
                if document_of(encode(manifest)) == document:
                    return Placed(folder / entry, whole)
        except (OSError, Unreadable, Malformed):
            continue  # gone, a link, or grown beyond all measure since
    return None


def _of_size(folder: Path, size: int) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False) and _size(entry) == size:
                    yield entry.name
    except OSError as error:  # the folder is the pupil's, to close as well
        raise from_os(error, 0, 0) from error


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # gone since
        return -1
