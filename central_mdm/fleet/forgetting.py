"""A device that comes no more is forgotten but for its name: when it came, where, what it was."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.model import acts, devices, inventories, seen


async def forget_devices(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget what devices told that were last seen before `before`; return how many they were.

    One that comes after all is asked for its inventory anew.
    """
    gone = select(seen.c.device).where(seen.c.school == school, seen.c.seen_at < before)
    told = delete(inventories).where(inventories.c.school == school, inventories.c.device.in_(gone))
    await connection.execute(told)
    anew = update(devices).where(devices.c.school == school, devices.c.id.in_(gone))
    await connection.execute(anew.values(inventory_hash=""))
    old = delete(seen).where(seen.c.school == school, seen.c.seen_at < before)
    return (await connection.execute(old)).rowcount


async def forget_acts(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget who let devices go before `before`; what was signed of it stays."""
    old = delete(acts).where(acts.c.school == school, acts.c.asked_at < before)
    return (await connection.execute(old)).rowcount
