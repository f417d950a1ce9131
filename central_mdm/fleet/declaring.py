"""Declaring how devices are to be, for the school, a group or one device; the nearest wins.

Agents of before know one policy of the whole school: what is declared for the school of its two
features is kept as such a policy as well.
"""

import logging
from collections.abc import Collection, Iterable
from typing import Any, Final

from msgspec import json
from sqlalchemy import Row, and_, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import Policy
from central_mdm.contract.wanted import Body, Declaration, Declare, Declared
from central_mdm.fleet.features import check
from central_mdm.fleet.groups import devices_of, raise_wanted, want_target
from central_mdm.fleet.model import policies
from central_mdm.fleet.wanted_model import declarations, members
from central_mdm.identity.model import schools
from central_mdm.platform.acting import about
from central_mdm.platform.database import upsert
from central_mdm.platform.ground import Ground
from central_mdm.platform.numbers import number_after

log = logging.getLogger(__name__)
OF_A_POLICY: Final = ("screen_timeout", "wallpaper")
_NEARER: Final = {"school": 0, "group": 1, "device": 2}
_body = json.Decoder(Body)


async def declare(ground: Ground, school: str, who: str, told: Declare) -> Declared:
    """Let it hold; devices hear so at their next check-in. Raises Malformed or Missing."""
    async with ground.database.writing(school) as connection:
        version, reached = await _declare(connection, ground, school, who, told)
        if told.scope == "school" and told.feature in OF_A_POLICY:
            await _keep_policy(connection, ground, school)
    extra = {"school": school, "feature": told.feature, "scope": told.scope, "by": who}
    log.info("declared", extra=extra | {"version": version})
    return Declared(version, reached)


async def declare_policy(
    ground: Ground, school: str, seconds: int, wallpaper: str, who: str = ""
) -> Policy:
    """Declare what every device of the school shall have; return it with its version."""
    bodies: tuple[Body, Body] = ({"seconds": seconds}, {"name": wallpaper})
    async with ground.database.writing(school) as connection:
        for feature, body in zip(OF_A_POLICY, bodies, strict=True):
            told = Declare("school", feature, body=body)
            await _declare(connection, ground, school, who, told)
        return await _keep_policy(connection, ground, school)


async def nearest(
    connection: AsyncConnection, school: str, wanted: Collection[str]
) -> dict[str, tuple[Declaration, ...]]:
    """Return what is declared for each of these devices, by feature."""
    belongs = select(members.c.device, members.c.group_id).where(
        members.c.school == school, members.c.device.in_(wanted)
    )
    groups: dict[str, set[str]] = {device: set() for device in wanted}
    for row in await connection.execute(belongs):
        groups[row.device].add(row.group_id)
    table = declarations
    every = set[str]().union(*groups.values())
    found = select(table).where(
        table.c.school == school,
        table.c.body.is_not(None),
        or_(
            table.c.scope == "school",
            and_(table.c.scope == "device", table.c.target.in_(wanted)),
            and_(table.c.scope == "group", table.c.target.in_(every)),
        ),
    )
    rows = (await connection.execute(found)).all()
    return {
        device: choose(row for row in rows if _concerns(row, device, own))
        for device, own in groups.items()
    }


def _concerns(row: Row[Any], device: str, groups: Collection[str]) -> bool:
    match row.scope:
        case "school":
            return True
        case "group":
            return row.target in groups
        case _:
            return row.target == device


def choose(rows: Iterable[Row[Any]]) -> tuple[Declaration, ...]:
    """Choose the nearest of each feature: device, group, school; of two groups, the newer one."""
    chosen: dict[str, Row[Any]] = {}
    for row in sorted(rows, key=lambda row: (_NEARER[row.scope], row.version)):
        chosen[row.feature] = row
    return tuple(
        Declaration(feature, row.version, _body.decode(row.body))
        for feature, row in sorted(chosen.items())
    )


async def _declare(
    connection: AsyncConnection, ground: Ground, school: str, who: str, told: Declare
) -> tuple[int, int]:
    check(told.feature, told.body)
    want_target(told.scope, told.target)
    # Said once it is known to be one of ours: a refused one may hold anything, a password say.
    body = "nothing" if told.body is None else f"body={json.encode(told.body).decode()}"
    about(f"{told.scope} {told.target}".strip(), f"feature={told.feature} {body}")
    # The row is held, so that two who declare at once make two versions and not one twice.
    held = select(schools.c.school).where(schools.c.school == school)
    await connection.execute(held.with_for_update())
    reached = await devices_of(connection, school, told.scope, told.target)
    newest = select(func.max(declarations.c.version)).where(declarations.c.school == school)
    version = number_after((await connection.execute(newest)).scalar() or 0, ground.clock())
    keys = {"scope": told.scope, "target": told.target, "feature": told.feature}
    facts = {
        "version": version,
        "body": None if told.body is None else json.encode(told.body),
        "declared_by": who,
        "declared_at": ground.clock(),
    }
    await connection.execute(
        upsert(connection, declarations)
        .values({"school": school, **keys, **facts})
        .on_conflict_do_update(index_elements=["school", *keys], set_=facts)
    )
    await raise_wanted(connection, school, reached, ground.clock())
    return version, len(reached)


async def _keep_policy(connection: AsyncConnection, ground: Ground, school: str) -> Policy:
    wanted = select(declarations.c.feature, declarations.c.body).where(
        declarations.c.school == school,
        declarations.c.scope == "school",
        declarations.c.feature.in_(OF_A_POLICY),
        declarations.c.body.is_not(None),
    )
    held = {row.feature: json.decode(row.body) for row in await connection.execute(wanted)}
    last = select(func.max(policies.c.version)).where(policies.c.school == school)
    policy = Policy(
        number_after((await connection.execute(last)).scalar() or 0, ground.clock()),
        held.get("screen_timeout", {}).get("seconds", 0),
        held.get("wallpaper", {}).get("name", ""),
    )
    row = {
        "version": policy.version,
        "screen_timeout_seconds": policy.screen_timeout_seconds,
        "wallpaper": policy.wallpaper,
    }
    await connection.execute(insert(policies).values({"school": school, **row}))
    return policy
