"""What stands, into the staging: by the register's names where it has named it, else by our ids."""

import asyncio
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity.model import teachers
from central_mdm.roster.model import (
    classes,
    devices,
    hours,
    is_taught,
    memberships,
    placements,
    pupils,
    sessions,
    sources,
    teaching,
    terms,
)
from central_mdm.roster.oneroster.staging import ROWS_AT_ONCE, Staging


async def load(connection: AsyncConnection, school: str, staging: Staging, now: int) -> None:
    """Read all of a school that an import may touch, some rows at a time."""
    for table, query in _queries(school, now).items():
        found = await connection.stream(query)
        places = ", ".join("?" * len(query.selected_columns))
        statement = f"INSERT INTO {table} VALUES ({places})"
        async for rows in found.partitions(ROWS_AT_ONCE):
            await asyncio.to_thread(staging.many, statement, [tuple(row) for row in rows])
    await asyncio.to_thread(_by_source, staging)


def _queries(school: str, now: int) -> dict[str, Any]:
    live = and_(classes.c.school == school, classes.c.archived_at == 0)
    return {
        "known": select(sources.c.what, sources.c.source, sources.c.id).where(
            sources.c.school == school
        ),
        "i_session": select(
            sessions.c.id,
            sessions.c.title,
            sessions.c.kind,
            sessions.c.begins_on,
            sessions.c.ends_on,
        ).where(sessions.c.school == school),
        "i_class": select(classes.c.id, classes.c.name, classes.c.subject).where(live),
        "i_pupil": select(pupils.c.id, pupils.c.given_name, pupils.c.family_name).where(
            pupils.c.school == school
        ),
        "i_teacher": select(
            teachers.c.id, teachers.c.login, teachers.c.name, teachers.c.role, teachers.c.ended
        ).where(teachers.c.school == school),
        "i_term": select(terms.c.class_id, terms.c.session).where(terms.c.school == school),
        "i_hour": select(hours.c.class_id, hours.c.period, hours.c.location).where(
            hours.c.school == school
        ),
        "i_teaching": select(teaching.c.class_id, teaching.c.teacher, teaching.c.ends_at).where(
            teaching.c.school == school, is_taught(now)
        ),
        "seat": select(
            memberships.c.class_id, memberships.c.pupil, memberships.c.display, memberships.c.seat
        ).where(memberships.c.school == school),
        "owned": owned_of(school),
    }


def owned_of(school: str) -> Select[Any, Any, Any, Any, Any]:
    """Tell which devices are whose own in which classes."""
    device_of = and_(devices.c.school == placements.c.school, devices.c.id == placements.c.device)
    named = func.coalesce(devices.c.name, ""), func.coalesce(devices.c.kind, "")
    places = select(placements.c.class_id, placements.c.pupil, placements.c.device, *named)
    return places.join(devices, device_of).where(
        placements.c.school == school, placements.c.pupil != ""
    )


def _by_source(staging: Staging) -> None:
    """Say the same by the register's names; who has none is not the register's."""
    # CROSS JOIN is SQLite's word for "in this order", + for "not by this": it knows no numbers.
    staging.run("CREATE INDEX known_id ON known (what, id)")
    staging.run("CREATE INDEX seat_pupil ON seat (pupil)")
    staging.run("CREATE INDEX owned_by ON owned (class, pupil)")
    staging.run(
        "INSERT INTO login SELECT login, i.id, NOT ended AND source IS NULL FROM i_teacher i "
        "LEFT JOIN known ON what = 'teacher' AND known.id = i.id"
    )
    staging.run("INSERT INTO holds SELECT class, teacher FROM i_teaching")
    staging.run(
        "INSERT INTO named SELECT 'administrator', source FROM i_teacher i CROSS JOIN known "
        "ON what = 'teacher' AND known.id = i.id WHERE role = 'administrator'"
    )
    for what, columns in (
        ("session", "title, kind, begins_on, ends_on"),
        ("class", "name, subject"),
        ("pupil", "given, family"),
        ("teacher", "login, name"),
    ):
        live = "WHERE NOT ended" if what == "teacher" else ""
        staging.run(
            f"INSERT OR IGNORE INTO s_{what} SELECT source, {columns} FROM i_{what} i "
            f"CROSS JOIN known ON what = '{what}' AND known.id = i.id {live}"
        )
    pair = (
        "INSERT OR IGNORE INTO s_{} SELECT c.source, o.source FROM {} i CROSS JOIN known c ON "
        "c.what = 'class' AND c.id = i.class CROSS JOIN known o ON o.what = '{}' AND o.id = i.{} "
        "WHERE +c.source IN (SELECT source FROM s_class)"
    )
    staging.run(pair.format("place", "seat", "pupil", "pupil"))
    for_good = " AND ends_at = 0"
    staging.run(pair.format("teaching", "i_teaching", "teacher", "teacher") + for_good)
    staging.run(pair.format("term", "i_term", "session", "session"))
    staging.run(
        "INSERT OR IGNORE INTO s_hour SELECT source, period, location FROM i_hour i "
        "CROSS JOIN known ON what = 'class' AND known.id = i.class "
        "WHERE +source IN (SELECT source FROM s_class)"
    )
