"""One device that is missing, or is to be erased: told over its own connection and no other way.

Erasing wants an administrator who asks, a second person who confirms, a delay in which either, or
another administrator, may cancel, and has a cap a day that the database counts, whoever asks. So
has what is missing, and a share of a class: what covers a whole screen is no way to stop a lesson.
"""

import logging
from collections.abc import Collection
from math import ceil
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Row, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Alarm
from central_mdm.contract.wanted import Urgent
from central_mdm.fleet.acts import people, waits
from central_mdm.fleet.groups import devices_of, raise_wanted
from central_mdm.fleet.wanted_model import urgent
from central_mdm.identity.model import teachers
from central_mdm.identity.rules import one_by_one
from central_mdm.journal.alarms import raise_alarm
from central_mdm.platform.acting import about
from central_mdm.platform.ahead import lately_of
from central_mdm.platform.errors import Malformed, Missing, NotAllowed, Refused, TryAgain
from central_mdm.platform.ground import Ground
from central_mdm.roster.model import classes, placements

log = logging.getLogger(__name__)
WIPES_A_DAY: Final = 5
LOST_A_DAY: Final = 5
"""Devices of a school; one that is told of again is one."""
LOST_OF_A_CLASS: Final = 8
"""One of so many of a class is missing at once at most, and always one may be."""
DAY_SECONDS: Final = 86_400
DELAY_SECONDS: Final = 3600
DELAY_SECONDS_MAX: Final = 7 * DAY_SECONDS
ON, OVER, ASKED, CONFIRMED, CANCELLED = "on", "over", "asked", "confirmed", "cancelled"
DONE: Final = "done"


class Wipe(Struct, frozen=True):
    """`runs_at`: UTC seconds, from when on the device erases; 0: a second person has to confirm."""

    id: str
    device: str
    state: str
    runs_at: int = 0


async def report_lost(ground: Ground, school: str, who: str, device: str, text: str) -> str:
    """Say that this one device is missing, and what its screen shall say.

    Raises Missing, TryAgain over the day's cap, or Refused over a class's share.
    """
    if not text.strip():
        raise Malformed("no-text", "Say what the screen of the missing device shall show.")
    now, id_ = ground.clock(), ground.new_id()
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        await devices_of(connection, school, "device", device)
        await _want_few_lost(connection, school, device, now)
        await raise_wanted(connection, school, [device], now)
        await _end_lost(connection, school, device)
        row = {"id": id_, "device": device, "kind": "lost", "text": text, "state": ON}
        asked = {"school": school, "asked_by": who, "asked_at": now}
        await connection.execute(insert(urgent).values(row | asked))
        alarm = Alarm(now, "device-lost", "teacher", who, id_, "", device)
        await raise_alarm(connection, school, "", alarm)
    log.info("device lost", extra={"school": school, "device": device, "by": who})
    return id_


async def found(ground: Ground, school: str, who: str, device: str) -> None:
    """End it: the device is there again. Raises Missing where it was not missing."""
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        await raise_wanted(connection, school, [device], ground.clock())
        if not await _end_lost(connection, school, device):
            raise Missing("not-lost", f"The device {device} is not missing.")
    log.info("device found", extra={"school": school, "device": device, "by": who})


async def ask_wipe(
    ground: Ground, school: str, who: str, device: str, delay_seconds: int = DELAY_SECONDS
) -> Wipe:
    """Ask that one device erases itself: not yet.

    Raises Missing, Malformed, NotAllowed or Refused.
    """
    if not DELAY_SECONDS <= delay_seconds <= DELAY_SECONDS_MAX:
        raise Malformed("no-such-delay", "From 60 minutes to 7 days.")
    now, wipe = ground.clock(), Wipe(ground.new_id(), device, ASKED)
    about(device, f"ask {wipe.id} minutes={delay_seconds // 60}", who)
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        await devices_of(connection, school, "device", device)
        may = await people(connection, school)
        if who not in may:
            raise NotAllowed("wrong-role", "Who asks is no more of this school, or may not.")
        if not may - {who}:
            raise Refused("no-second-person", "Nobody else of this school could confirm it.")
        row = {"id": wipe.id, "device": device, "kind": "wipe", "text": "", "state": ASKED}
        asked = {"school": school, "asked_by": who, "asked_at": now}
        delay = {"delay_seconds": delay_seconds}
        await connection.execute(insert(urgent).values(row | asked | delay))
        await _tell(connection, school, Alarm(now, "wipe-asked", "teacher", who, wipe.id))
    log.info("wipe asked", extra={"school": school, "device": device, "by": who})
    return wipe


async def confirm_wipe(ground: Ground, school: str, who: str, id_: str) -> Wipe:
    """Confirm what another person has asked for; from now on its delay runs.

    Raises Missing, NotAllowed for the same person, Refused where it is over, TryAgain over the cap.
    """
    now = ground.clock()
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        row = await _wipe(connection, school, id_)
        about(row.device, f"confirm {id_}", who)
        if row.state != ASKED or not waits(row.asked_at, now):
            raise Refused("act-over", "It is confirmed or cancelled, or waited for over a day.")
        if who == row.asked_by:
            raise NotAllowed("second-person", "Another person has to confirm what you asked for.")
        if not {who, row.asked_by} <= await people(connection, school):
            raise Refused("act-over", "Who asked for it is no more of this school, or may not.")
        await _want_below_cap(connection, school, now)
        runs_at = now + row.delay_seconds
        await raise_wanted(connection, school, [row.device], now)
        await _set(connection, school, id_, state=CONFIRMED, confirmed_by=who, runs_at=runs_at)
        await _tell(connection, school, Alarm(now, "wipe-confirmed", "teacher", who, id_))
    log.info("wipe confirmed", extra={"school": school, "device": row.device, "by": who})
    return Wipe(id_, row.device, CONFIRMED, runs_at)


async def cancel_wipe(ground: Ground, school: str, who: str, id_: str) -> Wipe:
    """Take it back before the device has done it: one of the two may, or any administrator.

    Raises as `confirm_wipe`.
    """
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        row = await _wipe(connection, school, id_)
        about(row.device, f"cancel {id_}", who)
        if row.state not in {ASKED, CONFIRMED}:
            raise Refused("act-over", f"It is {row.state}.")
        two = {row.asked_by, row.confirmed_by}
        if who not in two and not await _administrates(connection, school, who):
            raise NotAllowed("not-yours", "One of the two, or an administrator, takes it back.")
        await raise_wanted(connection, school, [row.device], ground.clock())
        if not await cancel(connection, school, [id_]):
            raise Refused("act-over", "The device has done it meanwhile.")
    log.info("wipe cancelled", extra={"school": school, "device": row.device, "by": who})
    return Wipe(id_, row.device, CANCELLED)


async def cancel(connection: AsyncConnection, school: str, ids: Collection[str]) -> list[str]:
    """Cancel those that no device has ended meanwhile, and return them."""
    open_ = (
        urgent.c.school == school,
        urgent.c.id.in_(ids),
        urgent.c.state.in_([ASKED, CONFIRMED]),
    )
    over = update(urgent).where(*open_).values(state=CANCELLED).returning(urgent.c.id)
    return list((await connection.execute(over)).scalars())


async def urgent_of(
    connection: AsyncConnection, ground: Ground, school: str, device: str, version: int
) -> Urgent:
    """Tell what is urgent for one device now.

    An erasure is told as due only by a clock that has gone on evenly for an hour: one that leapt
    says that the delay is over while either of the two could still cancel.
    """
    mine = (urgent.c.school == school, urgent.c.device == device)
    wanted = select(urgent).where(*mine, urgent.c.state.in_([ON, CONFIRMED]))
    text, wipe, wipe_at = "", "", 0
    for row in (await connection.execute(wanted.order_by(urgent.c.asked_at))).all():
        if row.kind == "lost":
            text = row.text
        elif not wipe and {row.asked_by, row.confirmed_by} <= await people(connection, school):
            # Who ends one of them or makes one a substitute cancels it; a server of before did not.
            wipe, wipe_at = row.id, max(row.runs_at, _sure_at(ground))
    return Urgent(device, school, version, ground.clock(), text, wipe, wipe_at)


def _sure_at(ground: Ground) -> int:
    """Return from when on our clock is believed, UTC seconds by itself; 0: it is now."""
    left = DELAY_SECONDS - ground.steady.seconds()
    return ground.clock() + ceil(left) if left > 0 else 0


async def end_wipe(
    connection: AsyncConnection, school: str, device: str, id_: str, state: str, reason: str
) -> bool:
    """Keep how the device has ended it; False for what was not confirmed for this one."""
    mine = (urgent.c.school == school, urgent.c.id == id_, urgent.c.device == device)
    ended = update(urgent).where(*mine, urgent.c.kind == "wipe", urgent.c.state == CONFIRMED)
    return bool((await connection.execute(ended.values(state=state, reason=reason))).rowcount)


async def end_of_before(connection: AsyncConnection, school: str, device: str) -> None:
    """End the erasure of what a device was: with a new key, by a code for it, it is set up anew.

    It was erased and could not tell; told once more, it would be erased again.
    """
    mine = (urgent.c.school == school, urgent.c.device == device, urgent.c.kind == "wipe")
    over = update(urgent).where(*mine, urgent.c.state == CONFIRMED)
    await connection.execute(over.values(state=DONE, reason="It was enrolled anew."))


async def _want_below_cap(connection: AsyncConnection, school: str, now: int) -> None:
    begun = urgent.c.runs_at - urgent.c.delay_seconds
    lately = select(func.count()).where(
        urgent.c.school == school, urgent.c.confirmed_by != "", lately_of(begun, now, DAY_SECONDS)
    )
    if (await connection.execute(lately)).scalar_one() >= WIPES_A_DAY:
        raise TryAgain("too-many-wipes", DAY_SECONDS)


async def _want_few_lost(connection: AsyncConnection, school: str, device: str, now: int) -> None:
    """Raise TryAgain or Refused where one more lost device would be a way to lock a class."""
    other = (urgent.c.school == school, urgent.c.kind == "lost", urgent.c.device != device)
    lately = select(func.count(urgent.c.device.distinct()), func.min(urgent.c.asked_at))
    lately = lately.where(*other, lately_of(urgent.c.asked_at, now, DAY_SECONDS))
    count, first = (await connection.execute(lately)).one()
    if count >= LOST_A_DAY:
        raise TryAgain("too-many-lost", first + DAY_SECONDS - now)
    here, on = placements.alias(), urgent.alias()
    sits = select(placements.c.class_id).where(
        placements.c.school == school, placements.c.device == device
    )
    missing = and_(on.c.device == here.c.device, on.c.school == school, on.c.kind == "lost")
    missing = and_(missing, on.c.state == ON, on.c.device != device)
    size, lost = func.count(here.c.device.distinct()), func.count(on.c.device.distinct())
    its = (classes.c.school == here.c.school) & (classes.c.id == here.c.class_id)
    shares = select(here.c.class_id, classes.c.name, size.label("size"), lost.label("lost"))
    shares = shares.select_from(here.outerjoin(classes, its).outerjoin(on, missing))
    shares = shares.where(here.c.school == school, here.c.class_id.in_(sits))
    for row in await connection.execute(shares.group_by(here.c.class_id, classes.c.name)):
        if row.lost and row.lost >= row.size // LOST_OF_A_CLASS:
            told = (
                f"{row.lost} of the {row.size} devices of {row.name} ({row.class_id}) are missing"
            )
            raise Refused("lost-of-a-class", f"{told} already. This is not for a class.")


async def _wipe(connection: AsyncConnection, school: str, id_: str) -> Row[Any]:
    wanted = select(urgent).where(
        urgent.c.school == school, urgent.c.id == id_, urgent.c.kind == "wipe"
    )
    row = (await connection.execute(wanted)).first()
    if row is None:
        raise Missing("no-act")
    return row


async def _administrates(connection: AsyncConnection, school: str, person: str) -> bool:
    mine = select(teachers.c.id).where(
        teachers.c.school == school,
        teachers.c.id == person,
        teachers.c.role == "administrator",
        teachers.c.ended.is_(False),
    )
    return (await connection.execute(mine)).first() is not None


async def _set(connection: AsyncConnection, school: str, id_: str, **facts: str | int) -> None:
    mine = (urgent.c.school == school, urgent.c.id == id_)
    await connection.execute(update(urgent).where(*mine).values(facts))


async def _end_lost(connection: AsyncConnection, school: str, device: str) -> bool:
    mine = (urgent.c.school == school, urgent.c.device == device, urgent.c.kind == "lost")
    ended = update(urgent).where(*mine, urgent.c.state == ON).values(state=OVER)
    return bool((await connection.execute(ended)).rowcount)


async def _tell(connection: AsyncConnection, school: str, alarm: Alarm) -> None:
    await raise_alarm(connection, school, "", alarm)
