"""What can be read of a store though pages of it are damaged."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from types import SimpleNamespace
from typing import Final

from msgspec import Struct

from classroom_app.storage.leaves import Row, rows_on_leaves
from classroom_app.storage.verifying import says_itself

GAP_MAX: Final = 1_000_000
"""Rows are looked for one by one between the last that comes before the damage and the first after
it; a page holds some dozens."""


class Salvaged(Struct, frozen=True):
    """Rows of a table by what tells one from another; `whole`: none of them is missing."""

    columns: tuple[str, ...]
    rows: dict[Row, Row]
    whole: bool


class Found(Struct, frozen=True):
    """`makes`: the words that make tables and indexes; `tables`: each by its name."""

    makes: tuple[str, ...]
    tables: dict[str, Salvaged]


def found(plain: bytes) -> Found:
    """Read what is left of a file without its cipher, damaged pages blank.

    Raises `sqlite3.Error` where not even the tables' names are.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.deserialize(plain)
        words = "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL"
        told = memory.execute(words).fetchall()
        tables = {name: _salvaged(memory, name, sql) for name, kind, sql in told if kind == "table"}
    return Found(tuple(sql for *_, sql in told), tables)


def loose(plain: bytes, more: bytes, table: str, columns: tuple[str, ...]) -> list[Row]:
    """Read rows of any table that lie on pages by themselves, as if they were of `table`.

    Those of `more`, pages that are no part of the file, come last.
    """
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.deserialize(plain)
        root = memory.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
        select = f"SELECT {', '.join(columns)} FROM {table} NOT INDEXED"  # noqa: S608 - the store's own names
        return rows_on_leaves(plain + more, root.fetchone()[0], select)


def is_act(columns: Sequence[str], row: Row) -> bool:
    """Say whether a row is an act: it says itself what its columns say."""
    told = dict(zip(columns, row, strict=True))
    hashed = all(isinstance(told.get(name), bytes) for name in ("body", "hash", "apart"))
    return hashed and says_itself(SimpleNamespace(**told))


def _salvaged(memory: sqlite3.Connection, table: str, made: str) -> Salvaged:
    told = memory.execute(f"PRAGMA table_info({table})").fetchall()
    columns = tuple(row[1] for row in told)
    keys = [row[1] for row in sorted(told, key=lambda row: row[5]) if row[5]]
    order = "rowid" if "WITHOUT ROWID" not in made.upper() else ", ".join(keys)
    read, whole = _Reading(memory, table, columns, order).all()
    at = [columns.index(key) for key in keys or columns]
    return Salvaged(columns, {tuple(row[one] for one in at): row for row in read}, whole)


class _Reading:
    """A table from both its ends, and between them row by row, where rows have numbers."""

    def __init__(
        self, memory: sqlite3.Connection, table: str, columns: tuple[str, ...], order: str
    ) -> None:
        numbers = "rowid" if order == "rowid" else "0"
        self._memory, self._order, self._numbered = memory, order, order == "rowid"
        # Its own pages only: an index may be what is damaged.
        self._select = f"SELECT {numbers}, {', '.join(columns)} FROM {table} NOT INDEXED"  # noqa: S608 - the store's own names

    def all(self) -> tuple[list[Row], bool]:
        first, broken = self._until_broken("")
        if not broken:
            return [row[1:] for row in first], True
        last, _ = self._until_broken(" DESC")
        between = list(self._between(first, last)) if self._numbered and last else []
        return [row[1:] for row in [*first, *between, *last]], False

    def _until_broken(self, way: str) -> tuple[list[Row], bool]:
        order = ", ".join(f"{one}{way}" for one in self._order.split(", "))
        rows: list[Row] = []
        try:
            rows.extend(self._memory.execute(f"{self._select} ORDER BY {order}"))
        except sqlite3.DatabaseError:
            return rows, True
        return rows, False

    def _between(self, first: list[Row], last: list[Row]) -> Iterator[Row]:
        above, below = first[-1][0] if first else 0, last[-1][0]
        for number in range(max(above + 1, below - GAP_MAX), below):
            with suppress(sqlite3.DatabaseError):
                yield from self._memory.execute(f"{self._select} WHERE rowid = ?", (number,))
