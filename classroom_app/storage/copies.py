"""Copies of the store, beside it and under its key: before each migration, and one a day."""

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from classroom_app.storage.ahead import log_beside
from classroom_app.storage.arriving import arriving, forget_arriving
from classroom_app.storage.engine import driver_of
from classroom_app.storage.refusals import as_not_kept
from device_bridge.materials.part import sync_folder

log = logging.getLogger(__name__)
VERSIONS: Final = ("0001", "0002", "0003", "0004")
"""All forms, oldest first, as the files under `migrations/versions` name them."""
DAILY: Final = "daily"
DAMAGED: Final = "damaged"
ASIDE: Final = "aside"
DAY_SECONDS: Final = 20 * 3600
"""A day begins at other hours than the one before it."""


def copy_of(path: Path, name: str) -> Path:
    """Name a copy: by the form that a migration left, or `DAILY`."""
    return path.with_name(f"{path.stem}-{name}{path.suffix}")


def copies_of(path: Path) -> list[Path]:
    """Return the whole copies that lie beside the store."""
    return [copy for name in (*VERSIONS, DAILY) if (copy := copy_of(path, name)).exists()]


def left_of(path: Path) -> bool:
    """Say whether anything is left of a store: its file, a page in its log, or a copy."""
    return path.exists() or bool(log_beside(path).frames or copies_of(path))


def forget_copies(path: Path) -> None:
    """Remove them, and what repairs have laid beside: they tell of who is to be forgotten.

    A store that was laid aside as well, for its key may come back. Raises OSError where one stays.
    What is removed does not come back by a power cut.
    """
    damaged = path.parent.glob(f"{path.stem}-{DAMAGED}-*")
    aside = path.parent.glob(f"{ASIDE}-*/{path.stem}*")
    for copy in (*copies_of(path), *damaged, *aside):
        copy.unlink()
    forget_arriving(path)
    sync_folder(path.parent)


def keep_copy(connection: Connection, copy: Path) -> None:
    """Write the whole store to `copy`, under the same key, durable when it bears that name."""
    with arriving(copy) as part:
        driver_of(connection).execute("VACUUM INTO ?", (str(part),))


def keep_daily_copy(connection: Connection, path: Path) -> None:
    """Copy a store that was written to a day after its last copy, or after it was made.

    A damaged one leaves the copy as it is; no refusal keeps a program from ending.
    """
    copy = copy_of(path, DAILY)
    try:
        if _lacks(path, copy):
            keep_copy(connection, copy)
    except Exception as error:
        if (named := as_not_kept(error)) is None:
            raise
        log.warning("no copy of the store was made", extra={"why": type(named).__name__})


def _written(path: Path) -> float:
    beside = (path, path.with_name(f"{path.name}-wal"))
    return max(one.stat().st_mtime for one in beside if one.exists())


def _lacks(path: Path, copy: Path) -> bool:
    """Say whether a copy is due. One of days to come was made by a clock ahead: it says nothing."""
    written, made = _written(path), path.with_name("store.key")
    dates = [one.stat().st_mtime for one in (made, copy) if one.exists()]
    since = max((date for date in dates if date <= written + DAY_SECONDS), default=0.0)
    return written - since > DAY_SECONDS
