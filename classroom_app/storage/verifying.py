"""Looking whether the journal is as it was written: each row against the chain."""

from collections.abc import Collection
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, select

from central_mdm.contract.heads import Mark
from classroom_app.storage.chain import Head, apart_of, link_of
from classroom_app.storage.tables import journal
from device_bridge.journal_fault import Fault, What

ROWS_A_TURN: Final = 1000


class _Named(Struct, frozen=True):
    """What a body says that columns say as well, by which a row is looked up."""

    type: str
    id: str
    lesson: str
    at: int


_NAMED: Final = msgspec.json.Decoder(_Named)


def verify(before: Head, signed: Collection[Mark], connection: Connection) -> Head | Fault | None:
    """Check the next rows after `before`; return where to go on, or None at the end.

    `signed` is what was signed of this journal: a cut end, and a chain written anew, show by it.
    """
    query = (
        select(journal)
        .where(journal.c.sequence > before.sequence)
        .order_by(journal.c.sequence)
        .limit(ROWS_A_TURN)
    )
    head, marks = before, {mark.count: mark.hash for mark in signed}
    for row in connection.execute(query):
        if fault := _fault_of(row, head, connection):
            return fault
        head = link_of(head, row.apart, row.body)
        if marks.get(head.sequence, head.hash.hex()) != head.hash.hex():
            return _fault(head.sequence, "rewritten", row)
    if head != before:
        return head
    return Fault(head.sequence + 1, "cut") if max(marks, default=0) > head.sequence else None


def _fault_of(row: Any, head: Head, connection: Connection) -> Fault | None:  # noqa: ANN401 - a row
    sequence = head.sequence + 1
    if row.sequence != sequence:
        return _fault(sequence, "removed", row)
    if not _links(head, row):
        moved = _follows_later(head, connection)
        return _fault(sequence, "reordered" if moved else "altered", row)
    if not says_itself(row):
        return _fault(sequence, "altered", row)
    return None if _belongs(row) else _fault(sequence, "words", row)


def _links(head: Head, row: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether a row follows `head`. A column can hold another type than it was given."""
    kept = isinstance(row.apart, bytes) and isinstance(row.body, bytes)
    return kept and link_of(head, row.apart, row.body).hash == row.hash


def says_itself(row: Any) -> bool:  # noqa: ANN401 - as above
    """Say whether the columns, which the chain does not hold, say what the body says."""
    try:
        said = _NAMED.decode(row.body)
    except (ValueError, RecursionError):
        return False
    return (said.type, said.id, said.lesson, said.at) == (row.kind, row.id, row.lesson, row.at)


def _follows_later(head: Head, connection: Connection) -> bool:
    """Say whether what followed `head` stands further down."""
    later = select(journal.c.apart, journal.c.body, journal.c.hash).where(
        journal.c.sequence > head.sequence + 1
    )
    return any(_links(head, row) for row in connection.execute(later))


def _fault(sequence: int, what: What, row: Any) -> Fault:  # noqa: ANN401 - a row
    at = row.at if isinstance(row.at, int) else 0
    return Fault(sequence, what, str(row.id), str(row.kind), at)


def _belongs(row: Any) -> bool:  # noqa: ANN401 - a result row has no type
    """Say whether a row's personal fields are its own; nothing is left after an erasure."""
    if row.salt is None or row.fields is None:
        return row.salt is row.fields
    kept = isinstance(row.salt, bytes) and isinstance(row.fields, bytes)
    return kept and row.apart == apart_of(row.salt, row.fields)
