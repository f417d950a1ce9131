"""Making a file whole or not at all: under another name until it is on the disk."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from device_bridge.materials.part import sync_folder

SUFFIX: Final = ".arriving"


@contextmanager
def arriving(at: Path) -> Generator[Path]:
    """Have a file made under the name that is given; then it is durable, and bears its own.

    It is its owner's alone from its first byte, and nothing of it is left where it fails.
    """
    part = at.with_suffix(SUFFIX)
    _forget(part)
    try:
        part.touch(mode=0o600)
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(at)
    except BaseException:
        _forget(part)
        raise
    sync_folder(at.parent)


def forget_arriving(path: Path) -> None:
    """Remove what programs that were killed have left half made of a store and its copies."""
    for part in path.parent.glob(f"{path.stem}*{SUFFIX}*"):
        part.unlink(missing_ok=True)


def _forget(part: Path) -> None:
    for left in part.parent.glob(f"{part.name}*"):  # SQLite has files of its own beside one
        left.unlink(missing_ok=True)
