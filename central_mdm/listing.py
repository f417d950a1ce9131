"""What there is in a school, by id and name: classes, pupils, devices, people, codes, groups."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from sqlalchemy import Column, Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.fleet.model import codes, releases
from central_mdm.fleet.model import devices as enrolled
from central_mdm.fleet.wanted_model import groups
from central_mdm.identity.model import teachers
from central_mdm.platform.ahead import AHEAD_SECONDS
from central_mdm.platform.ground import Ground
from central_mdm.roster.forgetting import PUPIL
from central_mdm.roster.model import (
    classes,
    devices,
    memberships,
    placements,
    pupils,
    sources,
)

PAGE: Final = 500
"""Rows a transaction: a school of any size is listed without being held."""
CODE_SHOWN: Final = 8
"""Digits of a code's hash, all that is kept of it: enough to tell two apart."""
Line = dict[str, Any]
Page = dict[str, Line]
"""Lines by what they are ordered by."""
Read = Callable[[AsyncConnection, str, str, int], Awaitable[Page]]


async def lines(ground: Ground, school: str, what: str, find: str = "") -> AsyncIterator[Line]:
    """Yield what there is of one of `KINDS` by id; `find`: only what has these letters anywhere.

    Each has `school`, `id` and `state` among others. Names of people are in it.
    """
    after = ""
    while True:
        async with ground.database.reading(school) as connection:
            page = await KINDS[what](connection, school, after, ground.clock())
        for line in page.values():
            if find.casefold() in " ".join(map(str, line.values())).casefold():
                yield {"school": school, **line}
        if len(page) < PAGE:
            return
        after = list(page)[-1]  # by the database's own order, which collates


async def _classes(connection: AsyncConnection, school: str, after: str, now: int) -> Page:
    del now
    wanted = select(classes).where(classes.c.school == school, classes.c.id > after)
    return {
        row.id: {
            "id": row.id,
            "name": row.name,
            "subject": row.subject,
            "state": "over" if row.archived_at else "taught",
        }
        for row in await _page(connection, wanted.order_by(classes.c.id))
    }


async def _pupils(connection: AsyncConnection, school: str, after: str, now: int) -> Page:
    """Tell of each the register's own name as well, `sourcedId`; "" where it has none."""
    del now
    known = (
        (sources.c.school == pupils.c.school)
        & (sources.c.what == PUPIL)
        & (sources.c.id == pupils.c.id)
    )
    wanted = select(pupils, sources.c.source).outerjoin(sources, known)
    wanted = wanted.where(pupils.c.school == school, pupils.c.id > after)
    rows = {row.id: row for row in await _page(connection, wanted.order_by(pupils.c.id))}
    of = await _classes_of(connection, school, memberships, memberships.c.pupil, rows)
    return {
        id_: {
            "id": id_,
            "name": f"{row.given_name} {row.family_name}",
            "classes": of.get(id_, []),
            "sourcedId": row.source or "",
            "state": "in class" if id_ in of else "in no class",
        }
        for id_, row in rows.items()
    }


async def _classes_of(
    connection: AsyncConnection, school: str, sits: Table, who: Column[str], ids: Collection[str]
) -> dict[str, list[str]]:
    """Name the classes in which each of these sits, `who` of `sits`; who sits in none is out."""
    named = (classes.c.school == sits.c.school) & (classes.c.id == sits.c.class_id)
    wanted = select(who, classes.c.name).join(classes, named)
    wanted = wanted.where(sits.c.school == school, who.in_(ids)).order_by(classes.c.name)
    of: dict[str, list[str]] = {}
    for one, name in await connection.execute(wanted):
        of.setdefault(one, []).append(name)
    return of


async def _devices(connection: AsyncConnection, school: str, after: str, now: int) -> Page:
    del now
    wanted = select(devices).where(devices.c.school == school, devices.c.id > after)
    rows = await _page(connection, wanted.order_by(devices.c.id))
    ids = [row.id for row in rows]
    mine = select(enrolled.c.id).where(enrolled.c.school == school, enrolled.c.id.in_(ids))
    here = set((await connection.execute(mine)).scalars())
    gone = select(releases.c.device).where(
        releases.c.school == school, releases.c.device.in_(ids), releases.c.receipt != ""
    )
    left = set((await connection.execute(gone)).scalars())
    of = await _classes_of(connection, school, placements, placements.c.device, ids)
    return {
        row.id: {
            "id": row.id,
            "name": row.name,
            "kind": row.kind,
            "classes": of.get(row.id, []),
            "state": "enrolled" if row.id in here else "left" if row.id in left else "not enrolled",
        }
        for row in rows
    }


async def _people(connection: AsyncConnection, school: str, after: str, now: int) -> Page:
    del now
    wanted = select(
        teachers.c.id,
        teachers.c.login,
        teachers.c.name,
        teachers.c.role,
        teachers.c.ended,
        (teachers.c.password_hash != "").label("has_password"),
    ).where(teachers.c.school == school, teachers.c.id > after)
    return {
        row.id: {
            "id": row.id,
            "login": row.login,
            "name": row.name,
            "role": row.role,
            "state": "ended" if row.ended else "here" if row.has_password else "no password",
        }
        for row in await _page(connection, wanted.order_by(teachers.c.id))
    }


async def _groups(connection: AsyncConnection, school: str, after: str, now: int) -> Page:
    del now
    wanted = select(groups).where(groups.c.school == school, groups.c.id > after)
    return {
        row.id: {"id": row.id, "name": row.name, "state": "rule" if row.rule else "list"}
        for row in await _page(connection, wanted.order_by(groups.c.id))
    }


async def _codes(connection: AsyncConnection, school: str, after: str, now: int) -> Page:
    named = (classes.c.school == codes.c.school) & (classes.c.id == codes.c.class_id)
    wanted = select(codes, classes.c.name).outerjoin(classes, named)
    wanted = wanted.where(codes.c.school == school, codes.c.code_hash > after)
    return {
        row.code_hash: {
            "id": row.code_hash[:CODE_SHOWN],
            "class": row.name or row.class_id,
            "device": row.device,
            "ends_at": row.ends_at,
            "uses_left": row.uses_left,
            "state": _state_of_code(row, now),
        }
        for row in await _page(connection, wanted.order_by(codes.c.code_hash))
    }


def _state_of_code(row: Row[Any], now: int) -> str:
    if row.revoked:
        return "revoked"
    if row.ends_at <= now:
        return "over"
    if row.made_at > now + AHEAD_SECONDS:
        return "not yet"  # made by a clock that was ahead: no device enrols by it
    return "good" if row.uses_left else "used up"


async def _page(connection: AsyncConnection, wanted: Any) -> list[Row[Any]]:  # noqa: ANN401 - a statement's type counts its columns
    return list((await connection.execute(wanted.limit(PAGE))).all())


KINDS: Final[Mapping[str, Read]] = {
    "classes": _classes,
    "pupils": _pupils,
    "devices": _devices,
    "people": _people,
    "codes": _codes,
    "groups": _groups,
}
