"""Whose identity comes to its end: devices to be brought online once, teachers to sign in."""

from msgspec import Struct
from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.names import Role
from central_mdm.fleet.model import devices
from central_mdm.identity.model import certificates, teachers
from central_mdm.roster.model import devices as roster_devices


class Ending(Struct, frozen=True):
    """`days` left, whole ones; below 0: it has ended."""

    role: Role
    id: str
    name: str
    days: int


async def ending(
    connection: AsyncConnection, school: str, now: int, days: int
) -> tuple[Ending, ...]:
    """List whose newest certificate ends within `days`, the soonest first."""
    newest = func.max(certificates.c.ends_at).label("ends_at")
    wanted = (
        select(certificates.c.role, certificates.c.party, newest)
        .where(certificates.c.school == school)
        .group_by(certificates.c.role, certificates.c.party)
        .having(newest <= now + days * 86_400)
        .order_by(newest, certificates.c.party)
    )
    rows = (await connection.execute(wanted)).all()
    here = await _names(connection, school)
    return tuple(
        Ending(row.role, row.party, here[row.role, row.party], (row.ends_at - now) // 86_400)
        for row in rows
        if (row.role, row.party) in here
    )


async def _names(connection: AsyncConnection, school: str) -> dict[tuple[str, str], str]:
    """Name all teachers that have not left and all devices that have a token."""
    known = (roster_devices.c.school == devices.c.school) & (roster_devices.c.id == devices.c.id)
    mine = select(literal("device").label("role"), devices.c.id, roster_devices.c.name)
    mine = mine.join(roster_devices, known, isouter=True).where(devices.c.school == school)
    theirs = select(literal("teacher"), teachers.c.id, teachers.c.name).where(
        teachers.c.school == school, teachers.c.ended.is_(False)
    )
    rows = (await connection.execute(mine.union_all(theirs))).all()
    return {(row.role, row.id): row.name or row.id for row in rows}
