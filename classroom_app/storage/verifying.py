"""Looking whether the journal is as it was written: each row against the chain."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, select

from classroom_app.storage.chain import Head, apart_of, link_of
from classroom_app.storage.tables import journal

ROWS_A_TURN: Final = 1000


class Fault(Struct, frozen=True):
    """The first row that is not as it was written.

    `what`: "missing" (this sequence is not there), "changed", or "personal" (its personal
    fields are not its own). A missing end is not seen from here: the central side has the newest
    hash as well.
    """

    sequence: int
    what: str


def verify(before: Head, connection: Connection) -> Head | Fault | None:
    """Check the next rows after `before`; return where to go on, or None at the end."""
    query = (
        select(journal)
        .where(journal.c.sequence > before.sequence)
        .order_by(journal.c.sequence)
        .limit(ROWS_A_TURN)
    )
    head = before
    for row in connection.execute(query):
        expected = link_of(head, row.apart, row.body)
        if row.sequence != expected.sequence:
            return Fault(expected.sequence, "missing")
        if row.hash != expected.hash:
            return Fault(row.sequence, "changed")
        if not _belongs(row):
            return Fault(row.sequence, "personal")
        head = expected
    return None if head == before else head


def _belongs(row: Any) -> bool:  # noqa: ANN401 - a result row has no type
    """Say whether a row's personal fields are its own; nothing is left after an erasure."""
    if row.salt is None or row.fields is None:
        return row.salt is row.fields
    return row.apart == apart_of(row.salt, row.fields)
