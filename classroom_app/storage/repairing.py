"""A store that is damaged, made anew of what can be read of it and of the newest copy beside it."""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlcipher3 import dbapi2

from classroom_app.domain.errors import StoreBroken
from classroom_app.storage.agreeing import agreed, numbered
from classroom_app.storage.ahead import log_of
from classroom_app.storage.arriving import arriving, forget_arriving
from classroom_app.storage.copies import DAMAGED, copies_of, copy_of
from classroom_app.storage.engine import open_driver, transaction
from classroom_app.storage.folding import FOREIGN, harm_of, opened
from classroom_app.storage.forms import NUMBERED
from classroom_app.storage.leaves import Row
from classroom_app.storage.migrate import UNNUMBERED
from classroom_app.storage.pages import HEADER
from classroom_app.storage.proving import prove
from classroom_app.storage.refusals import as_not_kept
from classroom_app.storage.salvage import Found, Salvaged, found, loose
from classroom_app.storage.verifying import says_itself

MADE_FIRST: Final = "CREATE TABLE"
EARLIER_MAX: Final = 8
"""Each earlier state is the whole file once more."""
NOTHING_READ: Final = "nothing can be read"
TORN_MAX: Final = 1
"""A kill in the middle of a write leaves one frame that is not whole."""


class Checked(Struct, frozen=True):
    """`bad`: numbers of damaged pages, from 1; `wrong`: what SQLite says of the rest.

    `lacking`: the tables that cannot be read to their end; None: not even their names can.
    `harm`: why the app does not open it, "" where it does.
    `passed_over`: writes that lie whole in the log, behind damage at which SQLite ends it.
    `headless`: the log's head is damaged, so that SQLite reads none of it. `torn`: its last writes
    that are not whole; `unplaced`: damaged ones before them, of which nothing tells the page.
    `mendable`: the store, or a copy beside it, can be read.
    """

    bad: tuple[int, ...]
    wrong: tuple[str, ...]
    lacking: tuple[str, ...] | None
    harm: str = ""
    passed_over: int = 0
    headless: bool = False
    torn: int = 0
    unplaced: int = 0
    mendable: bool = True

    @property
    def whole(self) -> bool:
        log = self.passed_over or self.headless or self.unplaced or self.torn > TORN_MAX
        read = not self.bad and not self.wrong and self.lacking == ()
        return read and not log and not self.harm


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
    """Look at each page, at the log and at each table; nothing is changed.

    Whoever calls holds the folder's lock.
    """
    image, harm = opened(path, key), harm_of(path, key)
    left, told, fold = read(path, key), _told_of(image.plain), image.folded
    return Checked(
        image.bad,
        (*(() if told == ("ok",) else told), *_unnumbered(left)),
        None if left is None else tuple(n for n, each in left.tables.items() if not each.whole),
        harm,
        max(fold.end - image.log.read, 0),
        not image.log.headed,
        0 if harm == FOREIGN else fold.torn,
        fold.unplaced,
        mendable=left is not None or _newest_copy(path, key)[1] is not None,
    )


def repair(path: Path, key: str, now: float) -> Repaired:
    """Make the store anew; the damaged file stays beside it. `now`: UTC seconds.

    What stands in tables that were damaged comes from the newest copy as well. Raises
    `StoreBroken` where neither can be read, or what is read makes no store that opens;
    `StoreNewer`; and `NotKept` where the disk does not take it: then all is as it was.
    """
    try:
        forget_arriving(path)
        left, (copy, before) = read(path, key), _newest_copy(path, key)
        own = left if left and left.tables else before or left
        if own is None:
            raise StoreBroken(NOTHING_READ)
        joined = _merged(left, before)
        merged = agreed(numbered(joined, own))
        damaged = _replaced(path, key, merged, now)
    except (OSError, dbapi2.Error) as error:
        raise as_not_kept(error) or error from error
    whole = left and left.tables and all(each.whole for each in left.tables.values())
    return Repaired(damaged, None if whole else copy, _told(left, joined, merged))


def read(path: Path, key: str) -> Found | None:
    """Return what can be read of a store; None: not even the names of its tables.

    What is damaged in the log is read as it was before: what had been kept till then is not lost.
    """
    image = opened(path, key)
    left = _found_in(image.plain)
    if left and (image.folded.unplaced or 1 in image.folded.stale):  # any table may lack it
        tables = {name: replace(table, whole=False) for name, table in left.tables.items()}
        left = replace(left, tables=tables)
    if left:
        left = _with_loose(left, image.plain)
    for frames in image.folded.before[:EARLIER_MAX]:
        if before := _found_in(opened(path, key, frames).plain):
            left = _with_earlier(left, before)
    return left


def _told_of(plain: bytes) -> tuple[str, ...]:
    if not plain:
        return ("the file is empty",)
    with closing(sqlite3.connect(":memory:")) as memory:
        try:
            memory.deserialize(plain)
            return tuple(row[0] for row in memory.execute("PRAGMA integrity_check(10)"))
        except sqlite3.Error as error:
            return (str(error),)


def _unnumbered(left: Found | None) -> tuple[str, ...]:
    numbered = left.tables.get(NUMBERED) if left else None
    return (UNNUMBERED,) if numbered and numbered.whole and not numbered.rows else ()


def _found_in(plain: bytes) -> Found | None:
    # A file without a byte would be taken for a new one, which lacks nothing.
    if not plain.startswith(HEADER):
        return None
    try:
        return found(plain)
    except sqlite3.Error:
        return None


def _with_loose(left: Found, plain: bytes) -> Found:
    """Add the acts that lie where no page leads to any more; each says that it is one."""
    journal = left.tables.get("journal")
    if journal is None or journal.whole:
        return left
    columns = journal.columns
    acts = (row for row in loose(plain, "journal", columns) if _is_act(columns, row))
    rows = {(row[columns.index("sequence")],): row for row in acts} | journal.rows
    return replace(left, tables={**left.tables, "journal": replace(journal, rows=rows)})


def _is_act(columns: Sequence[str], row: Row) -> bool:
    told = dict(zip(columns, row, strict=True))
    hashed = all(isinstance(told.get(name), bytes) for name in ("body", "hash", "apart"))
    return hashed and says_itself(SimpleNamespace(**told))


def _with_earlier(left: Found | None, before: Found) -> Found:
    """Add earlier rows to the tables that the damage has cut; what was read is newer."""
    if left is None:
        tables = {name: replace(table, whole=False) for name, table in before.tables.items()}
        return replace(before, tables=tables)
    return _merged(left, before)


def _newest_copy(path: Path, key: str) -> tuple[Path | None, Found | None]:
    for copy in sorted(copies_of(path), key=lambda one: one.stat().st_mtime, reverse=True):
        if (held := read(copy, key)) is not None:
            return copy, held
    return None, None


def _merged(left: Found | None, before: Found | None) -> Found:
    if left is None or not left.tables or before is None:
        whole = before or left
        assert whole is not None  # noqa: S101 - `repair` has seen to it
        return whole
    tables = {name: _with(table, before.tables.get(name)) for name, table in left.tables.items()}
    return Found(left.makes, tables)


def _with(table: Salvaged, before: Salvaged | None) -> Salvaged:
    """Add what only the copy has; what was read is newer."""
    if table.whole or before is None or before.columns != table.columns:
        return table
    return replace(table, rows={**before.rows, **table.rows})


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


def _told(left: Found | None, joined: Found, merged: Found) -> dict[str, Kept]:
    """Count what was kept of each table; a row that follows from others counts as read."""
    told: dict[str, Kept] = {}
    for name, table in merged.tables.items():
        own = left.tables.get(name) if left else None
        added = joined.tables[name].rows.keys() - (own.rows.keys() if own else ())
        of_copy = len(added & table.rows.keys())
        told[name] = Kept(len(table.rows) - of_copy, of_copy, own is not None and own.whole)
    return told
