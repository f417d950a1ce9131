"""A region: a tenant of its own whose people list, open and enter schools.

No token is good in two tenants: who enters a school is given one of that school, for half an hour.
"""

import hashlib
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.region import Entered, School, Schools
from central_mdm.identity import audit
from central_mdm.identity.model import (
    audit_acts,
    region_schools,
    schools,
    teacher_tokens,
    teachers,
)
from central_mdm.identity.rules import open_school
from central_mdm.platform.authentication import Caller, hash_of, token_for
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Missing, Refused
from central_mdm.platform.ground import Ground

VISIT_SECONDS: Final = 1800
PAGE: Final = 100


async def schools_of(connection: AsyncConnection, region: str, after: str) -> Schools:
    """Return a page of the region's schools by their ids."""
    wanted = select(region_schools.c.member, region_schools.c.name).where(
        region_schools.c.school == region, region_schools.c.member > after
    )
    wanted = wanted.order_by(region_schools.c.member).limit(PAGE + 1)
    rows = (await connection.execute(wanted)).all()
    return Schools(tuple(School(row.member, row.name) for row in rows[:PAGE]), len(rows) > PAGE)


async def open_member(ground: Ground, caller: Caller, school: School) -> None:
    """Open a school of this region. Raises Refused where one of that id is here, whosever it is.

    The region's own, of that very name, is not in the way: an answer was lost, or this died when
    the school was there and not yet the region's.
    """
    by = audit.by(caller)
    there = audit.By(f"{_opener(caller.school)}{caller.id}", by.role, by.session)
    try:
        await open_school(ground, school.school, school.name, by=there)
    except FileExistsError:
        if await _is_member(ground, caller.school, school):
            return
        if not await _was_opened(ground, caller.school, school):
            raise Refused("school-exists", "There is a school of this id.") from None
    async with ground.database.writing(caller.school) as connection:
        if await join(connection, caller.school, school):
            told = caller.school, by, "school-opened", school.school
            await audit.record(connection, ground.clock(), *told)


def _opener(region: str) -> str:
    return f"visitor:{region}/"


async def _was_opened(ground: Ground, region: str, school: School) -> bool:
    """Say whether people of this region opened that school, and nobody has been in it since."""
    mine = school.school
    opened = select(audit_acts.c.who, audit_acts.c.act).where(
        audit_acts.c.school == mine, audit_acts.c.number == 1
    )
    named = select(schools.c.name).where(schools.c.school == mine)
    people = select(teachers.c.id).where(teachers.c.school == mine).limit(1)
    async with ground.database.reading(mine) as connection:
        first = (await connection.execute(opened)).first()
        name = await connection.scalar(named)
        peopled = await connection.scalar(people)
    if first is None or name != school.name or peopled is not None:
        return False
    return first.act == "school-opened" and first.who.startswith(_opener(region))


async def _is_member(ground: Ground, region: str, school: School) -> bool:
    wanted = select(region_schools.c.member).where(
        region_schools.c.school == region,
        region_schools.c.member == school.school,
        region_schools.c.name == school.name,
    )
    async with ground.database.reading(region) as connection:
        return (await connection.execute(wanted)).first() is not None


async def want_region(ground: Ground, region: str) -> None:
    """Raise Missing where no region has this id."""
    kind = select(schools.c.kind).where(schools.c.school == region)
    async with ground.database.reading(region) as connection:
        if await connection.scalar(kind) != "region":
            raise Missing("no-region", f"There is no region {region}.")


async def join(connection: AsyncConnection, region: str, school: School) -> bool:
    """Put a school under a region. Returns False where it is, and then keeps its name there."""
    row = {"school": region, "member": school.school, "name": school.name}
    joined = upsert(connection, region_schools).values(row).on_conflict_do_nothing()
    return bool((await connection.execute(joined)).rowcount)


async def enter(ground: Ground, caller: Caller, member: str) -> Entered:
    """Give an administrator's token of a school of the region. Raises Missing for any other."""
    region, now, visit = caller.school, ground.clock(), ground.new_id()
    mine = (region_schools.c.school == region, region_schools.c.member == member)
    async with ground.database.writing(region) as connection:
        found = await connection.execute(select(region_schools.c.member).where(*mine))
        if found.first() is None:
            raise Missing("no-school")
        # First here: there may be an entry in the audit without a visit, never the other way.
        told = region, audit.by(caller), "school-entered", member, f"visit {visit}"
        await audit.record(connection, now, *told)
    visitor = f"{region}/{caller.id}"
    token = token_for("teacher", member, ground.new_secret())
    row = {
        "school": member,
        "token_hash": hash_of(token),
        "teacher": f"visitor:{hashlib.sha256(visitor.encode()).hexdigest()[:32]}",
        "family": visit,
        "ends_at": now + VISIT_SECONDS,
        "second": caller.second,
        "visitor": visitor,
    }
    async with ground.database.writing(member) as connection:
        await connection.execute(insert(teacher_tokens).values(row))
        by = audit.By(f"visitor:{visitor}", "region", visit)
        await audit.record(connection, now, member, by, "school-entered", member)
    return Entered(token, VISIT_SECONDS)
