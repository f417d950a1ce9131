"""What may be pulled, and the pages of a scope."""

from collections.abc import Iterable
from typing import Final

import blake3
from msgspec import json
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.checksum import checksum_of, mark_of
from central_mdm.contract.roster import Change, Changes, Row
from central_mdm.platform.authentication import Caller
from central_mdm.roster.model import changes, memberships, scopes, teaching

PAGE_MAX: Final = 500
_row: Final = json.Decoder(Row)


async def classes_of(connection: AsyncConnection, school: str, teacher: str) -> tuple[str, ...]:
    """Return all classes that were given to a teacher, those of a substitute's past days too.

    What is to be known of a lesson may come long after it.
    """
    wanted = select(teaching.c.class_id).where(
        teaching.c.school == school, teaching.c.teacher == teacher
    )
    return tuple(sorted((await connection.execute(wanted)).scalars()))


async def classes_now(
    connection: AsyncConnection, school: str, teacher: str, now: int
) -> tuple[tuple[str, ...], int]:
    """Return the classes that a teacher has now, and when the first of them ends (0: none does)."""
    wanted = select(teaching.c.class_id, teaching.c.ends_at).where(
        teaching.c.school == school,
        teaching.c.teacher == teacher,
        or_(teaching.c.ends_at == 0, teaching.c.ends_at > now),
    )
    rows = (await connection.execute(wanted)).all()
    ends = [row.ends_at for row in rows if row.ends_at]
    return tuple(sorted(row.class_id for row in rows)), min(ends, default=0)


async def is_pupil_of(connection: AsyncConnection, school: str, class_id: str, pupil: str) -> bool:
    wanted = select(memberships.c.pupil).where(
        memberships.c.school == school,
        memberships.c.class_id == class_id,
        memberships.c.pupil == pupil,
    )
    return (await connection.execute(wanted)).first() is not None


async def scopes_of(connection: AsyncConnection, caller: Caller, now: int) -> tuple[str, ...]:
    """Return the teacher's own scope, then one a class: rights are asked when pulling."""
    classes, _ = await classes_now(connection, caller.school, caller.id, now)
    return (f"teacher:{caller.id}", *(f"class:{each}" for each in classes))


async def changes_of(
    connection: AsyncConnection, school: str, scope: str, epoch: str, after: int, limit: int
) -> Changes:
    """One page after `after`, in order. The caller's transaction must see one moment throughout.

    The page says where it stops; count and checksum come with the last page only.
    """
    counter = select(scopes.c.sequence).where(scopes.c.school == school, scopes.c.scope == scope)
    sequence: int = (await connection.execute(counter)).scalar() or 0
    if after > sequence:
        after = 0  # an app that knows more than we do is told all
    mine = (changes.c.school == school, changes.c.scope == scope)
    page = (
        select(changes.c.sequence, changes.c.entity, changes.c.id, changes.c.row)
        .where(*mine, changes.c.sequence > after)
        .order_by(changes.c.sequence)
        .limit(limit + 1)
    )
    rows = (await connection.execute(page)).all()
    told = tuple(
        Change(row.sequence, row.entity, row.id, _row.decode(row.row) if row.row else None)
        for row in rows[:limit]
    )
    if len(rows) > limit:
        return Changes(scope, epoch, told, told[-1].sequence, has_more=True)
    live = select(changes.c.entity, changes.c.id, changes.c.sequence)
    live = live.where(*mine, changes.c.row.is_not(None))
    standing = (await connection.execute(live)).all()
    total = sum_of((row.entity, row.id, row.sequence) for row in standing)
    return Changes(scope, epoch, told, sequence, False, len(standing), total)  # noqa: FBT003 - no more


def sum_of(rows: Iterable[tuple[str, str, int]]) -> str:
    """Return the contract's checksum over (entity, id, sequence) of live rows."""
    return checksum_of(blake3.blake3(mark_of(*row)).digest() for row in rows)
