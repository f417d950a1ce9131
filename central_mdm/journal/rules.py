"""Keeping events exactly once: each id's answer is stored in the transaction of its effect.

A batch is read against what is known in a few queries and written in a few statements, however
many events it has: at 8:00 all of a region's teachers push at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Alarm
from central_mdm.contract.journal import SEQUENCE_TAKEN, Event, Outcome
from central_mdm.identity.rules import lock_teacher
from central_mdm.journal.alarms import raise_alarm
from central_mdm.journal.model import events, lessons, origins, outcomes
from central_mdm.journal.reading import UNREADABLE, Batch, Item, class_of
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.ground import Ground
from central_mdm.roster.reading import classes_of


class Gap(Struct, frozen=True):
    """A journal that lacks `missing` events below its highest sequence, since `since`."""

    origin: str
    missing: int
    since: int


async def take(ground: Ground, caller: Caller, told: Batch) -> tuple[Outcome, ...]:
    """Keep each event or refuse it, in one transaction; answers known already are replayed."""
    async with ground.database.writing(caller.school) as connection:
        # One push of a teacher at a time: a retry waits for what it repeats, then replays it.
        await lock_teacher(connection, caller.school, caller.id)
        batch = _Batch(caller, await _known(connection, caller, told.items), told.after)
        answers = tuple(batch.answer(item) for item in told.items)
        await _write(connection, caller, batch, ground.clock())
    return answers


async def gaps(connection: AsyncConnection, school: str) -> tuple[Gap, ...]:
    """Return the journals in which something is missing yet."""
    missing = origins.c.highest - origins.c.after - origins.c.settled
    wanted = select(origins.c.origin, missing.label("missing"), origins.c.gap_since)
    rows = await connection.execute(wanted.where(origins.c.school == school, missing > 0))
    return tuple(Gap(row.origin, row.missing, row.gap_since) for row in rows)


class _Known(Struct):
    """What the tables say of a batch's ids, origins, sequences, lessons and classes."""

    outcomes: dict[str, Outcome]
    owners: dict[str, str]
    taken: set[tuple[str, int]]
    lessons: dict[str, str]
    classes: frozenset[str]


class _Batch:
    """Decides item by item, each by what is known and by what came before it in the batch."""

    def __init__(self, caller: Caller, known: _Known, after: int) -> None:
        self._caller, self._known, self.after = caller, known, after
        self.fresh: list[Outcome] = []
        self.kept: list[Event] = []
        self.counted: dict[str, list[int]] = {}
        self.forked: dict[str, int] = {}
        """Journals that have another event somewhere, and the first such place."""

    def answer(self, item: Item) -> Outcome:
        known = self._known.outcomes.get(item.id)
        if known is not None:
            return known
        event = item.event
        if event and self._forks(event):
            return Outcome(item.id, "refused", SEQUENCE_TAKEN)
        foreign = self._foreign(event) if event else ""
        why = item.objection or foreign or (self._objection(event) if event else "")
        outcome = Outcome(item.id, "refused" if why else "applied", why)
        # Not stored where the id cannot be read: another bad item would get its answer.
        if item.id != UNREADABLE:
            self._known.outcomes[item.id] = outcome
            self.fresh.append(outcome)
        if event is None:
            return outcome
        if not why:
            self._keep(event)
        if not foreign and event.sequence:
            self._known.owners[event.origin] = self._caller.id
            self.counted.setdefault(event.origin, []).append(event.sequence)
        return outcome

    def _forks(self, event: Event) -> bool:
        """Say whether this is not the event that its journal has at this place.

        Nor is what follows it, even where there is room for it.
        """
        if self._foreign(event):
            return False
        if (event.origin, event.sequence) in self._known.taken:
            self.forked.setdefault(event.origin, event.sequence)
        return event.origin in self.forked

    def _foreign(self, event: Event) -> str:
        anothers = self._known.owners.get(event.origin, self._caller.id) != self._caller.id
        return "foreign-origin" if anothers else ""

    def _objection(self, event: Event) -> str:
        if (class_id := class_of(event)) and class_id not in self._known.classes:
            return "foreign-class"
        if self._known.lessons.get(event.lesson, self._caller.id) != self._caller.id:
            return "foreign-lesson"
        return ""

    def _keep(self, event: Event) -> None:
        self.kept.append(event)
        self._known.taken.add((event.origin, event.sequence))
        if event.lesson:
            self._known.lessons[event.lesson] = self._caller.id


async def _known(connection: AsyncConnection, caller: Caller, items: Iterable[Item]) -> _Known:
    school = caller.school
    ids = {item.id for item in items} - {UNREADABLE}
    found = [item.event for item in items if item.event]
    journals = {event.origin for event in found}
    told = await connection.execute(
        select(outcomes).where(outcomes.c.school == school, outcomes.c.id.in_(ids))
    )
    owners = await connection.execute(
        select(origins.c.origin, origins.c.teacher).where(
            origins.c.school == school, origins.c.origin.in_(journals)
        )
    )
    taken = await connection.execute(
        select(events.c.origin, events.c.sequence).where(
            events.c.school == school,
            events.c.origin.in_(journals),
            events.c.sequence.in_({event.sequence for event in found}),
        )
    )
    taught = await connection.execute(
        select(lessons.c.lesson, lessons.c.teacher).where(
            lessons.c.school == school,
            lessons.c.lesson.in_({event.lesson for event in found} - {""}),
        )
    )
    return _Known(
        {row.id: _replayed(row, caller) for row in told},
        {row.origin: row.teacher for row in owners},
        {(row.origin, row.sequence) for row in taken},
        {row.lesson: row.teacher for row in taught},
        frozenset(await classes_of(connection, school, caller.id)),
    )


def _replayed(row: Any, caller: Caller) -> Outcome:  # noqa: ANN401 - a row of `outcomes`
    if row.teacher != caller.id:
        return Outcome(row.id, "refused", "id-taken")
    return Outcome(row.id, row.state, row.reason)


async def _write(connection: AsyncConnection, caller: Caller, batch: _Batch, now: int) -> None:
    owner = {"school": caller.school, "teacher": caller.id}
    if batch.fresh:
        rows = [
            owner | {"id": one.id, "state": one.state, "reason": one.reason} for one in batch.fresh
        ]
        await connection.execute(insert(outcomes), rows)
    if batch.kept:
        await connection.execute(insert(events), [owner | _row(one, now) for one in batch.kept])
    begun = {event.lesson for event in batch.kept} - {""}
    if begun:
        first = upsert(connection, lessons).on_conflict_do_nothing()
        await connection.execute(first, [owner | {"lesson": lesson} for lesson in sorted(begun)])
    for origin, sequences in sorted(batch.counted.items()):
        mine: dict[str, Any] = {**owner, "origin": origin, "after": batch.after}
        await _count(connection, mine, sequences, now)
    for origin, place in sorted(batch.forked.items()):
        why = f"two entries {place}"
        alarm = Alarm(now, "forked-journal", "teacher", caller.id, origin, detail=why)
        await raise_alarm(connection, caller.school, "", alarm)  # whoever keeps the school asks


def _row(event: Event, now: int) -> dict[str, Any]:
    return {
        "id": event.id,
        "origin": event.origin,
        "sequence": event.sequence,
        "lesson": event.lesson,
        "kind": event.kind,
        "happened_at": event.happened_at,
        "hash": event.hash,
        "body": bytes(event.body),
        "received_at": now,
    }


async def _count(
    connection: AsyncConnection, key: Mapping[str, Any], sequences: Sequence[int], now: int
) -> None:
    """Note how far this origin's journal goes, and since when something of it is missing."""
    mine = (origins.c.school == key["school"], origins.c.origin == key["origin"])
    settled = sum(one > key["after"] for one in sequences)
    row = {**key, "highest": max(sequences), "settled": settled}
    counted = upsert(connection, origins).values(row)
    counted = counted.on_conflict_do_update(
        index_elements=["school", "origin"],
        set_={
            "highest": _larger(connection, origins.c.highest, counted.excluded.highest),
            "settled": origins.c.settled + counted.excluded.settled,
        },
    ).returning(origins.c.highest, origins.c.settled, origins.c.after, origins.c.gap_since)
    found = (await connection.execute(counted)).one()
    gap_since = (found.gap_since or now) if found.highest > found.after + found.settled else 0
    if gap_since != found.gap_since:
        await connection.execute(update(origins).where(*mine).values(gap_since=gap_since))


def _larger(
    connection: AsyncConnection, one: ColumnElement[int], other: ColumnElement[int]
) -> ColumnElement[int]:
    larger = func.greatest if connection.dialect.name == "postgresql" else func.max
    return larger(one, other)
