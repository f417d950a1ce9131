"""What can be read of a store that is damaged, and of the newest copy beside it."""

import sqlite3
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from classroom_app.storage.copies import copies_of
from classroom_app.storage.folding import Image, opened
from classroom_app.storage.pages import HEADER
from classroom_app.storage.salvage import Found, Salvaged, found, is_act, loose
from classroom_app.storage.scattered import scattered

EARLIER_MAX: Final = 8
"""Each earlier state is the whole file once more."""


def read(path: Path, key: str) -> Found | None:
    """Return what can be read of a store; None: not even the names of its tables.

    What is damaged in the log is read as it was before: what had been kept till then is not lost.
    """
    image = opened(path, key)
    left = _found_in(image.plain)
    if left is None:
        left = scattered(image.plain, image.older, proved=image.proved)
    else:
        # Any table may lack what nobody knows the page of.
        doubt = image.folded.unplaced or 1 in image.folded.stale
        left = _with_loose(unsure(left) if doubt else left, image)
    for frames in image.folded.before[:EARLIER_MAX]:
        if before := _found_in(opened(path, key, frames).plain):
            left = _with_earlier(left, before)
    return left


def readable(path: Path, key: str) -> bool:
    """Say whether the key opens anything that is left: a page, or a copy."""
    image = opened(path, key)
    opens = bool(image.plain) and image.proved
    return opens or read(path, key) is not None or newest_copy(path, key)[1] is not None


def newest_copy(path: Path, key: str) -> tuple[Path | None, Found | None]:
    for copy in sorted(copies_of(path), key=lambda one: one.stat().st_mtime, reverse=True):
        if (held := read(copy, key)) is not None:
            return copy, held
    return None, None


def joined(left: Found | None, before: Found | None) -> Found:
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


def _found_in(plain: bytes) -> Found | None:
    # A file without a byte would be taken for a new one, which lacks nothing.
    if not plain.startswith(HEADER):
        return None
    try:
        return found(plain)
    except sqlite3.Error:
        return None


def _with_loose(left: Found, image: Image) -> Found:
    """Add the acts that lie where no page leads to any more, also where the log has older pages.

    Each says itself that it is one.
    """
    journal = left.tables.get("journal")
    if journal is None or journal.whole:
        return left
    columns = journal.columns
    acts = (
        row
        for row in reversed(loose(image.plain, image.older, "journal", columns))
        if is_act(columns, row)
    )
    rows = {(row[columns.index("sequence")],): row for row in acts} | journal.rows
    return replace(left, tables={**left.tables, "journal": replace(journal, rows=rows)})


def _with_earlier(left: Found | None, before: Found) -> Found:
    """Add earlier rows to the tables that the damage has cut; what was read is newer."""
    if left is None:
        return unsure(before)
    return joined(left, before)


def unsure(left: Found) -> Found:
    """Say of each table that rows may be missing."""
    tables = {name: replace(table, whole=False) for name, table in left.tables.items()}
    return replace(left, tables=tables)
