"""Looking whether the journal is as it was written: each row against the chain."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, select

from central_mdm.contract.heads import Mark
from classroom_app.storage.chain import Head, apart_of, link_of
from classroom_app.storage.tables import journal
from device_bridge.journal_fault import Fault, What

ROWS_A_TURN: Final = 1000


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
    expected = link_of(head, row.apart, row.body)
    if row.sequence != expected.sequence:
        return _fault(expected.sequence, "removed", row)
    if row.hash != expected.hash:
        moved = _follows_later(head, connection)
        return _fault(row.sequence, "reordered" if moved else "altered", row)
    return None if _belongs(row) else _fault(row.sequence, "words", row)


def _follows_later(head: Head, connection: Connection) -> bool:
    """Say whether what followed `head` stands further down."""
    later = select(journal.c.apart, journal.c.body, journal.c.hash).where(
        journal.c.sequence > head.sequence + 1
    )
    return any(link_of(head, r.apart, r.body).hash == r.hash for r in connection.execute(later))


def _fault(sequence: int, what: What, row: Any) -> Fault:  # noqa: ANN401 - a row
    return Fault(sequence, what, str(row.id), str(row.kind), int(row.at))


def _belongs(row: Any) -> bool:  # noqa: ANN401 - a result row has no type
    """Say whether a row's personal fields are its own; nothing is left after an erasure."""
    if row.salt is None or row.fields is None:
        return row.salt is row.fields
    return row.apart == apart_of(row.salt, row.fields)
