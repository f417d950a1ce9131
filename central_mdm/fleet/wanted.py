"""What the MDM wants of one device, signed; and what the device says became of it."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.wanted import (
    URGENT_TYPE,
    WANTED_TYPE,
    Ended,
    Report,
    Reports,
    Standing,
    Standings,
    Taken,
    Wanted,
)
from central_mdm.fleet.declaring import nearest
from central_mdm.fleet.features import FEATURES
from central_mdm.fleet.groups import hold_devices, regroup
from central_mdm.fleet.model import devices
from central_mdm.fleet.orders import PENDING, open_orders
from central_mdm.fleet.urgent import ON, end_wipe, urgent_of
from central_mdm.fleet.wanted_model import orders, reports, urgent
from central_mdm.identity.statements import sign
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.ground import Ground
from central_mdm.platform.numbers import number_after

UNDONE_SECONDS: Final = 7 * 24 * 3600
"""So long after its end it is told that a device did not do what it was to."""
DEVICES_A_PAGE: Final = 100
LOST: Final = "lost"


async def statements(
    ground: Ground, caller: Caller, held: int, version: int, *, changed: bool
) -> tuple[str, str]:
    """Sign what is wanted, and what is urgent, for a device that holds `held`; "" where it has it.

    `changed`: inventory or classes, so that it may be of other groups now.
    """
    if held < 0:
        return "", ""
    if changed or held > version:
        async with ground.database.writing(caller.school) as connection:
            version = await look_anew(connection, caller.school, caller.id, held, ground.clock())
    if held == version:
        return "", ""
    school, device, now = caller.school, caller.id, ground.clock()
    async with ground.database.reading(school) as connection:
        wanted = await wanted_of(connection, school, device, now)
        pressing = await urgent_of(connection, ground, school, device, wanted.version)
    key = ground.keys.key(school)
    return sign(key, WANTED_TYPE, wanted), sign(key, URGENT_TYPE, pressing)


async def wanted_of(connection: AsyncConnection, school: str, device: str, now: int) -> Wanted:
    """Return all that is wanted of a device that is enrolled."""
    version = await _version(connection, school, device)
    declared = (await nearest(connection, school, [device]))[device]
    commands = await open_orders(connection, school, device, now)
    return Wanted(device, school, version, now, declared, commands)


async def take_reports(ground: Ground, caller: Caller, told: Reports) -> Taken:
    """Keep what a device reports; what is of nothing that was wanted of it is left out."""
    school, now = caller.school, ground.clock()
    async with ground.database.writing(school) as connection:
        return Taken(await _keep_reports(connection, school, caller.id, told, now, now))


async def keep_carried(
    connection: AsyncConnection, school: str, device: str, told: Reports, at: int, now: int
) -> None:
    """Keep what a device said at `at`, by its own clock, and somebody has brought."""
    await _keep_reports(connection, school, device, told, min(at, now), now)


async def standings(ground: Ground, school: str, after: str) -> Standings:
    """Return who is not as declared, for the next devices after `after`, by id."""
    now = ground.clock()
    async with ground.database.reading(school) as connection:
        page = select(devices.c.id).where(devices.c.school == school, devices.c.id > after)
        page = page.order_by(devices.c.id).limit(DEVICES_A_PAGE)
        ids = list((await connection.execute(page)).scalars())
        declared = await nearest(connection, school, ids)
        told = await _told(connection, school, ids)
        waits = await _undone(connection, school, ids, now)
        lost = await _lost(connection, school, ids)
    rows = [
        row
        for device in ids
        for row in (
            *(
                _standing(device, one.feature, one.version, told.get((device, one.feature)))
                for one in declared[device]
            ),
            *((_standing(device, LOST, 0, told.get((device, LOST))),) if device in lost else ()),
            *waits.get(device, ()),
        )
        if row.state != "applied" or row.about == LOST
    ]
    return Standings(tuple(rows), ids[-1] if len(ids) == DEVICES_A_PAGE else "")


def _standing(device: str, feature: str, version: int, told: Report | None) -> Standing:
    """Say how it stands; a report of an older version says nothing of this one."""
    if told is None or told.version < version:
        return Standing(device, feature, "pending", "", version)
    return Standing(device, feature, told.state, told.reason, version)


async def look_anew(
    connection: AsyncConnection,
    school: str,
    device: str,
    held: int,
    now: int,
    *,
    owes: bool = False,
) -> int:
    """Look at the groups anew; go above a device that knows more: we were restored from a copy.

    And above one that holds the same and of which less is known: the copy was made before it told.
    It then tells all of it once more. `owes`: it tells the rest by itself.
    """
    # Held from here on: what is wanted anew meanwhile comes before the look, or above it.
    await hold_devices(connection, school, devices.c.id == device)
    await regroup(connection, school, device, now)
    version = await _version(connection, school, device)
    lacks = held == version and not owes and not await _has_told(connection, school, device)
    if held > version or lacks:
        version = number_after(held, now)
        mine = (devices.c.school == school, devices.c.id == device)
        await connection.execute(update(devices).where(*mine).values(wanted_version=version))
    return version


async def _has_told(connection: AsyncConnection, school: str, device: str) -> bool:
    """Say whether it has reported of all that is declared for it now.

    A report of a newer version is of what was declared for it in another class, say.
    """
    declared = (await nearest(connection, school, [device]))[device]
    told = await _told(connection, school, [device])
    return all(
        (report := told.get((device, one.feature))) is not None and report.version == one.version
        for one in declared
    )


async def _version(connection: AsyncConnection, school: str, device: str) -> int:
    mine = (devices.c.school == school, devices.c.id == device)
    return (await connection.execute(select(devices.c.wanted_version).where(*mine))).scalar_one()


async def _keep_reports(
    connection: AsyncConnection,
    school: str,
    device: str,
    told: Reports,
    at: int,
    now: int,
) -> int:
    """Keep what is of something that was wanted, as said at `at`; return how many that are."""
    known = [one for one in told.reports if one.feature in FEATURES or one.feature == LOST]
    for report in known:
        await _keep_report(connection, school, device, report, at, now)
    taken = len(known)
    for ended in told.ended:
        taken += await _end(connection, school, device, ended)
    return taken


async def _keep_report(
    connection: AsyncConnection,
    school: str,
    device: str,
    report: Report,
    at: int,
    now: int,
) -> None:
    facts = {"version": report.version, "state": report.state, "reason": report.reason}
    keys = {"school": school, "device": device, "feature": report.feature}
    kept = upsert(connection, reports).values(keys | facts | {"told_at": at})
    # What a device says now holds, of an older version too: a school that was set back, or takes a
    # declaration away, wants what was wanted before. One carried late takes no newer one's place;
    # what is of a moment still to come was kept while our clock was ahead, and gives way.
    older = (reports.c.version < report.version) | (reports.c.told_at <= at)
    older |= reports.c.told_at > now
    kept = kept.on_conflict_do_update(
        index_elements=list(keys), set_=facts | {"told_at": at}, where=older
    )
    await connection.execute(kept)


async def _end(connection: AsyncConnection, school: str, device: str, ended: Ended) -> bool:
    mine = (orders.c.school == school, orders.c.device == device, orders.c.id == ended.id)
    done = update(orders).where(*mine, orders.c.state == PENDING)
    kept = await connection.execute(done.values(state=ended.state, reason=ended.reason))
    if kept.rowcount:
        return True
    return await end_wipe(connection, school, device, ended.id, ended.state, ended.reason)


async def _told(
    connection: AsyncConnection, school: str, ids: list[str]
) -> dict[tuple[str, str], Report]:
    wanted = select(reports).where(reports.c.school == school, reports.c.device.in_(ids))
    return {
        (row.device, row.feature): Report(row.feature, row.version, row.state, row.reason)
        for row in await connection.execute(wanted)
    }


async def _undone(
    connection: AsyncConnection, school: str, ids: list[str], now: int
) -> dict[str, list[Standing]]:
    wanted = select(orders).where(
        orders.c.school == school,
        orders.c.device.in_(ids),
        orders.c.state != "done",
        orders.c.ends_at > now - UNDONE_SECONDS,
    )
    found: dict[str, list[Standing]] = {}
    for row in await connection.execute(wanted.order_by(orders.c.asked_at, orders.c.id)):
        over = row.state == PENDING and row.ends_at <= now
        about, state = f"{row.kind} {row.id}", "expired" if over else row.state
        found.setdefault(row.device, []).append(Standing(row.device, about, state, row.reason))
    return found


async def _lost(connection: AsyncConnection, school: str, ids: list[str]) -> set[str]:
    wanted = select(urgent.c.device).where(
        urgent.c.school == school,
        urgent.c.device.in_(ids),
        urgent.c.kind == LOST,
        urgent.c.state == ON,
    )
    return set((await connection.execute(wanted)).scalars())
