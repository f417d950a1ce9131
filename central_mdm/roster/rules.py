"""Writing the roster; each function returns what is to be told, `publish` tells it at the end."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.register import Hour
from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Missing
from central_mdm.platform.numbers import number_after, numbers_after
from central_mdm.roster.feed import Told, check, told
from central_mdm.roster.model import (
    OVER,
    classes,
    devices,
    hours,
    is_taught,
    memberships,
    past,
    placements,
    pupils,
    sources,
    teaching,
)


async def put_class(
    connection: AsyncConnection, school: str, row: ClassRow, now: int
) -> list[Told]:
    """Add a class or change its name; all its teachers at `now` are told. Raises Malformed."""
    check(row)
    facts = {"name": row.name, "subject": row.subject}
    added = upsert(connection, classes).values({"school": school, "id": row.id, **facts})
    await connection.execute(
        added.on_conflict_do_update(index_elements=["school", "id"], set_=facts)
    )
    mine = (teaching.c.school == school, teaching.c.class_id == row.id, is_taught(now))
    found = (await connection.execute(select(teaching.c.teacher).where(*mine))).scalars()
    return [told(f"class:{row.id}", row), *(told(f"teacher:{each}", row) for each in found)]


async def want_class(
    connection: AsyncConnection, school: str, class_id: str, *, held: bool = False
) -> Row[Any]:
    """Return a class of this school, `held` to the end of the transaction. Raises Missing.

    Who changes who teaches it holds it, as who names it does: else one of the two is told of a
    class that the other has taken away.
    """
    wanted = select(classes).where(classes.c.school == school, classes.c.id == class_id)
    row = (await connection.execute(wanted.with_for_update() if held else wanted)).first()
    if row is None:
        raise Missing("no-class")
    return row


async def give_class(
    connection: AsyncConnection, school: str, teacher: str, class_id: str, ends_at: int = 0
) -> list[Told]:
    """Let a teacher teach a class, a substitute until `ends_at` (UTC seconds; 0: for good).

    Raises Missing where there is no such class.
    """
    row = await want_class(connection, school, class_id, held=True)
    row_ = {"school": school, "teacher": teacher, "class_id": class_id, "ends_at": ends_at}
    added = upsert(connection, teaching).values(row_)
    # Who has a class for good does not lose it by standing in.
    later = {"ends_at": case((teaching.c.ends_at == 0, 0), else_=ends_at)}
    key = ["school", "teacher", "class_id"]
    await connection.execute(added.on_conflict_do_update(index_elements=key, set_=later))
    return [told(f"teacher:{teacher}", ClassRow(row.id, row.name, row.subject))]


async def take_class(
    connection: AsyncConnection, school: str, teacher: str, class_id: str
) -> list[Told]:
    """Let a teacher teach a class no more; what was held of it before is still taken.

    Raises Missing where there is no such class.
    """
    await want_class(connection, school, class_id, held=True)
    mine = (
        teaching.c.school == school,
        teaching.c.teacher == teacher,
        teaching.c.class_id == class_id,
    )
    await connection.execute(update(teaching).where(*mine).values(ends_at=OVER))
    return [Told(f"teacher:{teacher}", "class", class_id, None)]


async def put_pupil(connection: AsyncConnection, school: str, row: PupilRow) -> list[Told]:
    """Add a pupil to a class or change how the pupil stands in it.

    A display name that another pupil of the class bears already breaks the transaction.
    Raises Malformed.
    """
    check(row)
    names = {"given_name": row.given_name, "family_name": row.family_name}
    added = upsert(connection, pupils).values({"school": school, "id": row.id, **names})
    await connection.execute(
        added.on_conflict_do_update(index_elements=["school", "id"], set_=names)
    )
    place = {"display": row.display, "seat": row.seat}
    member = {"school": school, "class_id": row.class_id, "pupil": row.id}
    joined = upsert(connection, memberships).values(member | place)
    keys = ["school", "class_id", "pupil"]
    await connection.execute(joined.on_conflict_do_update(index_elements=keys, set_=place))
    return [told(f"class:{row.class_id}", row)]


async def remove_pupil(
    connection: AsyncConnection, school: str, class_id: str, pupil: str
) -> list[Told]:
    """Take a pupil out of a class; the pupil's device there is nobody's own any more."""
    mine = (placements.c.school == school, placements.c.class_id == class_id)
    await connection.execute(
        delete(memberships).where(
            memberships.c.school == school,
            memberships.c.class_id == class_id,
            memberships.c.pupil == pupil,
        )
    )
    owned = await connection.execute(
        update(placements)
        .where(*mine, placements.c.pupil == pupil)
        .values(pupil="")
        .returning(placements.c.device)
    )
    orphans = owned.scalars().all()
    scope = f"class:{class_id}"
    wanted = select(devices).where(devices.c.school == school, devices.c.id.in_(orphans))
    rows = (await connection.execute(wanted)).all()
    shared = [told(scope, DeviceRow(row.id, class_id, row.name, row.kind)) for row in rows]
    return [Told(scope, "pupil", pupil, None), *shared]


async def retire_class(
    connection: AsyncConnection, school: str, class_id: str, now: int
) -> list[Told]:
    """Archive a class: pupils and teachers leave it, its devices are nobody's own; all is kept.

    Raises Missing where there is no such class.
    """
    await want_class(connection, school, class_id, held=True)
    mine = (memberships.c.school == school, memberships.c.class_id == class_id)
    found = (await connection.execute(select(memberships.c.pupil).where(*mine))).scalars()
    news = [Told(f"class:{class_id}", "class", class_id, None)]
    for pupil in found.all():
        news += await leave_class(connection, school, class_id, pupil, now)
    ended = await connection.execute(
        update(teaching)
        .where(
            teaching.c.school == school,
            teaching.c.class_id == class_id,
            is_taught(now),
        )
        .values(ends_at=OVER)
        .returning(teaching.c.teacher)
    )
    news += [Told(f"teacher:{each}", "class", class_id, None) for each in ended.scalars()]
    whole = (classes.c.school == school, classes.c.id == class_id)
    await connection.execute(update(classes).where(*whole).values(archived_at=now))
    return news


async def leave_class(
    connection: AsyncConnection, school: str, class_id: str, pupil: str, now: int
) -> list[Told]:
    """Take a pupil out of a class, and keep that the pupil was in it."""
    was = {"school": school, "class_id": class_id, "pupil": pupil}
    kept = upsert(connection, past).values(was | {"left_at": now})
    keys = ["school", "class_id", "pupil"]
    await connection.execute(kept.on_conflict_do_update(index_elements=keys, set_={"left_at": now}))
    return await remove_pupil(connection, school, class_id, pupil)


async def put_hours(
    connection: AsyncConnection, school: str, class_id: str, told: Iterable[Hour]
) -> None:
    """Say when and where a class is taught. The last word of a period stands."""
    mine = (hours.c.school == school, hours.c.class_id == class_id)
    await connection.execute(delete(hours).where(*mine))
    places = {hour.period: hour.location for hour in told}
    rows = [
        {"school": school, "class_id": class_id, "period": period, "location": location}
        for period, location in places.items()
    ]
    if rows:
        await connection.execute(insert(hours), rows)


async def hold_rows(connection: AsyncConnection, school: str, *which: ColumnElement[bool]) -> None:
    """Hold the roster's rows of devices to the end of the transaction: all, or `which`.

    By all who change where devices are: after the classes, and in one order.
    """
    held = select(devices.c.id).where(devices.c.school == school, *which)
    await connection.execute(held.order_by(devices.c.id).with_for_update())


def next_assignment(now: int) -> ColumnElement[int]:
    """Return the number of a device's next signed assignment at `now`, UTC seconds.

    Never one below those of the app that had the school before.
    """
    return numbers_after(devices.c.assignment_version, now)


async def go_above(
    connection: AsyncConnection, school: str, device: str, held: int, now: int
) -> None:
    """Give a device's assignment a number above the one it holds: we were restored from a copy."""
    mine = (devices.c.school == school, devices.c.id == device)
    older = devices.c.assignment_version <= held
    higher = number_after(held, now)
    await connection.execute(update(devices).where(*mine, older).values(assignment_version=higher))


async def put_device(
    connection: AsyncConnection, school: str, row: DeviceRow, now: int
) -> list[Told]:
    """Assign a device to a class (and to a pupil); its signed assignment gets a new version.

    Raises Malformed.
    """
    check(row)
    facts = {"name": row.name, "kind": row.kind}
    added = upsert(connection, devices).values(
        {"school": school, "id": row.id, **facts, "assignment_version": now}
    )
    raised = {**facts, "assignment_version": next_assignment(now)}
    await connection.execute(
        added.on_conflict_do_update(index_elements=["school", "id"], set_=raised)
    )
    place = {"school": school, "class_id": row.class_id, "device": row.id}
    placed = upsert(connection, placements).values(place | {"pupil": row.pupil})
    keys = ["school", "class_id", "device"]
    await connection.execute(
        placed.on_conflict_do_update(index_elements=keys, set_={"pupil": row.pupil})
    )
    return [told(f"class:{row.class_id}", row)]


async def remove_device(
    connection: AsyncConnection, school: str, class_id: str, device: str, now: int
) -> list[Told]:
    """Take a device out of a class; its signed assignment gets a new version."""
    await connection.execute(
        delete(placements).where(
            placements.c.school == school,
            placements.c.class_id == class_id,
            placements.c.device == device,
        )
    )
    await connection.execute(
        update(devices)
        .where(devices.c.school == school, devices.c.id == device)
        .values(assignment_version=next_assignment(now))
    )
    return [Told(f"class:{class_id}", "device", device, None)]


async def declare_device(connection: AsyncConnection, school: str, row: DeviceRow) -> None:
    """Know a device before it enrols, in no class yet."""
    known = {"school": school, "id": row.id, "name": row.name, "kind": row.kind}
    await connection.execute(insert(devices).values(known))


async def end_by_hand(connection: AsyncConnection, school: str, person: str) -> None:
    """Forget that a register once left this person out: none brings back who is ended by hand."""
    left = (sources.c.school == school, sources.c.what == "left", sources.c.id == person)
    found = (await connection.execute(select(sources.c.source).where(*left))).scalars().all()
    for source in found:
        row = {"school": school, "what": "teacher", "source": source, "id": person}
        added = upsert(connection, sources).values(row)
        await connection.execute(added.on_conflict_do_nothing())
    await connection.execute(delete(sources).where(*left))
