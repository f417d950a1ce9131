"""What of the journal the central side does not have yet (cloud.ports.SyncStore).

The outbox is the journal's own rows that wait. They lie at its end: the setting `settled` is a
sequence up to which none waits any more, so a look at the outbox starts there and needs no index.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    Text,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from central_mdm.contract.journal import Event, Outcome
from classroom_app.storage.acts import fields_of
from classroom_app.storage.settings import keep
from classroom_app.storage.store import WAITING, Store
from classroom_app.storage.tables import hand_ins, journal, settings

SETTLED: Final = "settled"
# Literally as the partial index has it, or SQLite would not use it.
REFUSED: Final[ColumnElement[str]] = literal_column("'refused'", Text)


class KeepsOutbox(Store):
    async def waiting_events(self, limit: int) -> tuple[Event, ...]:
        origin = self.chosen["origin"]

        def work(connection: Connection) -> tuple[Event, ...]:
            oldest = select(journal).where(*waiting(connection)).order_by(journal.c.sequence)
            return tuple(_event(row, origin) for row in connection.execute(oldest.limit(limit)))

        return await self.write(work)

    async def waiting_count(self) -> int:
        def work(connection: Connection) -> int:
            events = _count(connection, journal, *waiting(connection))
            return events + _count(connection, hand_ins, hand_ins.c.state == WAITING)

        return await self.write(work)

    async def refused_count(self) -> int:
        def work(connection: Connection) -> int:
            tables = (journal, hand_ins)
            return sum(_count(connection, table, table.c.state == REFUSED) for table in tables)

        return await self.write(work)

    async def settled(self, outcomes: tuple[Outcome, ...]) -> None:
        def work(connection: Connection) -> None:
            _settle(connection, {outcome.id: outcome for outcome in outcomes})

        await self.write(work)


def waiting(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """Return what is true of the journal's rows that wait."""
    known = select(settings.c.value).where(settings.c.name == SETTLED)
    through = int(connection.execute(known).scalar() or 0)
    return journal.c.sequence > through, journal.c.state == WAITING


def _count(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(table).where(*where)
    return int(connection.execute(query).scalar_one())


def _settle(connection: Connection, outcomes: dict[str, Outcome]) -> None:
    left = waiting(connection)
    done = (
        update(journal)
        .where(journal.c.sequence == bindparam("settled"))
        .values(state=bindparam("as_state"), reason=bindparam("why"))
    )
    each = list(_answered(connection, left, outcomes))
    if each:
        connection.execute(done, each)
    _move_on(connection, left)


def _answered(
    connection: Connection, waits: tuple[ColumnElement[bool], ...], outcomes: dict[str, Outcome]
) -> Iterator[dict[str, Any]]:
    """Find the rows that have an outcome: the oldest that wait, so this soon has them all."""
    left = dict(outcomes)
    oldest = select(journal.c.sequence, journal.c.id).where(*waits).order_by(journal.c.sequence)
    for row in connection.execute(oldest):
        if outcome := left.pop(row.id, None):
            yield {"settled": row.sequence, "as_state": outcome.state, "why": outcome.reason}
        if not left:
            return


def _move_on(connection: Connection, waits: tuple[ColumnElement[bool], ...]) -> None:
    """Note up to where nothing waits any more."""
    oldest = select(journal.c.sequence).where(*waits).order_by(journal.c.sequence).limit(1)
    found = connection.execute(oldest).scalar()
    if found is None:
        found = int(connection.execute(select(func.max(journal.c.sequence))).scalar() or 0) + 1
    keep({SETTLED: str(found - 1)}, connection)


def _event(row: Any, origin: str) -> Event:  # noqa: ANN401 - a result row has no type
    body = msgspec.Raw(msgspec.json.encode(fields_of(row.body, row.fields)))
    named = (row.id, origin, row.sequence, row.lesson, row.kind, row.at)
    return Event(*named, row.hash.hex(), body)
