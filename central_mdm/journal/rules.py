"""Keeping events exactly once: each id's answer is stored in the transaction of its effect."""

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.journal import Event, Outcome
from central_mdm.identity.rules import lock_teacher
from central_mdm.journal.model import events, lessons, origins, outcomes
from central_mdm.journal.reading import UNREADABLE, Item, class_of
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.ground import Ground
from central_mdm.roster.reading import classes_of


class Gap(Struct, frozen=True):
    """A journal that lacks `missing` events below its highest sequence, since `since`."""

    origin: str
    missing: int
    since: int


async def take(ground: Ground, caller: Caller, items: Iterable[Item]) -> tuple[Outcome, ...]:
    """Keep each event or refuse it, in one transaction; answers known already are replayed."""
    answers: list[Outcome] = []
    async with ground.database.writing(caller.school) as connection:
        # One push of a teacher at a time: a retry waits for what it repeats, then replays it.
        await lock_teacher(connection, caller.school, caller.id)
        classes = frozenset(await classes_of(connection, caller.school, caller.id))
        for item in items:
            known = await _answered(connection, caller, item.id)
            if known is None:
                known = await _decide(connection, ground, caller, classes, item)
            answers.append(known)
    return tuple(answers)


async def gaps(connection: AsyncConnection, school: str) -> tuple[Gap, ...]:
    """Return the journals in which something is missing yet."""
    wanted = select(origins).where(
        origins.c.school == school, origins.c.highest > origins.c.settled
    )
    rows = (await connection.execute(wanted)).all()
    return tuple(Gap(row.origin, row.highest - row.settled, row.gap_since) for row in rows)


async def _answered(connection: AsyncConnection, caller: Caller, event: str) -> Outcome | None:
    wanted = select(outcomes).where(outcomes.c.school == caller.school, outcomes.c.id == event)
    row = (await connection.execute(wanted)).first()
    if row is None:
        return None
    if row.teacher != caller.id:
        return Outcome(event, "refused", "id-taken")
    return Outcome(event, row.state, row.reason)


async def _decide(
    connection: AsyncConnection,
    ground: Ground,
    caller: Caller,
    classes: frozenset[str],
    item: Item,
) -> Outcome:
    if item.event is None:
        outcome = Outcome(item.id, "refused", item.objection)
        # Not stored where the id cannot be read: another bad item would get its answer.
        if item.id != UNREADABLE:
            await _answer(connection, caller, outcome)
        return outcome
    foreign = await _foreign(connection, caller, item.event)
    why = item.objection or foreign or await _objection(connection, caller, classes, item.event)
    outcome = Outcome(item.id, "refused" if why else "applied", why)
    await _answer(connection, caller, outcome)
    if not why:
        await _keep(connection, caller, item.event, ground.clock())
    if not foreign and item.event.sequence:
        await _count(connection, caller, item.event, ground.clock())
    return outcome


async def _foreign(connection: AsyncConnection, caller: Caller, event: Event) -> str:
    """Say why this event is not the one that its journal has at this place, or ""."""
    school = caller.school
    owner = select(origins.c.teacher).where(
        origins.c.school == school, origins.c.origin == event.origin
    )
    if (await connection.execute(owner)).scalar() not in (None, caller.id):
        return "foreign-origin"
    taken = select(events.c.id).where(
        events.c.school == school,
        events.c.origin == event.origin,
        events.c.sequence == event.sequence,
    )
    return "sequence-taken" if (await connection.execute(taken)).first() else ""


async def _objection(
    connection: AsyncConnection, caller: Caller, classes: frozenset[str], event: Event
) -> str:
    if (class_id := class_of(event)) and class_id not in classes:
        return "foreign-class"
    if event.lesson:
        teaches = select(lessons.c.teacher).where(
            lessons.c.school == caller.school, lessons.c.lesson == event.lesson
        )
        if (await connection.execute(teaches)).scalar() not in (None, caller.id):
            return "foreign-lesson"
    return ""


async def _answer(connection: AsyncConnection, caller: Caller, outcome: Outcome) -> None:
    row = {"id": outcome.id, "state": outcome.state, "reason": outcome.reason}
    owner = {"school": caller.school, "teacher": caller.id}
    await connection.execute(insert(outcomes).values(owner | row))


async def _keep(connection: AsyncConnection, caller: Caller, event: Event, now: int) -> None:
    owner = {"school": caller.school, "teacher": caller.id}
    row = {
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
    await connection.execute(insert(events).values(owner | row))
    if event.lesson:
        first = upsert(connection, lessons).values(owner | {"lesson": event.lesson})
        await connection.execute(first.on_conflict_do_nothing())


async def _count(connection: AsyncConnection, caller: Caller, event: Event, now: int) -> None:
    """Note how far this origin's journal goes, and since when something of it is missing."""
    mine = (origins.c.school == caller.school, origins.c.origin == event.origin)
    row = {"school": caller.school, "origin": event.origin, "teacher": caller.id}
    counted = upsert(connection, origins).values(row | {"highest": event.sequence, "settled": 1})
    higher = counted.excluded.highest
    counted = counted.on_conflict_do_update(
        index_elements=["school", "origin"],
        set_={
            "highest": func.greatest(origins.c.highest, higher)
            if connection.dialect.name == "postgresql"
            else func.max(origins.c.highest, higher),
            "settled": origins.c.settled + 1,
        },
    ).returning(origins.c.highest, origins.c.settled, origins.c.gap_since)
    found = (await connection.execute(counted)).one()
    gap_since = (found.gap_since or now) if found.highest > found.settled else 0
    if gap_since != found.gap_since:
        await connection.execute(update(origins).where(*mine).values(gap_since=gap_since))
