"""Orders to devices: ring, message, restart. Done once at most, in their time or never."""

import logging
from typing import Any, Final

from msgspec import json, structs
from sqlalchemy import Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.wanted import COMMANDS_MAX, ORDERS_BYTES_MAX, Command, Order, Ordered
from central_mdm.fleet.groups import devices_of, raise_wanted, want_target
from central_mdm.fleet.wanted_model import orders, urgent
from central_mdm.identity.rules import one_by_one
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed, Refused
from central_mdm.platform.ground import Ground

log = logging.getLogger(__name__)
PENDING: Final = "pending"
DEVICES_MEASURED: Final = 100
_BARE_BYTES: Final = len(json.encode(Command("", "restart", 2**53)))
_LETTER_BYTES: Final = len(json.encode("\x01")) - len(json.encode(""))
"""None is longer in JSON than what has to be escaped."""


async def order(ground: Ground, school: str, who: str, told: Order) -> Ordered:
    """Order it of each device that is meant. Raises Malformed, Missing, or Refused: too many."""
    want_target(told.scope, told.target)
    if (told.kind == "message") != bool(told.text):
        raise Malformed("no-text", "A message has a text, and nothing else has.")
    now = ground.clock()
    async with ground.database.writing(school) as connection:
        await one_by_one(connection, school)
        meant = await devices_of(connection, school, told.scope, told.target)
        asked = Command(told.id, told.kind, now + told.minutes * 60, told.text)
        await _want_room(connection, school, meant, asked, now)
        facts = {"asked_by": who, "asked_at": now, "state": PENDING}
        rows = [
            {"school": school, "device": device, **structs.asdict(asked), **facts}
            for device in meant
        ]
        if rows:
            added = upsert(connection, orders).on_conflict_do_nothing()
            await connection.execute(added, rows)
            await raise_wanted(connection, school, meant, now)
    extra = {"school": school, "kind": told.kind, "devices": len(meant), "by": who}
    log.info("ordered", extra=extra | {"order": told.id})
    return Ordered(len(meant))


async def open_orders(
    connection: AsyncConnection, school: str, device: str, now: int
) -> tuple[Command, ...]:
    """Return what this device is still to do, the oldest first."""
    wanted = (
        select(orders)
        .where(
            orders.c.school == school,
            orders.c.device == device,
            orders.c.state == PENDING,
            orders.c.ends_at > now,
        )
        .order_by(orders.c.asked_at, orders.c.id)
        .limit(COMMANDS_MAX)
    )
    rows = await connection.execute(wanted)
    return tuple(Command(row.id, row.kind, row.ends_at, row.body) for row in rows)


async def forget_orders(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget what was ordered before `before`, and what was urgent and is over."""
    old = delete(orders).where(orders.c.school == school, orders.c.asked_at < before)
    gone = (await connection.execute(old)).rowcount
    over = delete(urgent).where(
        urgent.c.school == school,
        urgent.c.asked_at < before,
        urgent.c.state.not_in(["on", "confirmed"]),
    )
    return gone + (await connection.execute(over)).rowcount


async def _want_room(
    connection: AsyncConnection, school: str, meant: list[str], asked: Command, now: int
) -> None:
    """Raise Refused where a device would have more open orders than one statement holds.

    Most of a school's devices are far from that: the database counts, and only what may be too
    long is measured, some at a time, for everybody waits meanwhile.
    """
    room = ORDERS_BYTES_MAX - len(json.encode(asked))
    waits = (
        orders.c.school == school,
        orders.c.id != asked.id,
        orders.c.state == PENDING,
        orders.c.ends_at > now,
    )
    longest = _BARE_BYTES + func.length(orders.c.id) + _LETTER_BYTES * func.length(orders.c.body)
    near = (
        select(orders.c.device, func.count().label("waiting"))
        .where(*waits, orders.c.device.in_(meant))
        .group_by(orders.c.device)
        .having((func.count() >= COMMANDS_MAX) | (func.sum(longest) > room))
        .order_by(orders.c.device)
    )
    found = {row.device: row.waiting for row in await connection.execute(near)}
    full = [device for device, count in found.items() if count >= COMMANDS_MAX]
    close = list(found)
    while not full and close:
        some, close = close[:DEVICES_MEASURED], close[DEVICES_MEASURED:]
        full = await _longer(connection, select(orders).where(*waits), some, room)
    if full:
        raise Refused("too-many-orders", f"{full[0]} has {found[full[0]]} orders to do already.")


async def _longer(
    connection: AsyncConnection, waits: Select[Any], some: list[str], room: int
) -> list[str]:
    """Name those of some devices whose orders are longer than `room` bytes."""
    sizes = dict.fromkeys(some, 0)
    for row in await connection.execute(waits.where(orders.c.device.in_(some))):
        sizes[row.device] += len(json.encode(Command(row.id, row.kind, row.ends_at, row.body)))
    return [device for device, size in sizes.items() if size > room]
