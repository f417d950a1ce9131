"""Rows that follow from other rows, put right where damage has cut one of the two."""

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from classroom_app.domain.acts import HandInKept
from classroom_app.domain.errors import StoreNewer
from classroom_app.storage.copies import VERSIONS
from classroom_app.storage.erasing import FORGOTTEN
from classroom_app.storage.forms import NUMBERED, form_of
from classroom_app.storage.leaves import Row
from classroom_app.storage.outbox import KEPT_AT, SETTLED
from classroom_app.storage.salvage import Found, Salvaged
from classroom_app.storage.store import WAITING

HAND_IN: Final = HandInKept.__struct_config__.tag


def numbered(merged: Found, own: Found) -> Found:
    """Have a store say the form that its tables have; a copy beside it may have had another.

    Raises `StoreNewer` where `own`, what was read of it, says a form that is not known here.
    """
    if NUMBERED not in merged.tables:
        return merged
    said = own.tables[NUMBERED].rows if NUMBERED in own.tables else {}
    if newer := [form for (form,) in said if form not in VERSIONS]:
        raise StoreNewer(newer[0])
    form = form_of({name: table.columns for name, table in merged.tables.items()})
    return _with(merged, NUMBERED, {(form,): (form,)} if form else {})


def agreed(merged: Found) -> Found:
    """Have lessons, waiting work, what is settled and what is forgotten agree with the acts left.

    Else the next act of a lesson would be refused, or never be sent, or an old one never forgotten.
    """
    tables = merged.tables
    if "lessons" not in tables or all(table.whole for table in tables.values()):
        return merged
    acts = list(_acts(tables["journal"]))
    merged = _with(merged, "lessons", _lessons(acts))
    merged = _with(merged, "hand_ins", _hand_ins(acts, tables["hand_ins"].rows))
    reached = {(SETTLED,), (FORGOTTEN,)}
    settings = {name: row for name, row in tables["settings"].rows.items() if name not in reached}
    if acts:  # what was kept waits for an act after all that are left
        settings[KEPT_AT,] = (KEPT_AT, str(acts[-1]["sequence"]))
    return _with(merged, "settings", settings)


def _acts(journal: Salvaged) -> Iterator[dict[str, Any]]:
    rows = (dict(zip(journal.columns, row, strict=True)) for row in journal.rows.values())
    return iter(sorted(rows, key=lambda act: act["sequence"]))


def _lessons(acts: list[dict[str, Any]]) -> dict[Row, Row]:
    first = {act["lesson"]: act["sequence"] for act in reversed(acts)}
    return {(lesson,): (lesson, sequence) for lesson, sequence in first.items()}


def _hand_ins(acts: list[dict[str, Any]], before: dict[Row, Row]) -> dict[Row, Row]:
    """Keep how far each work is; one of which only the act is left waits: it is sent once more.

    Of what was erased nothing is: the act says no more whose work it was.
    """
    kept = (act for act in acts if act["kind"] == HAND_IN and act["fields"] is not None)
    return {
        (act["id"],): before.get((act["id"],), (act["id"], act["sequence"], WAITING))
        for act in kept
    }


def _with(found: Found, table: str, rows: dict[Row, Row]) -> Found:
    return replace(found, tables={**found.tables, table: replace(found.tables[table], rows=rows)})
