"""What may be pulled, and the pages of a scope."""

from collections.abc import Iterable
from typing import Final

import blake3
from msgspec import json
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.checksum import checksum_of, mark_of
from central_mdm.contract.roster import Change, Changes, Row
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import NotAllowed
from central_mdm.roster.model import changes, memberships, scopes, teaching

PAGE_MAX: Final = 500
_row: Final = json.Decoder(Row)


async def classes_of(connection: AsyncConnection, school: str, teacher: str) -> tuple[str, ...]:
    wanted = select(teaching.c.class_id).where(
        teaching.c.school == school, teaching.c.teacher == teacher
    )
    return tuple(sorted((await connection.execute(wanted)).scalars()))


async def is_pupil_of(connection: AsyncConnection, school: str, class_id: str, pupil: str) -> bool:
    wanted = select(memberships.c.pupil).where(
        memberships.c.school == school,
        memberships.c.class_id == class_id,
        memberships.c.pupil == pupil,
    )
    return (await connection.execute(wanted)).first() is not None


async def scopes_of(connection: AsyncConnection, caller: Caller) -> tuple[str, ...]:
    """Return the teacher's own scope, then one a class: rights are asked when pulling."""
    classes = await classes_of(connection, caller.school, caller.id)
    return (f"teacher:{caller.id}", *(f"class:{each}" for each in classes))


async def changes_of(
    connection: AsyncConnection, caller: Caller, scope: str, epoch: str, after: int, limit: int
) -> Changes:
    """One page after `after`, in order. The caller's transaction must see one moment throughout.

    The page says where it stops; count and checksum come with the last page only.
    """
    if scope not in await scopes_of(connection, caller):
        raise NotAllowed("foreign-scope", "This teacher does not have that scope.")
    school = caller.school
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
