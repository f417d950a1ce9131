"""Rows on pages that no other page leads to any more: what leads to them is what was damaged.

SQLite reads a table from its root. Here the root is another one, which leads to every leaf there
is; so a row must say itself whether it is of the table. Format: "Database File Format"
(sqlite.org/fileformat2.html), section 1.6.
"""

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from classroom_app.storage.pages import PAGE

LEAF, INNER = 0x0D, 0x05
KEPT_FREE: Final = 20
"""Where a file says how many bytes at the end of each page are not SQLite's."""
COUNTED: Final = slice(28, 32)
"""Where a file says how many pages it has."""
INNER_HEAD: Final = struct.Struct(">BHHHBI")
CELL: Final = struct.Struct(">IB")
LEAF_HEAD: Final = 8
CELLS_MAX: Final = 500
Row = tuple[Any, ...]


def rows_on_leaves(plain: bytes, root: int, select: str) -> list[Row]:
    """Run `select`, of the table whose root page is `root`, on each leaf; without their order."""
    leaves = [
        number
        for number in range(2, len(plain) // PAGE + 1)
        if _is_leaf(plain[(number - 1) * PAGE : (number - 1) * PAGE + LEAF_HEAD])
    ]
    batches = range(0, len(leaves), CELLS_MAX)
    return [
        row for at in batches for row in _read(plain, root, select, leaves[at : at + CELLS_MAX])
    ]


def _is_leaf(head: bytes) -> bool:
    return head[0] == LEAF and head[3:5] != b"\0\0"  # it has cells


def _read(plain: bytes, root: int, select: str, leaves: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    with closing(sqlite3.connect(":memory:")) as memory:
        memory.deserialize(_led(plain, root, leaves))
        # Of a page that could not be proved: the other rows on it may be as they were.
        memory.text_factory = _lenient
        try:
            rows.extend(memory.execute(select))
        except sqlite3.Error:
            if len(leaves) == 1:
                return rows
        else:
            return rows
    middle = len(leaves) // 2
    halves = leaves[:middle], leaves[middle:]
    return [row for half in halves for row in _read(plain, root, select, half)]


def _lenient(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _led(plain: bytes, root: int, leaves: Sequence[int]) -> bytes:
    """Return the file with a root that leads to `leaves` and to nothing else.

    SQLite takes no root that leads to one alone: that one is the root itself.
    """
    if len(leaves) == 1:
        page = plain[(leaves[0] - 1) * PAGE : leaves[0] * PAGE]
    else:
        page = _root_of(leaves, PAGE - plain[KEPT_FREE])
    count = (len(plain) // PAGE).to_bytes(4, "big")
    head = plain[: COUNTED.start] + count + plain[COUNTED.stop :]
    return head[: (root - 1) * PAGE] + page + head[root * PAGE :]


def _root_of(leaves: Sequence[int], end: int) -> bytes:
    places = [end - CELL.size * at for at in range(1, len(leaves))]
    page = bytearray(PAGE)
    INNER_HEAD.pack_into(
        page, 0, INNER, 0, len(places), places[-1] if places else end, 0, leaves[-1]
    )
    for at, (place, leaf) in enumerate(zip(places, leaves, strict=False)):
        struct.pack_into(">H", page, INNER_HEAD.size + 2 * at, place)
        CELL.pack_into(page, place, leaf, 1)  # its key: whoever reads all looks at none
    return bytes(page)
