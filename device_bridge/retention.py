"""How long things are kept: one bounded reader of `retention.json`, and the end of what is old."""

import logging
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from device_bridge.trust.floor import FLOOR_LOWEST

log = logging.getLogger(__name__)

DAY_SECONDS: Final = 86_400
FILE: Final = "retention.json"
_BYTES_MAX: Final = 4096
Days = Annotated[int, Meta(ge=1, le=3650)]
Periods = TypeVar("Periods")


def read_periods(path: Path, decoder: "msgspec.json.Decoder[Periods]", default: Periods) -> Periods:
    """Read the setting; what is missing or cannot be read leaves `default`. Blocks."""
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES_MAX)
        return decoder.decode(raw)  # what was cut is no JSON
    except FileNotFoundError:
        return default
    except (OSError, ValueError, RecursionError) as error:
        log.warning("retention cannot be read", extra={"why": type(error).__name__})
        return default


def remove_older(folders: Iterator[Path], now: float, days: int, kept: Collection[Path]) -> int:
    """Remove those of `folders` in which nothing was changed for so many days; return how many.

    No link is followed; what stands in `kept` stays. What a wrong clock has dated before Pupitre
    was written is counted from `now` on. Blocks.
    """
    gone = 0
    for folder in folders:
        if folder in kept or folder.is_symlink() or not folder.is_dir():
            continue
        newest = max(one.lstat().st_mtime for one in (folder, *folder.rglob("*")))
        if newest < FLOOR_LOWEST:
            os.utime(folder, (now, now))
        elif newest < now - days * DAY_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
    return gone


def inside(root: Path) -> Iterator[Path]:
    """Yield what lies in a folder; nothing where there is none."""
    return iter(tuple(root.iterdir()) if root.is_dir() else ())


def remove_older_files(folder: Path, now: float, days: int) -> int:
    """Remove the plain files of a folder that were not written to for so many days. Blocks."""
    gone = 0
    for path in inside(folder):
        if path.is_file() and path.lstat().st_mtime < now - days * DAY_SECONDS:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
