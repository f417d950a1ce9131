"""Groups of devices: lists, and rules that are looked at anew when a device has changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import json, to_builtins
from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import Inventory
from central_mdm.contract.wanted import Group, Rule, Scope
from central_mdm.fleet.model import devices, inventories
from central_mdm.fleet.wanted_model import groups, members
from central_mdm.identity.rules import one_by_one
from central_mdm.platform.acting import about, several
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.platform.numbers import numbers_after
from central_mdm.roster.model import devices as roster_devices
from central_mdm.roster.model import placements
from central_mdm.roster.rules import want_class

MEMBERS_ROOM: Final = 400
"""Characters of an act for the members of a group."""
DEVICES_A_STATEMENT: Final = 300
"""A year's import changes the classes of 1,500, and holds them while it looks at their rules."""
_GONE: Final = delete(members).where(
    *(each == bindparam(each.name, type_=each.type) for each in members.primary_key.columns)
)
_rule = json.Decoder(Rule)
_inventory = json.Decoder(Inventory)


async def keep_group(connection: AsyncConnection, school: str, group: Group, at: int) -> int:
    """Make or replace a group; return how many it has. Raises Malformed or Missing."""
    if (group.rule is None) != bool(group.members) or group.rule == Rule():
        raise Malformed("list-or-rule", "A group has a list of devices, or a rule that says whom.")
    await one_by_one(connection, school)
    if group.rule and group.rule.class_id:
        await want_class(connection, school, group.rule.class_id)
    whom = _ruled(group.rule) if group.rule else f"members={several(group.members, MEMBERS_ROOM)}"
    about(f"group {group.id}", whom)
    facts = {"name": group.name, "rule": json.encode(group.rule) if group.rule else None}
    await connection.execute(
        upsert(connection, groups)
        .values({"school": school, "id": group.id, **facts})
        .on_conflict_do_update(index_elements=["school", "id"], set_=facts)
    )
    before = set(await devices_of(connection, school, "group", group.id))
    now = set(group.members) or await _fitting(connection, school, group.rule or Rule())
    await _want_devices(connection, school, now - before)
    await raise_wanted(connection, school, before ^ now, at)
    mine = (members.c.school == school, members.c.group_id == group.id)
    await connection.execute(delete(members).where(*mine))
    rows = [{"school": school, "device": one, "group_id": group.id} for one in sorted(now)]
    if rows:
        await connection.execute(insert(members), rows)
    return len(now)


def _ruled(rule: Rule) -> str:
    said = to_builtins(rule)
    return " ".join(f"{name}={value}" for name, value in said.items() if value)


async def regroup(connection: AsyncConnection, school: str, device: str, at: int) -> None:
    """Look at the rules anew for a device that has changed."""
    if ruled := await rules_of(connection, school):
        await regroup_by(connection, school, ruled, [device], at)


async def rules_of(connection: AsyncConnection, school: str) -> dict[str, Rule]:
    """Return the rules of the groups that have one, by the groups' ids."""
    wanted = select(groups.c.id, groups.c.rule).where(
        groups.c.school == school, groups.c.rule.is_not(None)
    )
    return {row.id: _rule.decode(row.rule) for row in await connection.execute(wanted)}


async def regroup_by(
    connection: AsyncConnection,
    school: str,
    ruled: Mapping[str, Rule],
    named: Sequence[str],
    at: int,
) -> None:
    """Have each of these devices be in the groups whose rule it fits, and in no other of them."""
    for start in range(0, len(named), DEVICES_A_STATEMENT):
        await _regroup(connection, school, ruled, named[start : start + DEVICES_A_STATEMENT], at)


async def _regroup(
    connection: AsyncConnection,
    school: str,
    ruled: Mapping[str, Rule],
    named: Sequence[str],
    at: int,
) -> None:
    held = select(members.c.device, members.c.group_id).where(
        members.c.school == school, members.c.device.in_(named), members.c.group_id.in_(ruled)
    )
    before = {(row.device, row.group_id) for row in await connection.execute(held)}
    now = await _fitting_of(connection, school, ruled, named)
    for change, pairs in ((insert(members), now - before), (_GONE, before - now)):
        rows = [{"school": school, "device": one, "group_id": id_} for one, id_ in sorted(pairs)]
        if rows:
            await connection.execute(change, rows)
    if before != now:
        await raise_wanted(connection, school, {device for device, _ in before ^ now}, at)


async def _fitting_of(
    connection: AsyncConnection, school: str, ruled: Mapping[str, Rule], named: Sequence[str]
) -> set[tuple[str, str]]:
    """Return which of these devices fit which rules: pairs of a device and a group."""
    sits = select(placements.c.device, placements.c.class_id).where(
        placements.c.school == school, placements.c.device.in_(named)
    )
    classes: dict[str, set[str]] = {}
    for row in await connection.execute(sits):
        classes.setdefault(row.device, set()).add(row.class_id)
    told = select(inventories.c.device, inventories.c.body).where(
        inventories.c.school == school, inventories.c.device.in_(named)
    )
    found = {
        row.device: _inventory.decode(row.body)
        for row in await connection.execute(told)
        if row.body
    }
    return {
        (device, id_)
        for device, inventory in found.items()
        for id_, rule in ruled.items()
        if fits(rule, inventory, classes.get(device, ()))
    }


def fits(rule: Rule, inventory: Inventory, classes: Collection[str]) -> bool:
    """Whether all that the rule names is so."""
    return (
        rule.kind in {"", inventory.kind}
        and rule.model in {"", inventory.model}
        and inventory.system.startswith(rule.system)
        and (not rule.class_id or rule.class_id in classes)
    )


def want_target(scope: Scope, target: str) -> None:
    """Raise Malformed where it is not said which group or device, or where the school has one."""
    if scope == "school" and target:
        raise Malformed("no-target", "The whole school is meant, and so no target.")
    if scope != "school" and not target:
        raise Malformed("no-target", f"Say which {scope}: the target is its id.")


async def devices_of(
    connection: AsyncConnection, school: str, scope: Scope, target: str
) -> list[str]:
    """Name the devices that school, group or device stands for, enrolled or not. Raises Missing."""
    match scope:
        case "school":
            wanted = select(devices.c.id).where(devices.c.school == school)
        case "group":
            mine = select(groups.c.id).where(groups.c.school == school, groups.c.id == target)
            if (await connection.execute(mine)).first() is None:
                raise Missing("no-group", f"There is no group {target}.")
            wanted = select(members.c.device).where(
                members.c.school == school, members.c.group_id == target
            )
        case "device":
            await _want_devices(connection, school, [target])
            return [target]
    return list((await connection.execute(wanted)).scalars())


async def raise_wanted(
    connection: AsyncConnection, school: str, changed: Iterable[str], now: int
) -> None:
    """Let each of these devices be told anew, in the transaction of what has changed.

    An act holds the school's row first, then comes here, then writes what is urgent or who is of a
    group: a device that tells of itself holds its own row, then those. So none waits in a circle.
    """
    named = sorted(changed)
    await hold_devices(connection, school, devices.c.id.in_(named))
    mine = (devices.c.school == school, devices.c.id.in_(named))
    higher = numbers_after(devices.c.wanted_version, now)
    await connection.execute(update(devices).where(*mine).values(wanted_version=higher))


async def hold_devices(
    connection: AsyncConnection, school: str, which: ColumnElement[bool]
) -> None:
    """Hold the rows of these devices until the transaction ends, all who hold several in one order.

    SQLite has one writer anyway.
    """
    held = select(devices.c.id).where(devices.c.school == school, which)
    await connection.execute(held.order_by(devices.c.id).with_for_update())


async def _fitting(connection: AsyncConnection, school: str, rule: Rule) -> set[str]:
    wanted = select(inventories.c.device, inventories.c.body).where(inventories.c.school == school)
    told = (await connection.execute(wanted)).all()
    sits = select(placements.c.device).where(
        placements.c.school == school, placements.c.class_id == rule.class_id
    )
    there = set((await connection.execute(sits)).scalars()) if rule.class_id else set[str]()

    def in_classes(device: str) -> set[str]:
        return {rule.class_id} if device in there else set()

    return {
        row.device
        for row in told
        if fits(rule, _inventory.decode(row.body), in_classes(row.device))
    }


async def _want_devices(connection: AsyncConnection, school: str, named: Collection[str]) -> None:
    """Raise Missing for one that the school does not have."""
    known = select(roster_devices.c.id).where(
        roster_devices.c.school == school, roster_devices.c.id.in_(sorted(named))
    )
    here = set((await connection.execute(known)).scalars())
    if unknown := sorted(set(named) - here):
        raise Missing("no-device", f"There is no device {unknown[0]}.")
