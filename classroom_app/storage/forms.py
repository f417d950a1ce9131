"""Which form a store has, told by its tables alone: the row that says it may be what was lost."""

from collections.abc import Collection, Mapping
from typing import Final

from classroom_app.domain.errors import StoreNewer
from classroom_app.storage.copies import VERSIONS
from classroom_app.storage.tables import metadata

NUMBERED: Final = "alembic_version"
"""The table of the one row that says it; the first form was made before forms had numbers."""
MARKS: Final = {
    "0004": ("cursors", "cursor"),
    "0003": ("lessons", "first"),
    "0002": ("journal", "apart"),
    "0001": ("journal", "sequence"),
}
"""By the form, newest first: a table and a column of it that no form before had."""


def form_of(columns: Mapping[str, Collection[str]]) -> str:
    """Return the form of tables, by their columns; "" where there are none.

    Raises `StoreNewer` for tables that no form known here has.
    """
    for form, (table, column) in MARKS.items():
        if column in columns.get(table, ()):
            if form == VERSIONS[-1] and not _known(columns):
                raise StoreNewer("")
            return form
    return ""


def _known(columns: Mapping[str, Collection[str]]) -> bool:
    ours = {name: set(table.columns.keys()) for name, table in metadata.tables.items()}
    return {name: set(own) for name, own in columns.items() if name != NUMBERED} == ours
