"""What of the journal the central side does not have yet (cloud.ports.SyncStore).

The outbox is the journal's own rows that wait. They lie at its end: the setting `settled` is a
sequence up to which none waits any more, so a look at the outbox starts there and needs no index.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from uuid import uuid4

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    union,
    update,
)

from central_mdm.contract.journal import Event, Outcome
from classroom_app.storage.acts import UNREADABLE, fields_of, tell_unreadable
from classroom_app.storage.settings import keep
from classroom_app.storage.store import APPLIED, FOLLOWED, KEPT, SUSPECTED, WAITING, Store
from classroom_app.storage.tables import hand_ins, journal, settings

SETTLED: Final = "settled"
AFTER: Final = "origin-after"
KEPT_AT: Final = "work-kept-at"
"""The newest act there was when work was last kept."""
# Literally as the partial index has it, or SQLite would not use it.
REFUSED: Final[ColumnElement[str]] = literal_column("'refused'", Text)
_kept_at: Final = select(cast(settings.c.value, Integer)).where(settings.c.name == KEPT_AT)
_known: Final = select(cast(settings.c.value, Integer)).where(settings.c.name == SETTLED)
NO_BODY: Final = msgspec.Raw(b"null")
"""Stands for a body that cannot be read: the school refuses it, and misses nothing in its place."""
WAITS: Final = (
    journal.c.sequence > func.coalesce(_known.scalar_subquery(), 0),
    journal.c.state == WAITING,
)
"""What is true of the journal's rows that wait."""
WORK_WAITS: Final = hand_ins.c.state.in_((WAITING, SUSPECTED))


def _count(table: Table, *where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(table).where(*where).scalar_subquery()


# Asked twice a second: made once.
_waiting: Final = select(_count(journal, *WAITS) + _count(hand_ins, WORK_WAITS))
# A work whose act and file were both refused is one.
ALL_REFUSED: Final = union(
    select(journal.c.sequence).where(journal.c.state == REFUSED),
    select(hand_ins.c.sequence).where(hand_ins.c.state == REFUSED),
).subquery()
"""The sequences of all that was refused and that nobody has seen."""
_refused: Final = select(func.count()).select_from(ALL_REFUSED)


class KeepsOutbox(Store):
    async def waiting_events(self, limit: int) -> tuple[Event, ...]:
        origin = self.chosen["origin"]

        def work(connection: Connection) -> tuple[Event, ...]:
            oldest = select(journal).where(*WAITS).order_by(journal.c.sequence)
            return tuple(_event(row, origin) for row in connection.execute(oldest.limit(limit)))

        return await self.write(work)

    async def waiting_count(self) -> int:
        return await self.write(partial(_scalar, _waiting))

    async def refused_count(self) -> int:
        return await self.write(partial(_scalar, _refused))

    @property
    def after(self) -> int:
        """How many entries this journal had before it went on under the id that it has."""
        return int(self.chosen.get(AFTER, "0"))

    async def go_on_anew(self, after: int) -> None:
        """Take an id of its own for what waits above `after`, where another event has its place."""
        anew = {"origin": str(uuid4()), AFTER: str(after)}
        await self.write(partial(keep, anew))
        self.chosen |= anew

    async def settled(self, outcomes: tuple[Outcome, ...]) -> None:
        def work(connection: Connection) -> None:
            _settle(connection, {outcome.id: outcome for outcome in outcomes})

        await self.write(work)


def _scalar(query: Select[int], connection: Connection) -> int:
    return int(connection.execute(query).scalar_one())


def _settle(connection: Connection, outcomes: dict[str, Outcome]) -> None:
    done = (
        update(journal)
        .where(journal.c.sequence == bindparam("settled"))
        .values(state=bindparam("as_state"), reason=bindparam("why"))
    )
    each = list(_answered(connection, outcomes))
    if each:
        connection.execute(done, each)
    taken = [row["settled"] for row in each if row["as_state"] == APPLIED]
    if taken and max(taken) > int(connection.execute(_kept_at).scalar() or 0):
        # Who was set back from here on lacks an act as well: one written after they were kept, for
        # another may have been taken before, and its answer been lost.
        followed = update(hand_ins).where(hand_ins.c.state == KEPT).values(state=FOLLOWED)
        connection.execute(followed)
    _move_on(connection)


def _answered(connection: Connection, outcomes: dict[str, Outcome]) -> Iterator[dict[str, Any]]:
    """Find the rows that have an outcome: the oldest that wait, so this soon has them all."""
    left = dict(outcomes)
    named = (journal.c.sequence, journal.c.id, journal.c.reason)
    oldest = select(*named).where(*WAITS).order_by(journal.c.sequence)
    for row in connection.execute(oldest):
        if outcome := left.pop(row.id, None):
            # One that is kept may have been before: the reason is why its file was refused.
            why = outcome.reason or row.reason
            yield {"settled": row.sequence, "as_state": outcome.state, "why": why}
        if not left:
            return


def _move_on(connection: Connection) -> None:
    """Note up to where nothing waits any more."""
    oldest = select(journal.c.sequence).where(*WAITS).order_by(journal.c.sequence).limit(1)
    found = connection.execute(oldest).scalar()
    if found is None:
        found = int(connection.execute(select(func.max(journal.c.sequence))).scalar() or 0) + 1
    keep({SETTLED: str(found - 1)}, connection)


def _event(row: Any, origin: str) -> Event:  # noqa: ANN401 - a result row has no type
    try:
        body = msgspec.Raw(msgspec.json.encode(fields_of(row.body, row.fields)))
    except UNREADABLE as error:
        tell_unreadable(row.sequence, error)
        body = NO_BODY
    named = (row.id, origin, row.sequence, row.lesson, row.kind, row.at)
    return Event(*named, row.hash.hex(), body)
