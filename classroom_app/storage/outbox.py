"""What of the journal the central side does not have yet (cloud.ports.SyncStore)."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, select, update

from central_mdm.contract.journal import Event, Outcome
from classroom_app.storage.acts import entries, fields_of
from classroom_app.storage.store import REFUSED, WAITING, Store
from classroom_app.storage.tables import hand_ins, journal


class KeepsOutbox(Store):
    async def waiting_events(self, limit: int) -> tuple[Event, ...]:
        origin = self.chosen["origin"]
        waiting = entries().where(journal.c.state == WAITING)
        oldest = waiting.order_by(journal.c.sequence).limit(limit)
        return await self.write(lambda c: tuple(_event(row, origin) for row in c.execute(oldest)))

    async def waiting_count(self) -> int:
        return await self.write(lambda connection: _count(connection, WAITING))

    async def refused_count(self) -> int:
        return await self.write(lambda connection: _count(connection, REFUSED))

    async def settled(self, outcomes: tuple[Outcome, ...]) -> None:
        done = (
            update(journal)
            .where(journal.c.id == bindparam("settled"))
            .values(state=bindparam("as_state"), reason=bindparam("why"))
        )
        each = [
            {"settled": outcome.id, "as_state": outcome.state, "why": outcome.reason}
            for outcome in outcomes
        ]
        if each:
            await self.write(lambda connection: connection.execute(done, each))


def _count(connection: Connection, state: str) -> int:
    return sum(_count_in(connection, table, state) for table in (journal, hand_ins))


def _count_in(connection: Connection, table: Table, state: str) -> int:
    query = select(func.count()).select_from(table).where(table.c.state == state)
    return int(connection.execute(query).scalar_one())


def _event(row: Any, origin: str) -> Event:  # noqa: ANN401 - a result row has no type
    body = msgspec.Raw(msgspec.json.encode(fields_of(row.body, row.fields)))
    named = (row.id, origin, row.sequence, row.lesson, row.kind, row.at)
    return Event(*named, row.hash.hex(), body)
