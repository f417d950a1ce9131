"""Carrying a plan out, in the caller's one transaction: all of it, or nothing.

Rows go by the thousand a statement, and what apps are to be told gathers in the staging, so that
memory does not grow with the school.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from msgspec import json
from sqlalchemy import Table, and_, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.roster import ClassRow, DeviceRow, PupilRow, Row
from central_mdm.fleet.ended import take_back_wipes
from central_mdm.fleet.placing import regroup_all
from central_mdm.identity.model import teachers
from central_mdm.identity.people import login_after
from central_mdm.identity.revocation import end_teachers
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.displays import display_of
from central_mdm.roster.feed import Told, publish, told
from central_mdm.roster.model import (
    OVER,
    classes,
    devices,
    hours,
    is_taught,
    memberships,
    past,
    placements,
    pupils,
    sessions,
    sources,
    teaching,
    terms,
)
from central_mdm.roster.oneroster.staging import ROWS_AT_ONCE, Staging
from central_mdm.roster.oneroster.standing import owned_of
from central_mdm.roster.rules import hold_rows, next_assignment, retire_class

Rows = list[tuple[Any, ...]]
CHANGED: Final = "Somebody of this school was changed meanwhile. Import it again."
_row: Final = json.Decoder(Row)
_ID: Final = "(SELECT id FROM known WHERE what = '{}' AND known.source = d.{})"
_CLASS: Final = _ID.format("class", "class")
_PUPIL: Final = _ID.format("pupil", "user")
_TEACHER: Final = _ID.format("teacher", "user")


async def apply(
    connection: AsyncConnection, ground: Ground, school: str, staging: Staging, no_password: str
) -> None:
    """Write the difference. `no_password`: the hash of one that nobody knows, for new teachers.

    Held is first which teacher is changed, then classes, where anybody leaves one the school's
    devices, then pupils, then scopes, and the school's row last, as by all who write here. Raises
    Refused where one of these people was ended or erased, or has another role, since the plan.
    """
    applying = _Applying(connection, ground, school, staging)
    await applying.hold_people()
    await applying.hold_classes()
    await applying.hold_pupils()
    await applying.name()
    await applying.leave()
    await applying.put(no_password)
    await applying.join()
    await applying.take_along()
    await applying.tell()
    await applying.regroup()
    await applying.end_people()


class _Applying:
    def __init__(
        self, connection: AsyncConnection, ground: Ground, school: str, staging: Staging
    ) -> None:
        self._connection = connection
        self._ground = ground
        self._school = school
        self._staging = staging
        self._now = ground.clock()
        self._followed = set[str]()

    async def hold_people(self) -> None:
        """Have nobody else change whom this changes: a file gives and takes no rights meanwhile."""
        query = (
            "SELECT i.id, i.role, i.ended FROM d_teacher d JOIN known k ON k.what = 'teacher' "
            "AND k.source = d.source JOIN i_teacher i ON i.id = k.id ORDER BY i.id"
        )
        theirs = select(teachers.c.id, teachers.c.role, teachers.c.ended).where(
            teachers.c.school == self._school
        )
        async for rows in self._parts(query):
            mine = theirs.where(teachers.c.id.in_([id_ for id_, *_ in rows]))
            held = await self._connection.execute(mine.order_by(teachers.c.id).with_for_update())
            if {tuple(row) for row in held} != {(id_, role, bool(e)) for id_, role, e in rows}:
                raise Refused("changed-meanwhile", CHANGED)
        left = select(func.count()).where(
            sources.c.school == self._school, sources.c.what == "left"
        )
        async for rows in self._parts(_BACK):
            still = left.where(sources.c.source.in_([source for (source,) in rows]))
            if await self._connection.scalar(still) != len(rows):
                raise Refused("changed-meanwhile", CHANGED)

    async def hold_classes(self) -> None:
        """Have nobody else change who teaches a class that this names, and tell who does by now."""
        query = (
            "SELECT id FROM known WHERE what = 'class' AND source IN "
            "(SELECT source FROM d_class UNION SELECT class FROM d_teaching "
            "UNION SELECT class FROM d_place) ORDER BY id"
        )
        row = select(classes.c.id).where(classes.c.school == self._school).order_by(classes.c.id)
        taught = select(teaching.c.class_id, teaching.c.teacher).where(
            teaching.c.school == self._school, is_taught(self._now)
        )
        async for rows in self._parts(query):
            ids = [id_ for (id_,) in rows]
            await self._connection.execute(row.where(classes.c.id.in_(ids)).with_for_update())
            found = await self._connection.execute(taught.where(teaching.c.class_id.in_(ids)))
            await self._stage("DELETE FROM holds WHERE class = ?", rows)
            await self._stage("INSERT INTO holds VALUES (?, ?)", [tuple(each) for each in found])
        await self._hold_owned()

    async def _hold_owned(self) -> None:
        """Have nobody else place devices meanwhile, and go by whose own they are by now."""
        gone = "SELECT 1 FROM d_place WHERE act = 'removed' UNION SELECT 1 FROM d_class "
        gone += "WHERE act = 'removed' UNION SELECT 1 FROM d_pupil WHERE act = 'removed'"
        if not await asyncio.to_thread(lambda: list(self._staging.rows(gone))):
            return
        await hold_rows(self._connection, self._school)
        owned = await self._connection.execute(owned_of(self._school))
        await self._run("DELETE FROM owned", ())
        await self._stage("INSERT INTO owned VALUES (?, ?, ?, ?, ?)", [tuple(row) for row in owned])

    async def hold_pupils(self) -> None:
        """Have nobody erase meanwhile whom this names: an erased pupil does not come back by it."""
        query = (
            "SELECT id FROM i_pupil WHERE id IN (SELECT id FROM known WHERE what = 'pupil' AND "
            "source IN (SELECT source FROM d_pupil UNION SELECT user FROM d_place)) ORDER BY id"
        )
        here = select(pupils.c.id).where(pupils.c.school == self._school).order_by(pupils.c.id)
        async for rows in self._parts(query):
            mine = here.where(pupils.c.id.in_([id_ for (id_,) in rows]))
            if len((await self._connection.execute(mine.with_for_update())).all()) != len(rows):
                raise Refused("changed-meanwhile", CHANGED)

    async def name(self) -> None:
        """Give each new thing an id of ours, and keep the register's name of it."""
        for what in ("session", "class", "pupil", "teacher"):
            query = (
                f"SELECT d.source, known.id FROM d_{what} d LEFT JOIN known "
                f"ON what = '{what}' AND known.source = d.source WHERE act = 'added'"
            )
            async for rows in self._parts(query):
                named = [(what, source, id_ or self._ground.new_id()) for source, id_ in rows]
                await self._stage("INSERT OR IGNORE INTO known VALUES (?, ?, ?)", named)
                keys = ("what", "source", "id")
                await self._upsert(sources, named, keys, ("what", "source"))
        back = [(s,) async for part in self._parts(_BACK) for (s,) in part]
        await self._delete(sources, ("source",), back, and_(sources.c.what == "left"))

    async def leave(self) -> None:
        """End what is removed: places and teaching, people, classes, sessions."""
        pairs = f"SELECT {_CLASS}, {_PUPIL} FROM d_place d WHERE act = 'removed'"
        await self._each(pairs, self._leave_class)
        # A pupil who goes leaves classes too that were given by hand.
        gone = f"SELECT {_ID.format('pupil', 'source')} FROM d_pupil d WHERE act = 'removed'"
        await self._each(
            f"SELECT class, pupil FROM seat WHERE pupil IN ({gone})", self._leave_class
        )
        await self._each(gone, lambda rows: self._delete(pupils, ("id",), rows))
        taught = f"SELECT {_CLASS}, {_TEACHER} FROM d_teaching d WHERE act = 'removed'"
        await self._each(taught, self._teach_no_more)
        await self._part_with_people()
        over = f"SELECT {_ID.format('class', 'source')} FROM d_class d WHERE act = 'removed'"
        for (class_id,) in [row async for part in self._parts(over) for row in part]:
            await self._news(
                await retire_class(self._connection, self._school, class_id, self._now)
            )
            await self._run("DELETE FROM holds WHERE class = ?", (class_id,))
        ended = f"SELECT {_ID.format('session', 'source')} FROM d_session d WHERE act = 'removed'"
        await self._each(ended, lambda rows: self._delete(sessions, ("id",), rows))

    async def put(self, no_password: str) -> None:
        """Write what is new or changed of each thing."""
        for table, what, columns, names in (
            (sessions, "session", ("title", "kind", "begins_on", "ends_on"), ()),
            (classes, "class", ("name", "subject"), ()),
            (pupils, "pupil", ("given", "family"), ("given_name", "family_name")),
            (teachers, "teacher", ("login", "name"), ()),
        ):
            fields = ", ".join(f"d.{column}" for column in columns)
            query = (
                f"SELECT {_ID.format(what, 'source')}, {fields} "
                f"FROM d_{what} d WHERE act <> 'removed'"
            )
            more: dict[str, Any] = {"archived_at": 0} if table is classes else {}
            first = {"password_hash": no_password} if table is teachers else {}
            more |= {"ended": False} if table is teachers else {}
            keys = ("id", *(names or columns))

            async def write(
                rows: Rows,
                table: Table = table,
                keys: tuple[str, ...] = keys,
                more: dict[str, Any] = more,
                first: dict[str, Any] = first,
            ) -> None:
                await self._upsert(table, rows, keys, ("id",), more, first)

            await self._each(query, write)

    async def join(self) -> None:
        """Bring people into classes, and say when these are."""
        joined = (
            f"SELECT {_CLASS} AS class, {_PUPIL} AS pupil, given, family FROM d_place d "
            f"JOIN {_NAMES} n ON n.source = d.user WHERE act = 'added'"
        )
        renamed = (
            f"SELECT class, pupil, given, family FROM d_pupil d CROSS JOIN seat ON pupil = "
            f"{_ID.format('pupil', 'source')} WHERE act = 'changed'"
        )
        query = f"{renamed} UNION {joined} ORDER BY 1"
        async for part in self._whole_classes(query):
            await self._seat(part)
        taught = f"SELECT {_CLASS}, {_TEACHER} FROM d_teaching d WHERE act = 'added'"
        await self._each(taught, self._teach)
        session = _ID.format("session", "session")
        for query, table, names in (
            (f"SELECT {_CLASS}, {session} FROM d_term d", terms, ("class_id", "session")),
            (f"SELECT {_CLASS}, period, location FROM d_hour d", hours, _HOUR),
        ):
            keys = names[:2]
            over = query.replace(", location", "") + " WHERE act = 'removed'"
            async for rows in self._parts(over):
                await self._delete(table, keys, rows)
            async for rows in self._parts(f"{query} WHERE act <> 'removed'"):
                await self._upsert(table, rows, names, keys)
        changed = (
            "SELECT 'class:' || k.id, k.id, name, subject FROM d_class d JOIN known k ON "
            "what = 'class' AND k.source = d.source WHERE act <> 'removed' UNION ALL "
            "SELECT 'teacher:' || teacher, k.id, name, subject FROM d_class d JOIN known k ON "
            "what = 'class' AND k.source = d.source JOIN holds ON class = k.id "
            "WHERE act <> 'removed' UNION ALL "
            f"SELECT 'teacher:' || {_TEACHER}, {_CLASS}, name, subject FROM d_teaching d "
            f"JOIN {_CLASSES} c ON c.source = d.class WHERE act = 'added'"
        )
        async for rows in self._parts(changed):
            await self._news(told(scope, ClassRow(*facts)) for scope, *facts in rows)

    async def take_along(self) -> None:
        """Let devices follow whose own they are, out of a class that is left into those joined."""
        async for rows in self._parts(_ALONG):
            await self._delete(placements, ("class_id", "device"), [row[:2] for row in rows])
            own = [(joined, device, pupil) for _, device, _, _, pupil, joined in rows]
            keys = ("class_id", "device")
            await self._upsert(placements, own, (*keys, "pupil"), keys)
            await self._news(Told(f"class:{left}", "device", one, None) for left, one, *_ in rows)
            await self._news(
                told(f"class:{joined}", DeviceRow(device, joined, name, kind, pupil))
                for _, device, name, kind, pupil, joined in rows
            )
            self._followed |= {device for _, device, *_ in rows}
        new = (
            update(devices)
            .where(devices.c.school == self._school, devices.c.id == bindparam("k_id"))
            .values(assignment_version=next_assignment(self._now))
        )
        if self._followed:
            values = [{"k_id": device} for device in sorted(self._followed)]
            await self._connection.execute(new, values)

    async def regroup(self) -> None:
        await regroup_all(self._connection, self._school, list(self._followed), self._now)

    async def tell(self) -> None:
        """Publish, scope by scope in the one order, last of all."""
        query = "SELECT scope, entity, id, told FROM news ORDER BY scope"
        async for rows in self._parts(query):
            await publish(
                self._connection,
                self._school,
                [
                    Told(scope, entity, id_, _row.decode(row) if row else None)
                    for scope, entity, id_, row in rows
                ],
            )

    async def _leave_class(self, rows: Rows) -> None:
        kept = [(*row, self._now) for row in rows]
        keys = ("class_id", "pupil")
        await self._upsert(past, kept, (*keys, "left_at"), keys)
        await self._delete(memberships, keys, rows)
        await self._stage("DELETE FROM seat WHERE class = ? AND pupil = ?", rows)
        await self._news(
            Told(f"class:{class_id}", "pupil", pupil, None) for class_id, pupil in rows
        )
        owned = await asyncio.to_thread(self._owned, rows)
        if owned:
            shared = (
                update(placements)
                .where(
                    placements.c.school == self._school,
                    placements.c.class_id == bindparam("k_class"),
                    placements.c.device == bindparam("k_device"),
                )
                .values(pupil="")
            )
            values = [{"k_class": row.class_id, "k_device": row.id} for row in owned]
            await self._connection.execute(shared, values)
            await self._news(told(f"class:{row.class_id}", row) for row in owned)

    def _owned(self, rows: Rows) -> list[DeviceRow]:
        query = "SELECT device, class, name, kind FROM owned WHERE class = ? AND pupil = ?"
        return [DeviceRow(*found) for row in rows for found in self._staging.rows(query, row)]

    async def _teach_no_more(self, rows: Rows) -> None:
        ended = (
            update(teaching)
            .where(
                teaching.c.school == self._school,
                teaching.c.class_id == bindparam("k_class"),
                teaching.c.teacher == bindparam("k_teacher"),
            )
            .values(ends_at=OVER)
        )
        values = [{"k_class": class_id, "k_teacher": teacher} for class_id, teacher in rows]
        await self._connection.execute(ended, values)
        await self._stage("DELETE FROM holds WHERE class = ? AND teacher = ?", rows)
        await self._news(
            Told(f"teacher:{teacher}", "class", class_id, None) for class_id, teacher in rows
        )

    async def _teach(self, rows: Rows) -> None:
        given = [(*row, 0) for row in rows]
        keys = ("class_id", "teacher")
        await self._upsert(teaching, given, (*keys, "ends_at"), keys)

    async def end_people(self) -> None:
        """End who left, all by one list. Call it last: it holds the school's row."""
        people = [id_ async for part in self._parts(_LEAVERS) for _, id_ in part]
        if people:
            told = self._connection, self._ground, self._school, people
            await take_back_wipes(*told)
            await end_teachers(*told)

    async def _part_with_people(self) -> None:
        """Free the login of who left for another; the register may bring them back."""
        rows = [row async for part in self._parts(_LEAVERS) for row in part]
        if not rows:
            return
        freed = (
            update(teachers)
            .where(teachers.c.school == self._school, teachers.c.id == bindparam("k_id"))
            .values(login=bindparam("k_login"))
        )
        values = [{"k_id": id_, "k_login": login_after(id_)} for _, id_ in rows]
        await self._connection.execute(freed, values)
        left = (
            update(sources)
            .where(
                sources.c.school == self._school,
                sources.c.what == "teacher",
                sources.c.source == bindparam("k_source"),
            )
            .values(what="left")
        )
        await self._connection.execute(left, [{"k_source": source} for source, _ in rows])

    async def _seat(self, rows: Rows) -> None:
        """Give each of whole classes a display name that no other of the class bears."""
        seated = await asyncio.to_thread(self._displays, rows)
        keys = ("class_id", "pupil")
        # One at a time in this order: each name is free when its turn comes.
        await self._upsert(
            memberships, [row[:4] for row in seated], (*keys, "display", "seat"), keys
        )
        await self._news(
            told(f"class:{class_id}", PupilRow(pupil, class_id, given, family, display, seat))
            for class_id, pupil, display, seat, given, family in seated
        )

    def _displays(self, rows: Rows) -> Rows:
        made: Rows = []
        for class_id, members in groupby(rows, key=lambda row: row[0]):
            query = "SELECT pupil, display, seat FROM seat WHERE class = ?"
            here = {pupil: rest for pupil, *rest in self._staging.rows(query, (class_id,))}
            taken = {display for display, _ in here.values()}
            for _, pupil, given, family in members:
                own, seat = here.get(pupil, ("", 0))
                display = display_of(given, family, taken - {own})
                taken = taken - {own} | {display}
                made.append((class_id, pupil, display, seat, given, family))
        return made

    async def _whole_classes(self, query: str) -> AsyncIterator[Rows]:
        """Yield rows that are sorted by class, never a part of one."""
        waiting: Rows = []
        async for rows in self._parts(query):
            waiting += rows
            last = waiting[-1][0]
            if ready := [row for row in waiting if row[0] != last]:
                yield ready
                waiting = waiting[len(ready) :]
        if waiting:
            yield waiting

    async def _parts(self, query: str) -> AsyncIterator[Rows]:
        parts = await asyncio.to_thread(self._staging.parts, query)
        while rows := await asyncio.to_thread(next, parts, None):
            yield rows

    async def _each(self, query: str, write: Callable[[Rows], Any]) -> None:
        async for rows in self._parts(query):
            await write(rows)

    async def _run(self, statement: str, values: Sequence[Any]) -> None:
        await asyncio.to_thread(self._staging.run, statement, values)

    async def _stage(self, statement: str, rows: Rows) -> None:
        await asyncio.to_thread(self._staging.many, statement, rows)

    async def _news(self, news: Iterable[Told]) -> None:
        rows: Rows = [
            (each.scope, each.entity, each.id, json.encode(each.row) if each.row else None)
            for each in news
        ]
        await self._stage("INSERT OR REPLACE INTO news VALUES (?, ?, ?, ?)", rows)

    async def _upsert(
        self,
        table: Table,
        rows: Rows,
        columns: tuple[str, ...],
        keys: tuple[str, ...],
        more: dict[str, Any] | None = None,
        first: dict[str, Any] | None = None,
    ) -> None:
        """Write rows; `more` is the same in all of them, `first` only in those that are new."""
        added = upsert(self._connection, table)
        named = [*(column for column in columns if column not in keys), *(more or {})]
        index = ["school", *keys]
        if named:
            changed = {name: added.excluded[name] for name in named}
            added = added.on_conflict_do_update(index_elements=index, set_=changed)
        else:
            added = added.on_conflict_do_nothing(index_elements=index)
        same = {"school": self._school, **(more or {}), **(first or {})}
        values = [same | dict(zip(columns, row, strict=True)) for row in rows]
        for start in range(0, len(values), ROWS_AT_ONCE):
            await self._connection.execute(added, values[start : start + ROWS_AT_ONCE])

    async def _delete(
        self,
        table: Table,
        keys: tuple[str, ...],
        rows: Rows,
        *more: Any,  # noqa: ANN401
    ) -> None:
        if not rows:
            return
        named = [table.c[key] == bindparam(f"k_{key}") for key in keys]
        gone = delete(table).where(table.c.school == self._school, *named, *more)
        values = [{f"k_{key}": value for key, value in zip(keys, row, strict=True)} for row in rows]
        await self._connection.execute(gone, values)


_ALONG: Final = (
    f"WITH place AS (SELECT act, {_CLASS} AS class, {_PUPIL} AS pupil FROM d_place d), "
    "gone AS (SELECT class, pupil FROM place WHERE act = 'removed'), "
    "joined AS (SELECT class, pupil FROM place WHERE act = 'added') "
    "SELECT o.class, device, name, kind, o.pupil, joined.class FROM owned o "
    "JOIN gone ON gone.class = o.class AND gone.pupil = o.pupil "
    "JOIN joined ON joined.pupil = o.pupil WHERE NOT EXISTS (SELECT 1 FROM owned other "
    "WHERE other.class = joined.class AND other.device = o.device AND other.pupil <> o.pupil) "
    "ORDER BY device, joined.class"
)
_HOUR: Final = ("class_id", "period", "location")
_LEAVERS: Final = (
    f"SELECT d.source, {_ID.format('teacher', 'source')} FROM d_teacher d WHERE act = 'removed'"
)
_BACK: Final = (
    "SELECT k.source FROM known k JOIN d_teacher d ON d.source = k.source "
    "WHERE what = 'left' AND act = 'added'"
)
_NAMES: Final = (
    "(SELECT source, given, family FROM t_pupil UNION ALL SELECT source, given, family FROM "
    "s_pupil WHERE source NOT IN (SELECT source FROM t_pupil))"
)
_CLASSES: Final = (
    "(SELECT source, name, subject FROM t_class UNION ALL SELECT source, name, subject FROM "
    "s_class WHERE source NOT IN (SELECT source FROM t_class))"
)
