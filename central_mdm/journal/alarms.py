"""What a person of the school should look at: kept once, told to a teacher's app or listed."""

from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.heads import Alarm
from central_mdm.journal.model import alarms
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert

ALARMS_TOLD: Final = 20
ALARMS_LISTED: Final = 1000


async def raise_alarm(connection: AsyncConnection, school: str, teacher: str, alarm: Alarm) -> None:
    """Keep an alarm once, however often what it is about is brought.

    `teacher`: whose app is told that journals differ; "": nobody's, `pupitre-mdm alarms` lists it.
    """
    row: dict[str, Any] = {
        "school": school,
        "teacher": teacher,
        "journal": alarm.journal,
        "lesson": alarm.lesson,
        "code": alarm.code,
        "role": alarm.role,
        "party": alarm.party,
        "at": alarm.at,
        "detail": alarm.detail[:200],
    }
    await connection.execute(upsert(connection, alarms).values(row).on_conflict_do_nothing())


async def settle(connection: AsyncConnection, school: str, journal: str, code: str) -> None:
    """Take an alarm away: what it asked for is done."""
    mine = (alarms.c.school == school, alarms.c.journal == journal, alarms.c.code == code)
    await connection.execute(delete(alarms).where(*mine))


async def alarms_of(connection: AsyncConnection, caller: Caller) -> tuple[Alarm, ...]:
    """Return a teacher's alarms, the newest first."""
    return await _read(connection, ALARMS_TOLD, _of(caller.school, alarms.c.teacher == caller.id))


async def alarms_since(connection: AsyncConnection, school: str, since: int) -> tuple[Alarm, ...]:
    """Return all of a school's alarms since then, UTC seconds, the newest first."""
    return await _read(connection, ALARMS_LISTED, _of(school, alarms.c.at >= since))


def _of(school: str, also: ColumnElement[bool]) -> ColumnElement[bool]:
    return (alarms.c.school == school) & also


async def _read(
    connection: AsyncConnection, at_most: int, which: ColumnElement[bool]
) -> tuple[Alarm, ...]:
    wanted = select(alarms).where(which).order_by(alarms.c.at.desc()).limit(at_most)
    return tuple(
        Alarm(row.at, row.code, row.role, row.party, row.journal, row.lesson, row.detail)
        for row in await connection.execute(wanted)
    )
