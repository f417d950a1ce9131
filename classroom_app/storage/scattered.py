"""Rows found page by page, of a store whose first page is lost, which has the list of its tables.

Every row on every page that bears rows is read, and taken for what it looks like; only tables of
the newest form are known here. Where pages cannot be proved, for the salt is lost with the page,
acts alone are taken: each says itself what its columns say, and what follows it proves it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final, get_args, get_type_hints

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from central_mdm.contract.roster import Change
from classroom_app.storage.chain import Head, apart_of, link_of
from classroom_app.storage.copies import VERSIONS
from classroom_app.storage.forms import NUMBERED
from classroom_app.storage.leaves import COUNTED, Row, rows_on_leaves
from classroom_app.storage.pages import HEADER, PAGE
from classroom_app.storage.salvage import Found, Salvaged, is_act
from classroom_app.storage.tables import journal, metadata

ENTITIES: Final = frozenset(get_args(get_type_hints(Change)["entity"]))
LOOKS: Final = {
    "settings": (str, str),
    "hand_ins": (str, int, str),
    "cursors": (str, str, str),
    "declarations": (str, str, str, int, bytes),
    "rows": (str, str, str, int, bytes),
}
JOURNAL: Final = tuple(journal.columns.keys())
ABSENT: Final = 0.5
"""Stands in a column that a row does not have; no table of ours holds such a number."""
ANY: Final = tuple(f"c{number}" for number in range(len(JOURNAL) + 1))
RESERVED, ROOT_HEAD = 80, 100


def scattered(plain: bytes, older: bytes, *, proved: bool) -> Found | None:
    """Find rows on the pages of `plain`, the file without its cipher; None where there are none.

    Those on `older` pages, which lie in the log, count where no newer one is found.
    """
    rows = list(_rows(plain + older))
    read: dict[str, dict[Row, Row]] = {name: {} for name in metadata.tables}
    for row in rows:
        if name := _looks_like(row):
            # The first is the newest.
            read[name].setdefault(tuple(row[at] for at in _keys(name)), row)
    if not proved:
        read = {name: {} for name in read} | {"journal": dict(_linked(read["journal"]))}
    if not any(read.values()):
        return None
    tables = {
        name: Salvaged(tuple(table.columns.keys()), read[name], whole=False)
        for name, table in metadata.tables.items()
    }
    form = VERSIONS[-1]
    tables[NUMBERED] = Salvaged(("version_num",), {(form,): (form,)}, whole=False)
    return Found(tuple(_makes()), tables)


def _makes() -> Iterator[str]:
    """Yield what makes the tables of the newest form."""
    yield f"CREATE TABLE {NUMBERED} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
    dialect = sqlite.dialect()
    for table in metadata.sorted_tables:
        yield str(CreateTable(table).compile(dialect=dialect)).strip()
        for index in table.indexes:
            yield str(CreateIndex(index).compile(dialect=dialect))


def _rows(plain: bytes) -> Iterator[Row]:
    """Yield each row on each page, as long as it is."""
    root = max(len(plain) // PAGE, 1) + 1
    led = _first_page(root) + plain[PAGE:] + bytes(PAGE)
    for number, *row in rows_on_leaves(led, root, f"SELECT rowid, {', '.join(ANY)} FROM found"):  # noqa: S608 - names of ours
        held = tuple(row[: row.index(ABSENT)] if ABSENT in row else row)
        # A number that tells rows apart stands beside the row, and NULL in it.
        yield (number, *held[1:]) if len(held) == len(JOURNAL) else held


def _first_page(root: int) -> bytes:
    """Make the first page of a file that has one table, as wide as any, whose root is `root`."""
    head = bytearray(PAGE)
    head[: len(HEADER)] = HEADER
    head[16:24] = PAGE.to_bytes(2, "big") + bytes((1, 1, RESERVED, 64, 32, 32))
    head[COUNTED] = (1).to_bytes(4, "big")
    head[44:48] = head[56:60] = (4).to_bytes(4, "big")
    head[56:60] = (1).to_bytes(4, "big")
    head[ROOT_HEAD] = 0x0D
    head[ROOT_HEAD + 5 : ROOT_HEAD + 7] = (PAGE - RESERVED).to_bytes(2, "big")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        memory.deserialize(bytes(head))
        columns = ", ".join(f"{name} DEFAULT {ABSENT}" for name in ANY)
        memory.execute(f"CREATE TABLE found ({columns})")
        memory.execute("PRAGMA writable_schema = ON")
        memory.execute("UPDATE sqlite_master SET rootpage = ?", (root,))
        made = bytearray(memory.serialize()[:PAGE])
    return bytes(made)


def _looks_like(row: Row) -> str:
    """Name the table that a row may be of; "" for none."""
    if len(row) == len(JOURNAL):
        return "journal" if is_act(JOURNAL, row) else ""
    kinds = tuple(map(type, row))
    names = [name for name, look in LOOKS.items() if look == kinds]
    if len(names) > 1:
        return "rows" if row[1] in ENTITIES else "declarations"
    return names[0] if names else ""


def _keys(name: str) -> list[int]:
    return [at for at, one in enumerate(metadata.tables[name].columns) if one.primary_key]


def _linked(acts: dict[Row, Row]) -> Iterator[tuple[Row, Row]]:
    """Yield the acts that are proved by the one before; the first of each run is by none."""
    told = {key: dict(zip(JOURNAL, row, strict=True)) for key, row in acts.items()}
    for key, act in told.items():
        before = told.get((act["sequence"] - 1,))
        if _is_own(act) and (before is None or _follows(before, act)):
            yield key, acts[key]


def _is_own(act: dict[str, Any]) -> bool:
    if act["salt"] is None:
        return True
    return bool(apart_of(act["salt"], act["fields"]) == act["apart"])


def _follows(before: dict[str, Any], act: dict[str, Any]) -> bool:
    head = Head(before["sequence"], before["hash"])
    return link_of(head, act["apart"], act["body"]).hash == act["hash"]
