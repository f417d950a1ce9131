"""A device that comes no more is forgotten but for its name: when it came, where, what it was."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.groups import hold_devices
from central_mdm.fleet.model import acts, devices, inventories, seen
from central_mdm.fleet.wanted_model import carried


async def forget_devices(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget what devices told that were last seen before `before`; return how many they were.

    One that comes after all is asked for its inventory anew.
    """
    gone = select(seen.c.device).where(seen.c.school == school, seen.c.seen_at < before)
    # Of one that meets only teachers, when it was last carried; its counter stays.
    met = select(seen.c.device).where(seen.c.school == school)
    quiet = select(carried.c.device).where(
        carried.c.school == school, carried.c.arrived_at < before, carried.c.device.not_in(met)
    )
    forgotten = devices.c.id.in_(gone) | devices.c.id.in_(quiet)
    await hold_devices(connection, school, forgotten)
    mine = inventories.c.device.in_(gone) | inventories.c.device.in_(quiet)
    told = delete(inventories).where(inventories.c.school == school, mine)
    await connection.execute(told)
    anew = update(devices).where(devices.c.school == school, forgotten)
    await connection.execute(anew.values(inventory_hash=""))
    old = delete(seen).where(seen.c.school == school, seen.c.seen_at < before)
    return (await connection.execute(old)).rowcount


async def forget_acts(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget who let devices go before `before`; what was signed of it stays."""
    old = delete(acts).where(acts.c.school == school, acts.c.asked_at < before)
    return (await connection.execute(old)).rowcount
