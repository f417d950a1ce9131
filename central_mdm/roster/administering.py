"""What an administrator does to the roster by hand: each act is one transaction."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.register import (
    Archive,
    ClassPut,
    Move,
    Placing,
    PupilPut,
    SessionRow,
    TaughtHour,
    Teaching,
)
from central_mdm.contract.roster import ClassRow, PupilRow
from central_mdm.fleet.placing import ROOM, own_devices, regroup_all, shift, want_classes, whom
from central_mdm.identity.roles import want_teacher
from central_mdm.platform.acting import about, several
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Malformed, Missing, Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.displays import display_of
from central_mdm.roster.feed import Told, publish
from central_mdm.roster.model import classes, hours, memberships, pupils, sessions, terms
from central_mdm.roster.reading import classes_now, is_pupil_of
from central_mdm.roster.rules import (
    give_class,
    leave_class,
    put_class,
    put_hours,
    put_pupil,
    retire_class,
    take_class,
    want_class,
)

SESSIONS_MAX = 500


async def keep_class(ground: Ground, school: str, asked: ClassPut) -> str:
    """Make or change a class; return its id. Raises Missing."""
    async with ground.database.writing(school) as connection:
        if asked.id:
            await _want_taught(connection, school, asked.id)
        row = ClassRow(asked.id or ground.new_id(), asked.name, asked.subject)
        about(row.id)
        news = await put_class(connection, school, row, ground.clock())
        if asked.hours is not None:
            await put_hours(connection, school, row.id, asked.hours)
        await publish(connection, school, news)
    return row.id


async def keep_pupil(ground: Ground, school: str, asked: PupilPut) -> str:
    """Make a pupil in a class, or change one there; return the id. Raises Missing or Refused.

    The new name is told in all classes of the pupil, who is held: whoever is erased meanwhile
    does not come back by it.
    """
    async with ground.database.writing(school) as connection:
        await _want_taught(connection, school, asked.class_id)
        if asked.id:
            await _hold_pupil(connection, school, asked.id)
            if not await is_pupil_of(connection, school, asked.class_id, asked.id):
                raise Missing("no-pupil")
        row = PupilRow(
            asked.id or ground.new_id(),
            asked.class_id,
            asked.given_name,
            asked.family_name,
            asked.display,
            asked.seat,
        )
        about(f"{row.id} in {row.class_id}")
        news = await _place(connection, school, row)
        mine = (memberships.c.school == school, memberships.c.pupil == row.id)
        others = select(memberships).where(*mine, memberships.c.class_id != row.class_id)
        for other in (await connection.execute(others)).all():
            names = row.given_name, row.family_name
            there = PupilRow(row.id, other.class_id, *names, other.display, other.seat)
            news += await put_pupil(connection, school, there)
        await publish(connection, school, news)
    return row.id


async def move(ground: Ground, school: str, asked: Move) -> None:
    """Let a pupil leave a class, join one, or both: one act, one event a class.

    Who does both takes along the devices that are their own. Held are the classes, their devices,
    then the pupil. Raises Missing, or Malformed where nothing is asked.
    """
    if asked.from_class == asked.to_class:
        raise Malformed("no-move", "Name the class to leave, the class to join, or both.")
    async with ground.database.writing(school) as connection:
        await want_classes(connection, school, asked)
        own = await own_devices(connection, school, asked) if asked.to_class else []
        pupil = await _hold_pupil(connection, school, asked.pupil)
        news, now = list[Told](), ground.clock()
        if asked.from_class:
            if not await is_pupil_of(connection, school, asked.from_class, asked.pupil):
                raise Missing("not-in-class")
            news += await leave_class(connection, school, asked.from_class, asked.pupil, now)
        if asked.to_class:
            if await is_pupil_of(connection, school, asked.to_class, asked.pupil):
                raise Refused("in-class", "The pupil is in that class already.")
            names = pupil.given_name, pupil.family_name
            row = PupilRow(pupil.id, asked.to_class, *names, "")
            news += await _place(connection, school, row)
        along = Placing((), asked.from_class, asked.to_class, asked.pupil)
        news += await shift(connection, school, own, along, now)
        await publish(connection, school, news)
        devices = [device.id for device in own]
        about(whom(along), several(devices, ROOM))
        await regroup_all(connection, school, devices, now)


async def teach(ground: Ground, school: str, asked: Teaching) -> None:
    """Give a class to a teacher, or take it. Raises Missing."""
    async with ground.database.writing(school) as connection:
        await _want_taught(connection, school, asked.class_id)
        if asked.teaches:
            await want_teacher(connection, school, asked.teacher)
            given = asked.teacher, asked.class_id, asked.ends_at
            news = await give_class(connection, school, *given)
        else:
            news = await take_class(connection, school, asked.teacher, asked.class_id)
        await publish(connection, school, news)


async def archive(ground: Ground, school: str, asked: Archive) -> int:
    """Archive classes, those of a session that is over or some by name; return how many.

    A class that has another session still to come stays. Raises Missing, or Refused: not over.
    """
    now = ground.clock()
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    async with ground.database.writing(school) as connection:
        wanted = dict.fromkeys(asked.classes)
        if asked.session:
            wanted |= dict.fromkeys(await _over(connection, school, asked.session, today))
        for class_id in asked.classes:
            await _want_taught(connection, school, class_id)
        news: list[Told] = []
        for class_id in sorted(wanted):  # held in one order by all who hold several
            news += await retire_class(connection, school, class_id, now)
        await publish(connection, school, news)
    return len(wanted)


async def sessions_of(connection: AsyncConnection, school: str) -> tuple[SessionRow, ...]:
    wanted = select(
        sessions.c.id, sessions.c.title, sessions.c.kind, sessions.c.begins_on, sessions.c.ends_on
    ).where(sessions.c.school == school)
    newest = wanted.order_by(sessions.c.ends_on.desc(), sessions.c.id).limit(SESSIONS_MAX)
    return tuple(SessionRow(*row) for row in await connection.execute(newest))


async def timetable_of(
    connection: AsyncConnection, caller: Caller, now: int
) -> tuple[TaughtHour, ...]:
    """Return when and where a teacher teaches the classes of now, by class and period."""
    mine, _ = await classes_now(connection, caller.school, caller.id, now)
    named = (classes.c.school == hours.c.school) & (classes.c.id == hours.c.class_id)
    wanted = (
        select(hours.c.class_id, classes.c.name, hours.c.period, hours.c.location)
        .join(classes, named)
        .where(hours.c.school == caller.school, hours.c.class_id.in_(mine))
        .order_by(hours.c.class_id, hours.c.period)
    )
    return tuple(TaughtHour(*row) for row in await connection.execute(wanted))


async def _want_taught(connection: AsyncConnection, school: str, class_id: str) -> None:
    """Raise Missing for a class that is not here, Refused for one that is over."""
    if (await want_class(connection, school, class_id)).archived_at:
        raise Refused("archived", "This class is over.")


async def _hold_pupil(connection: AsyncConnection, school: str, pupil: str) -> Row[Any]:
    """Return a pupil, held to the end of the transaction. Raises Missing."""
    named = select(pupils).where(pupils.c.school == school, pupils.c.id == pupil)
    row = (await connection.execute(named.with_for_update())).first()
    if row is None:
        raise Missing("no-pupil")
    return row


async def _over(
    connection: AsyncConnection, school: str, session: str, today: str
) -> tuple[str, ...]:
    wanted = select(sessions.c.ends_on).where(sessions.c.school == school, sessions.c.id == session)
    ends_on = (await connection.execute(wanted)).scalar()
    if ends_on is None:
        raise Missing("no-session")
    if ends_on > today:
        raise Refused("not-over", f"This session ends on {ends_on}.")
    goes_on = (
        select(terms.c.class_id)
        .join(sessions, (sessions.c.school == terms.c.school) & (sessions.c.id == terms.c.session))
        .where(terms.c.school == school, sessions.c.ends_on > today)
    )
    found = (
        select(terms.c.class_id)
        .join(classes, (classes.c.school == terms.c.school) & (classes.c.id == terms.c.class_id))
        .where(
            terms.c.school == school,
            terms.c.session == session,
            classes.c.archived_at == 0,
            terms.c.class_id.not_in(goes_on),
        )
    )
    return tuple((await connection.execute(found)).scalars())


async def _place(connection: AsyncConnection, school: str, row: PupilRow) -> list[Told]:
    """Put a pupil into a class under a name that no other bears there. Raises Refused."""
    here = select(memberships.c.display).where(
        memberships.c.school == school,
        memberships.c.class_id == row.class_id,
        memberships.c.pupil != row.id,
    )
    taken = set((await connection.execute(here)).scalars())
    display = row.display or display_of(row.given_name, row.family_name, taken)
    if display in taken:
        raise Refused("display-taken", "Another pupil of the class is shown by this name.")
    names = row.given_name, row.family_name
    placed = PupilRow(row.id, row.class_id, *names, display, row.seat)
    return await put_pupil(connection, school, placed)
