"""Looking whether the events here are as they were taken in: a teacher's journal is a chain.

Proved, by nothing but what was pushed: that an event's columns say what its body says; that the
hash of an event of a bare kind (`BARE_KINDS`) follows from its body and the hash before; that as
many events are here as were answered with "applied", each under its id; that each lesson has some.
So a changed, removed, added or moved row is found, by what it says or by what comes after it.

Not proved: what an event that speaks of a pupil says beside id, lesson, kind and time, for its
hash is made with a salt that stays in the app; what was forgotten; what follows an event that is
not here yet or was refused. And who writes a whole journal and its answers anew is found by the
heads alone that its owner signed. The app's `pupitre journal verify` proves all of these.
"""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import blake3
from msgspec import Struct, json
from sqlalchemy import Row, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.chain import BARE_KINDS, BEFORE_ALL, NOTHING_APART, link_bytes_of
from central_mdm.journal.forgetting import FORGOTTEN
from central_mdm.journal.model import events, lessons, origins, outcomes

NAMED_MAX: Final = 100
"""Of each kind of fault: a person reads them."""
_ROWS_AT_ONCE: Final = 1000
_HASH: Final = re.compile(r"[0-9a-f]{64}")


class _Says(Struct, frozen=True):
    """What a body says that columns say as well; all acts of an app do."""

    type: str | None = None
    id: str | None = None
    lesson: str | None = None
    at: int | None = None


_says: Final = json.Decoder(_Says)


class _Journal:
    """Goes through one journal's events in their order. `told`: its row of `origins`."""

    def __init__(self, told: Row[Any]) -> None:
        self._told = told
        self._events = self._newest = 0
        self._hash: bytes | None = BEFORE_ALL
        self._lesson = ""
        self._beside: set[str] = set()
        """The lessons beside what is not here."""

    @property
    def teacher(self) -> str:
        return self._told.teacher

    def follow(self, row: Row[Any]) -> str:
        """Take the next event; return what is wrong with it, or ""."""
        next_one = row.sequence == self._newest + 1
        before = self._hash if next_one else None
        if not next_one:
            self._beside |= {self._lesson, row.lesson}
        self._events += row.sequence > self._told.after  # those before count with another journal
        self._newest, self._lesson = row.sequence, row.lesson
        self._hash = bytes.fromhex(row.hash) if _HASH.fullmatch(row.hash) else None
        if row.teacher != self.teacher:
            return "is another teacher's than its journal"
        if row.body == FORGOTTEN:
            return ""
        if not _says_itself(row):
            return "does not say what its body says"
        return "" if before is None or self._follows(row, before) else "does not follow"

    def gone(self, lost: list[str], refused: int) -> list[str]:
        """Say what was taken in and is not here.

        `lost`: ids of such events of this teacher; `refused`: of how many nothing was kept.
        """
        away = self._told.settled - self._events
        if self._newest > self._told.highest or away < 0:
            return [f"journal {self._told.origin}: has more than was counted"]
        if not away or (not lost and away <= refused):
            return []
        if self._newest < self._told.highest:
            self._beside.add(self._lesson)
        where = ", ".join(sorted(self._beside - {""})) or "without a name"
        named = " ".join([f"in journal {self._told.origin}", *sorted(lost)[:NAMED_MAX]])
        return [f"lesson {where}: lacks what was taken in, {named}"]

    def _follows(self, row: Row[Any], before: bytes) -> bool:
        if self._hash is None or row.kind not in BARE_KINDS:
            return True
        linked = link_bytes_of(before, row.sequence, NOTHING_APART, row.body)
        return blake3.blake3(linked).digest() == self._hash


async def follow_chains(connection: AsyncConnection, school: str) -> list[str]:
    """Go through all events of a school; return what does not fit, by lesson."""
    told = await connection.execute(select(origins).where(origins.c.school == school))
    followed = {row.origin: _Journal(row) for row in told}
    faults: list[str] = []
    async for row in _in_order(connection, school):
        journal = followed.get(row.origin)
        why = journal.follow(row) if journal else "is of a journal that nobody began"
        if why and len(faults) < NAMED_MAX:
            faults.append(f"lesson {row.lesson}: event {row.id} {why}")
    lost, refused = await _lost(connection, school), await _refused(connection, school)
    for journal in followed.values():
        faults += journal.gone(lost.get(journal.teacher, []), refused.get(journal.teacher, 0))
    return faults + await _unasked(connection, school) + await _empty(connection, school)


async def _in_order(connection: AsyncConnection, school: str) -> AsyncIterator[Row[Any]]:
    wanted = select(events).where(events.c.school == school)
    wanted = wanted.order_by(events.c.origin, events.c.sequence)
    async with connection.stream(wanted.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        async for row in rows:
            yield row


def _says_itself(row: Row[Any]) -> bool:
    try:
        said = _says.decode(row.body)
    except (ValueError, RecursionError):
        return False
    pairs = (
        (said.type, row.kind),
        (said.id, row.id),
        (said.lesson, row.lesson),
        (said.at, row.happened_at),
    )
    return all(told in {None, column} for told, column in pairs)


async def _lost(connection: AsyncConnection, school: str) -> dict[str, list[str]]:
    """Return the ids of what was answered with "applied" and is not here, by teacher."""
    same = and_(events.c.school == outcomes.c.school, events.c.id == outcomes.c.id)
    wanted = (
        select(outcomes.c.teacher, outcomes.c.id)
        .outerjoin(events, same)
        .where(outcomes.c.school == school, outcomes.c.state == "applied", events.c.id.is_(None))
    )
    lost: dict[str, list[str]] = {}
    for row in await connection.execute(wanted.order_by(outcomes.c.id).limit(NAMED_MAX)):
        lost.setdefault(row.teacher, []).append(row.id)
    return lost


async def _refused(connection: AsyncConnection, school: str) -> dict[str, int]:
    counted = select(outcomes.c.teacher, func.count().label("times")).where(
        outcomes.c.school == school, outcomes.c.state == "refused"
    )
    rows = await connection.execute(counted.group_by(outcomes.c.teacher))
    return {row.teacher: row.times for row in rows}


async def _unasked(connection: AsyncConnection, school: str) -> list[str]:
    """Return the events that nobody was told "applied" of."""
    same = and_(
        outcomes.c.school == events.c.school,
        outcomes.c.id == events.c.id,
        outcomes.c.teacher == events.c.teacher,
        outcomes.c.state == "applied",
    )
    wanted = (
        select(events.c.lesson, events.c.id)
        .outerjoin(outcomes, same)
        .where(events.c.school == school, outcomes.c.id.is_(None))
    )
    rows = await connection.execute(wanted.order_by(events.c.id).limit(NAMED_MAX))
    return [f"lesson {row.lesson}: event {row.id} was not taken in" for row in rows]


async def _empty(connection: AsyncConnection, school: str) -> list[str]:
    """Return the lessons that were begun and have no event of who began them."""
    mine = and_(
        events.c.school == lessons.c.school,
        events.c.lesson == lessons.c.lesson,
        events.c.teacher == lessons.c.teacher,
    )
    wanted = (
        select(lessons.c.lesson)
        .outerjoin(events, mine)
        .where(lessons.c.school == school, events.c.id.is_(None))
    )
    rows = await connection.execute(wanted.order_by(lessons.c.lesson).limit(NAMED_MAX))
    return [f"lesson {row.lesson}: has no events any more" for row in rows]
