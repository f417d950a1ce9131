"""A store that is damaged, made anew of what can be read of it and of the newest copy beside it."""

import os
import shutil
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlcipher3 import dbapi2

from classroom_app.domain.errors import StoreBroken
from classroom_app.storage.agreeing import agreed, numbered
from classroom_app.storage.ahead import log_of
from classroom_app.storage.arriving import arriving, forget_arriving
from classroom_app.storage.copies import DAMAGED, copy_of
from classroom_app.storage.engine import open_driver, transaction
from classroom_app.storage.pages import PAGE
from classroom_app.storage.proving import prove
from classroom_app.storage.reading import joined, newest_copy, read, unsure
from classroom_app.storage.refusals import as_not_kept
from classroom_app.storage.salvage import Found

MADE_FIRST: Final = "CREATE TABLE"
NOTHING_READ: Final = "nothing can be read"


class Kept(Struct, frozen=True):
    """Rows of one table that were read, and those that only the copy had; `whole`: all of them."""

    rows: int
    of_copy: int
    whole: bool


class Repaired(Struct, frozen=True):
    """`damaged`: where the file lies as it was; `copy`: the one that helped."""

    damaged: Path
    copy: Path | None
    tables: dict[str, Kept]


def repair(path: Path, key: str, now: float) -> Repaired:
    """Make the store anew; the damaged file stays beside it. `now`: UTC seconds.

    What stands in tables that were damaged comes from the newest copy as well. Raises
    `StoreBroken` where neither can be read, or what is read makes no store that opens;
    `StoreNewer`; and `NotKept` where the disk does not take it: then all is as it was.
    """
    try:
        forget_arriving(path)
        left, (copy, before) = read(path, key), newest_copy(path, key)
        if left and not _filed(path):  # the log may be of a file before this one
            left = unsure(left)
        own = left if left and left.tables else before or left
        if own is None:
            raise StoreBroken(NOTHING_READ)
        both = joined(left, before)
        merged = agreed(numbered(both, own))
        damaged = _replaced(path, key, merged, now)
    except (OSError, dbapi2.Error) as error:
        raise as_not_kept(error) or error from error
    whole = left and left.tables and all(each.whole for each in left.tables.values())
    return Repaired(damaged, None if whole else copy, _told(left, both, merged))


def _filed(path: Path) -> bool:
    return path.exists() and path.stat().st_size >= PAGE


def _replaced(path: Path, key: str, merged: Found, now: float) -> Path:
    """Put the new store in the old one's place, which then lies beside it, with its log."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d-%H%M%S")
    beside = copy_of(path, f"{DAMAGED}-{stamp}")
    # A log has the newest of what was kept.
    kept = [
        (old, to) for old, to in ((path, beside), (log_of(path), log_of(beside))) if old.exists()
    ]
    try:
        with arriving(path) as part:
            _make(part, key, merged)
            prove(part, key)
            for old, to in kept:
                _keep_beside(old, to)
    except BaseException:
        for _, to in kept:
            to.unlink(missing_ok=True)
        raise
    # Of the file that went. Where this is cut off, the log does not fit the new file: it is said
    # at the next start, and the next repair takes it away.
    for log in (log_of(path), path.with_name(f"{path.name}-shm")):
        log.unlink(missing_ok=True)
    return beside


def _keep_beside(old: Path, to: Path) -> None:
    """Give it a second name, which a full disk has room for; else copy it."""
    try:
        os.link(old, to)
    except OSError:
        with arriving(to) as part:
            shutil.copyfile(old, part)
    else:
        to.chmod(0o600)


def _make(part: Path, key: str, merged: Found) -> None:
    with closing(open_driver(part, key)) as driver:
        driver.execute("PRAGMA journal_mode = DELETE")  # one file, which a rename moves whole
        with transaction(driver):
            _fill(driver, merged)


def _fill(driver: dbapi2.Connection, merged: Found) -> None:
    for made in _in_order(merged.makes):
        driver.execute(made)
    for name, table in merged.tables.items():
        places = ", ".join("?" * len(table.columns))
        put = f"INSERT INTO {name} ({', '.join(table.columns)}) VALUES ({places})"  # noqa: S608 - the store's own names
        driver.executemany(put, list(table.rows.values()))


def _in_order(makes: Iterable[str]) -> list[str]:
    return sorted(makes, key=lambda made: not made.upper().startswith(MADE_FIRST))


def _told(left: Found | None, both: Found, merged: Found) -> dict[str, Kept]:
    """Count what was kept of each table; a row that follows from others counts as read."""
    told: dict[str, Kept] = {}
    for name, table in merged.tables.items():
        own = left.tables.get(name) if left else None
        added = both.tables[name].rows.keys() - (own.rows.keys() if own else ())
        of_copy = len(added & table.rows.keys())
        told[name] = Kept(len(table.rows) - of_copy, of_copy, own is not None and own.whole)
    return told
