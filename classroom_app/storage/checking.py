"""What is damaged of a store, told without a change."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from classroom_app.domain.errors import StoreSealed
from classroom_app.storage.folding import opened
from classroom_app.storage.forms import NUMBERED
from classroom_app.storage.harm import FOREIGN, harm_of
from classroom_app.storage.migrate import UNNUMBERED
from classroom_app.storage.reading import newest_copy, read
from classroom_app.storage.salvage import Found

TORN_MAX: Final = 1
"""A kill in the middle of a write leaves one frame that is not whole."""


class Checked(Struct, frozen=True):
    """`bad`: numbers of damaged pages, from 1; `wrong`: what SQLite says of the rest.

    `lacking`: the tables that cannot be read to their end; None: not even their names can.
    `harm`: why the app does not open it, "" where it does. `sealed`: the key opens nothing that is
    left. `proved`: nothing was altered but what is named here; else the salt is lost.
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
    sealed: bool = False
    proved: bool = True

    @property
    def whole(self) -> bool:
        log = self.passed_over or self.headless or self.unplaced or self.torn > TORN_MAX
        read = not self.bad and not self.wrong and self.lacking == ()
        return read and not log and not self.harm


def check(path: Path, key: str) -> Checked:
    """Look at each page, at the log and at each table; nothing is changed.

    Whoever calls holds the folder's lock.
    """
    image, sealed = opened(path, key), False
    try:
        harm = harm_of(path, key)
    except StoreSealed as error:
        harm, sealed = str(error), True
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
        mendable=left is not None or newest_copy(path, key)[1] is not None,
        sealed=sealed,
        proved=image.proved or left is None,
    )


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
