"""A store that is damaged, made anew of what can be read of it and of the newest copy beside it."""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlcipher3 import dbapi2

from classroom_app.domain.errors import StoreBroken
from classroom_app.storage.copies import DAMAGED, arriving, copies_of, copy_of
from classroom_app.storage.engine import open_driver, transaction
from classroom_app.storage.pages import Pages, opened
from classroom_app.storage.refusals import as_not_kept
from classroom_app.storage.salvage import Found, Salvaged, found

MADE_FIRST: Final = "CREATE TABLE"


class Checked(Struct, frozen=True):
    """`bad`: numbers of damaged pages, from 1; `wrong`: what SQLite says of the rest.

    `lacking`: the tables that cannot be read to their end; None: not even their names can.
    """

    bad: tuple[int, ...]
    wrong: tuple[str, ...]
    lacking: tuple[str, ...] | None

    @property
    def whole(self) -> bool:
        return not self.bad and not self.wrong and self.lacking == ()


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


def check(path: Path, key: str) -> Checked:
    """Look at each page and each table. Whoever calls holds the folder's lock."""
    _fold_in(path, key)
    pages = opened(path.read_bytes(), key)
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.deserialize(pages.plain)
        try:
            told = tuple(row[0] for row in memory.execute("PRAGMA integrity_check(10)"))
        except sqlite3.Error as error:
            told = (str(error),)
    left, wrong = _found(pages), () if told == ("ok",) else told
    if left is None:
        return Checked(pages.bad, wrong, None)
    lacking = tuple(name for name, table in left.tables.items() if not table.whole)
    return Checked(pages.bad, wrong, lacking)


def repair(path: Path, key: str, now: float) -> Repaired:
    """Make the store anew; the damaged file stays beside it. `now`: UTC seconds.

    What stands in tables that were damaged comes from the newest copy as well. Raises
    `StoreBroken` where neither can be read, and `NotKept` where the disk does not take it: then
    all is as it was.
    """
    try:
        _fold_in(path, key)
        left, (copy, before) = _left(path, key), _newest_copy(path, key)
        if left is None and before is None:
            raise StoreBroken("nothing can be read")
        merged = _merged(left, before)
        damaged = _kept_beside(path, now)
        _replace(path, key, merged)
    except (OSError, dbapi2.Error) as error:
        raise as_not_kept(error) or error from error
    helped = copy if left is None or any(not each.whole for each in left.tables.values()) else None
    return Repaired(damaged, helped, _told(left, merged))


def read(path: Path, key: str) -> Found | None:
    """Return what can be read of a store; None: not even the names of its tables."""
    _fold_in(path, key)
    return _left(path, key)


def _fold_in(path: Path, key: str) -> None:
    """Fold the log into the file; SQLite copies its pages as they are, damaged or not."""
    with suppress(dbapi2.Error), closing(open_driver(path, key)) as driver:
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _left(path: Path, key: str) -> Found | None:
    return _found(opened(path.read_bytes(), key))


def _found(pages: Pages) -> Found | None:
    if 1 in pages.bad:
        return None
    try:
        return found(pages)
    except sqlite3.Error:
        return None


def _newest_copy(path: Path, key: str) -> tuple[Path | None, Found | None]:
    for copy in sorted(copies_of(path), key=lambda one: one.stat().st_mtime, reverse=True):
        if (held := _left(copy, key)) is not None:
            return copy, held
    return None, None


def _merged(left: Found | None, before: Found | None) -> Found:
    if left is None or before is None:
        whole = left or before
        assert whole is not None  # noqa: S101 - `repair` has seen to it
        return whole
    tables = {name: _with(table, before.tables.get(name)) for name, table in left.tables.items()}
    return Found(left.makes, tables)


def _with(table: Salvaged, before: Salvaged | None) -> Salvaged:
    """Add what only the copy has; what was read is newer."""
    if table.whole or before is None or before.columns != table.columns:
        return table
    return Salvaged(table.columns, {**before.rows, **table.rows}, whole=False)


def _kept_beside(path: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d-%H%M%S")
    beside = copy_of(path, f"{DAMAGED}-{stamp}")
    # A log that could not be folded in has the newest of what was kept.
    for old, kept in ((path, beside), (_log_of(path), _log_of(beside))):
        if old.exists():
            with arriving(kept) as part:
                shutil.copyfile(old, part)
    return beside


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _replace(path: Path, key: str, merged: Found) -> None:
    with arriving(path) as part:
        with closing(open_driver(part, key)) as driver:
            driver.execute("PRAGMA journal_mode = DELETE")  # one file, which a rename moves whole
            with transaction(driver):
                _fill(driver, merged)
        for log in (_log_of(path), path.with_name(f"{path.name}-shm")):
            log.unlink(missing_ok=True)  # of the file that goes


def _fill(driver: dbapi2.Connection, merged: Found) -> None:
    for made in _in_order(merged.makes):
        driver.execute(made)
    for name, table in merged.tables.items():
        places = ", ".join("?" * len(table.columns))
        put = f"INSERT INTO {name} ({', '.join(table.columns)}) VALUES ({places})"  # noqa: S608 - the store's own names
        driver.executemany(put, list(table.rows.values()))


def _in_order(makes: Iterable[str]) -> list[str]:
    return sorted(makes, key=lambda made: not made.upper().startswith(MADE_FIRST))


def _told(left: Found | None, merged: Found) -> dict[str, Kept]:
    told: dict[str, Kept] = {}
    for name, table in merged.tables.items():
        own = left.tables.get(name) if left else None
        rows = len(own.rows) if own else 0
        told[name] = Kept(rows, len(table.rows) - rows, own is not None and own.whole)
    return told
