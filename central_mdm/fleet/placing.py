"""Which classes a device serves, and whose own it is there, as an administrator says it."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.register import Move, Placing
from central_mdm.contract.roster import DeviceRow
from central_mdm.fleet.groups import raise_wanted, regroup_by, rules_of
from central_mdm.fleet.model import devices as enrolled
from central_mdm.fleet.model import releases
from central_mdm.identity.rules import one_by_one
from central_mdm.platform.acting import about, several
from central_mdm.platform.errors import Malformed, Missing, Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import Told, publish
from central_mdm.roster.model import devices, memberships, placements
from central_mdm.roster.rules import hold_rows, put_device, remove_device, want_class

_NAMED: Final = select(devices.c.id, devices.c.name, devices.c.kind)
ROOM: Final = 400
"""Characters of an act for the devices that it places."""


async def place(ground: Ground, school: str, asked: Placing) -> int:
    """Let devices leave a class, join one, or both; return how many.

    None is named: all of the class that is left. One act: each device has a new signed assignment
    by its next check-in, or by a teacher's app, and rules of groups are looked at anew. Raises
    Missing, Malformed where nothing is asked, or Refused for a class that is over.
    """
    if asked.from_class == asked.to_class:
        raise Malformed("no-move", "Name the class to leave, the class to join, or both.")
    if asked.pupil and (len(asked.devices) != 1 or not asked.to_class):
        raise Malformed("one-device", "A pupil's own is one device, in the class that it joins.")
    if not asked.devices and not asked.from_class:
        raise Malformed("no-device", "Name devices, or the class whose devices are meant.")
    async with ground.database.writing(school) as connection:
        await want_classes(connection, school, asked)
        rows = await _devices(connection, school, asked)
        await _want_pupil(connection, school, asked)
        about(whom(asked), several([row.id for row in rows], ROOM))
        now = ground.clock()
        news = await shift(connection, school, rows, asked, now)
        await publish(connection, school, news)
        await regroup_all(connection, school, [row.id for row in rows], now)
    return len(rows)


async def shift(
    connection: AsyncConnection, school: str, rows: Sequence[DeviceRow], asked: Placing, now: int
) -> list[Told]:
    """Let these devices leave and join as is asked; their assignments get new versions.

    Where no device is named, one that is somebody's own in the class that it joins stays theirs.
    """
    news: list[Told] = []
    owners = {} if asked.devices else await _owners(connection, school, asked)
    for row in rows:
        if asked.from_class:
            news += await remove_device(connection, school, asked.from_class, row.id, now)
        if asked.to_class:
            own = owners.get(row.id) or asked.pupil
            placed = replace(row, class_id=asked.to_class, pupil=own)
            news += await put_device(connection, school, placed, now)
    return news


async def _owners(connection: AsyncConnection, school: str, asked: Placing) -> dict[str, str]:
    here = select(placements.c.device, placements.c.pupil).where(
        placements.c.school == school, placements.c.class_id == asked.to_class
    )
    return {row.device: row.pupil for row in await connection.execute(here)}


async def regroup_all(
    connection: AsyncConnection, school: str, ids: Sequence[str], now: int
) -> None:
    """Look at the rules anew for devices whose classes have changed. After all has been told.

    Something is wanted of each: their assignments come with that where teachers' apps carry it.
    """
    if not ids:
        return
    await one_by_one(connection, school)
    await raise_wanted(connection, school, ids, now)
    if ruled := await rules_of(connection, school):
        await regroup_by(connection, school, ruled, sorted(ids), now)


async def own_devices(connection: AsyncConnection, school: str, asked: Move) -> list[DeviceRow]:
    """Return the devices that are a pupil's own in the class that they leave, and hold them."""
    mine = (placements.c.school == school, placements.c.class_id == asked.from_class)
    await hold_rows(connection, school, devices.c.id.in_(_of_class(school, asked.from_class)))
    its = (placements.c.school == devices.c.school) & (placements.c.device == devices.c.id)
    wanted = _NAMED.join(placements, its).where(*mine, placements.c.pupil == asked.pupil)
    rows = await connection.execute(wanted.order_by(devices.c.id))
    return [DeviceRow(row.id, asked.from_class, row.name, row.kind, asked.pupil) for row in rows]


def whom(asked: Placing) -> str:
    """Name what an act is on, as what is told of a pupil looks for it."""
    classes = f"{asked.from_class} > {asked.to_class}".strip()
    return f"{asked.pupil}: {classes}" if asked.pupil else classes


async def want_classes(connection: AsyncConnection, school: str, asked: Move | Placing) -> None:
    """Hold the class to leave and the one to join. Raises Missing, or Refused: it is over."""
    for class_id in sorted(filter(None, (asked.from_class, asked.to_class))):
        row = await want_class(connection, school, class_id, held=True)
        if row.archived_at and class_id == asked.to_class:
            raise Refused("archived", "This class is over.")


async def _want_pupil(connection: AsyncConnection, school: str, asked: Placing) -> None:
    """Hold whose own the device is to be, after the devices. Raises Missing."""
    member = select(memberships.c.pupil).where(
        memberships.c.school == school,
        memberships.c.class_id == asked.to_class,
        memberships.c.pupil == asked.pupil,
    )
    if asked.pupil and (await connection.execute(member.with_for_update())).first() is None:
        raise Missing("no-pupil", f"Class {asked.to_class} has no pupil {asked.pupil}.")


async def _devices(connection: AsyncConnection, school: str, asked: Placing) -> list[DeviceRow]:
    """Return those that are meant, in the one order, and hold them. Raises Missing.

    For one that is not there, or has left the school.
    """
    meant = [devices.c.id.in_(asked.devices)] if asked.devices else []
    if asked.from_class:
        meant.append(devices.c.id.in_(_of_class(school, asked.from_class)))
    await hold_rows(connection, school, *meant)
    named = _NAMED.where(devices.c.school == school, *meant)
    gone = await _left(connection, school, asked.devices)
    rows = [
        DeviceRow(row.id, asked.from_class, row.name, row.kind)
        for row in await connection.execute(named.order_by(devices.c.id))
        if row.id not in gone
    ]
    if absent := sorted(set(asked.devices) - {row.id for row in rows}):
        where = f" in class {asked.from_class}" if asked.from_class else ""
        raise Missing("no-device", f"There is no device {absent[0]}{where}.")
    return rows


def _of_class(school: str, class_id: str) -> Select[Any]:
    mine = placements.c.school == school, placements.c.class_id == class_id
    return select(placements.c.device).where(*mine)


async def _left(connection: AsyncConnection, school: str, named: Collection[str]) -> set[str]:
    """Return which of these have left the school, and have not enrolled anew."""
    here = select(enrolled.c.id).where(enrolled.c.school == school, enrolled.c.id.in_(named))
    gone = select(releases.c.device).where(
        releases.c.school == school, releases.c.device.in_(named), releases.c.receipt != ""
    )
    left = set((await connection.execute(gone)).scalars())
    return left - set((await connection.execute(here)).scalars())
