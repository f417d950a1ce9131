"""Who lets devices go: one device by one person, more by two, and few times an hour (decision 19).

What waits, was confirmed, or was refused for being too much is an alarm for all to see.
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from msgspec import Struct, json
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Alarm
from central_mdm.fleet.leaving import keys_of, release
from central_mdm.fleet.model import acts
from central_mdm.identity import audit
from central_mdm.identity.model import teachers
from central_mdm.identity.rules import Proven, one_by_one, prove
from central_mdm.journal.alarms import raise_alarm, settle
from central_mdm.platform.acting import no_act
from central_mdm.platform.ahead import AHEAD_SECONDS, lately_of
from central_mdm.platform.errors import Malformed, Missing, NotAllowed, Refused, TryAgain
from central_mdm.platform.ground import Ground

log = logging.getLogger(__name__)
ACTS_AN_HOUR: Final = 5
"""Of a school, whoever asks: a second login does not double them."""
HOUR_SECONDS: Final = 3600
WAITS_SECONDS: Final = 24 * HOUR_SECONDS
DEVICES_MAX: Final = 2000
WITHOUT_RIGHT: Final = "substitute"
ASKED, CONFIRMED, TOO_MANY = "release-asked", "release-confirmed", "releases-too-many"
NOBODY_ELSE: Final = (
    "Nobody else of this school could confirm it. Let one device go at a time, five an hour, or "
    "add a second person, the head of the school say: pupitre-mdm teacher."
)


class Act(Struct, frozen=True):
    """`asked_by`: a person's id. No `statements`: a second person has yet to confirm `id`."""

    id: str
    devices: tuple[str, ...]
    asked_by: str
    asked_at: int
    statements: dict[str, str] = {}


async def person(ground: Ground, school: str, login: str, password: str) -> Proven:
    """Say who this is that may let devices go. Raises NotSignedIn, TryAgain or NotAllowed."""
    with no_act():
        who = await prove(ground, school, login, password, at="console")
    if who.role == WITHOUT_RIGHT:
        raise NotAllowed("wrong-role", "A substitute lets no device go.")
    return who


async def ask(ground: Ground, school: str, who: str, devices: Sequence[str]) -> Act:
    """Let one device go at once, or ask that several may, which then waits for a day.

    Raises Missing, Malformed, Refused where nobody could confirm, or TryAgain: the sixth an hour.
    """
    wanted, now = tuple(dict.fromkeys(devices)), ground.clock()
    if not 0 < len(wanted) <= DEVICES_MAX:
        raise Malformed("too-many-devices", f"From 1 to {DEVICES_MAX} devices at once.")
    act = Act(ground.new_id(), wanted, who, now)
    by = audit.By(f"person:{who}", "console")
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        seconds = await _wait(connection, school, now)
        if seconds:
            which = who, str(now // HOUR_SECONDS)
            await _alarm(connection, school, Alarm(now, TOO_MANY, "teacher", who, *which))
        else:
            act = await _take(connection, ground, school, act)
            what = "device-released" if act.statements else "release-asked"
            about = (act.id, " ".join(wanted))
            await audit.record(connection, now, school, by, what, *about)
    if seconds:  # only now, so that the alarm stays
        log.warning("too many releases", extra={"school": school, "by": who})
        raise TryAgain("too-many-releases", seconds)
    told = "release asked" if len(wanted) > 1 else "device released"
    log.info(told, extra={"school": school, "act": act.id, "devices": len(wanted), "by": who})
    return act


async def waiting(ground: Ground, school: str, act: str) -> Act:
    """Return what is asked. Raises Missing, or Refused where it waits no more."""
    async with ground.database.reading(school) as connection:
        return await _waiting(connection, school, act, ground.clock())


async def confirm(ground: Ground, school: str, who: str, act: str) -> Act:
    """Let go what another person has asked for. Raises Missing, Refused or NotAllowed."""
    now = ground.clock()
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        asked = await _waiting(connection, school, act, now)
        if who == asked.asked_by:
            raise NotAllowed("second-person", "Another person has to confirm what you asked for.")
        if asked.asked_by not in await people(connection, school):
            raise Refused("act-over", "Who asked for it is no more of this school, or may not.")
        done = await _released(connection, ground, school, asked)
        mine = (acts.c.school == school, acts.c.id == act)
        await connection.execute(update(acts).where(*mine).values(confirmed_by=who, done=True))
        by, detail = audit.By(f"person:{who}", "console"), " ".join(done.devices)
        await audit.record(connection, now, school, by, "release-confirmed", act, detail)
        await settle(connection, school, act, ASKED)
        told = f"{len(done.devices)} devices, asked by {asked.asked_by}, confirmed by {who}"
        alarm = Alarm(now, CONFIRMED, "teacher", who, act, "", told)
        await _alarm(connection, school, alarm)
    extra = {"school": school, "act": act, "devices": len(done.devices), "by": who}
    log.info("devices released", extra=extra)
    return done


async def withdraw(connection: AsyncConnection, school: str, people: Collection[str]) -> None:
    """Take back what these have asked for and nobody has confirmed. Call it one by one."""
    open_ = (acts.c.school == school, acts.c.done.is_(False))
    for row in (await connection.execute(select(acts.c.id, acts.c.asked_by).where(*open_))).all():
        if row.asked_by in people:
            mine = (acts.c.school == school, acts.c.id == row.id)
            await connection.execute(update(acts).where(*mine).values(done=True))
            await settle(connection, school, row.id, ASKED)


async def _wait(connection: AsyncConnection, school: str, now: int) -> int:
    """Return the seconds until one more act may be; 0: it may now."""
    lately = select(acts.c.asked_at).where(
        acts.c.school == school, lately_of(acts.c.asked_at, now, HOUR_SECONDS)
    )
    newest = lately.order_by(acts.c.asked_at.desc()).limit(ACTS_AN_HOUR)
    times = (await connection.execute(newest)).scalars().all()
    return times[-1] + HOUR_SECONDS - now if len(times) == ACTS_AN_HOUR else 0


async def _take(connection: AsyncConnection, ground: Ground, school: str, act: Act) -> Act:
    alone = len(act.devices) == 1
    row: dict[str, Any] = {"school": school, "id": act.id, "devices": json.encode(act.devices)}
    row |= {"asked_by": act.asked_by, "asked_at": act.asked_at, "done": alone}
    await connection.execute(insert(acts).values(row))
    if alone:
        return await _released(connection, ground, school, act)
    await keys_of(connection, school, act.devices)
    if not await people(connection, school) - {act.asked_by}:
        raise Refused("no-second-person", NOBODY_ELSE)
    detail = f"{len(act.devices)} devices: {' '.join(act.devices)}"
    alarm = Alarm(act.asked_at, ASKED, "teacher", act.asked_by, act.id, "", detail)
    await _alarm(connection, school, alarm)
    return act


async def _released(connection: AsyncConnection, ground: Ground, school: str, act: Act) -> Act:
    signed = await release(connection, ground, school, act.devices)
    return Act(act.id, act.devices, act.asked_by, act.asked_at, signed)


async def _waiting(connection: AsyncConnection, school: str, act: str, now: int) -> Act:
    wanted = select(acts).where(acts.c.school == school, acts.c.id == act)
    row = (await connection.execute(wanted)).first()
    if row is None:
        raise Missing("no-act")
    if row.done or not waits(row.asked_at, now):
        told = "It is confirmed already, taken back, or waited for more than a day."
        raise Refused("act-over", told)
    return Act(row.id, json.decode(row.devices, type=tuple[str, ...]), row.asked_by, row.asked_at)


def waits(asked_at: int, now: int) -> bool:
    """Return whether what was asked then still waits for a second person, as it does for a day."""
    return asked_at - AHEAD_SECONDS <= now < asked_at + WAITS_SECONDS


async def people(connection: AsyncConnection, school: str) -> set[str]:
    """Name who may ask and confirm."""
    wanted = select(teachers.c.id).where(
        teachers.c.school == school,
        teachers.c.ended.is_(False),
        teachers.c.role != WITHOUT_RIGHT,
    )
    found: Iterable[str] = (await connection.execute(wanted)).scalars()
    return set(found)


async def _alarm(connection: AsyncConnection, school: str, alarm: Alarm) -> None:
    await raise_alarm(connection, school, "", alarm)
