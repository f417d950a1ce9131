"""What may be pulled, and the pages of a scope."""

import logging
from collections.abc import Iterable
from typing import Final

import blake3
from msgspec import json
from msgspec.structs import replace
from sqlalchemy import and_, bindparam, case, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.checksum import checksum_of, mark_of
from central_mdm.contract.roster import Change, Changes, Row, Scopes
from central_mdm.identity.model import schools
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import NotAllowed
from central_mdm.roster.cursors import Cursor, resumed, text_of
from central_mdm.roster.model import changes, is_taught, memberships, scopes, teaching

log = logging.getLogger(__name__)
PAGE_MAX: Final = 500
_row: Final = json.Decoder(Row)
# A school pulls by these all day: made once, they cost half.
_CLASSES: Final = select(teaching.c.class_id, teaching.c.ends_at).where(
    teaching.c.school == bindparam("school"),
    teaching.c.teacher == bindparam("teacher"),
    is_taught(bindparam("now")),
)
_EVER: Final = select(teaching.c.class_id).where(
    teaching.c.school == bindparam("school"), teaching.c.teacher == bindparam("teacher")
)
_TEACHES: Final = exists().where(
    teaching.c.school == schools.c.school,
    teaching.c.teacher == bindparam("teacher"),
    teaching.c.class_id == bindparam("class_id"),
    is_taught(bindparam("now")),
)
_STAND: Final = select(
    schools.c.epoch,
    select(scopes.c.sequence)
    .where(scopes.c.school == schools.c.school, scopes.c.scope == bindparam("scope"))
    .scalar_subquery()
    .label("sequence"),
    _TEACHES.label("teaches"),
).where(schools.c.school == bindparam("school"))
_ENDS: Final = (
    select(schools.c.epoch, scopes.c.scope, scopes.c.sequence)
    .select_from(
        schools.outerjoin(
            scopes,
            and_(
                scopes.c.school == schools.c.school,
                scopes.c.scope.in_(bindparam("told", expanding=True)),
            ),
        )
    )
    .where(schools.c.school == bindparam("school"))
)
"""One row at least, for the epoch: a scope in which nothing ever changed has none."""
_IS_NEW: Final = changes.c.sequence > bindparam("after")
_ROWS: Final = (
    select(
        changes.c.sequence,
        changes.c.entity,
        changes.c.id,
        changes.c.row.is_not(None).label("lives"),
        _IS_NEW.label("is_new"),
        case((_IS_NEW, changes.c.row)).label("row"),
    )
    .where(
        changes.c.school == bindparam("school"),
        changes.c.scope == bindparam("scope"),
        or_(changes.c.row.is_not(None), _IS_NEW),
    )
    .order_by(changes.c.sequence)
)
"""What stands, for the checksum, and with its content what is new."""


async def classes_of(connection: AsyncConnection, school: str, teacher: str) -> tuple[str, ...]:
    """Return all classes that were given to a teacher, those of a substitute's past days too.

    What is to be known of a lesson may come long after it.
    """
    named = {"school": school, "teacher": teacher}
    return tuple(sorted((await connection.execute(_EVER, named)).scalars()))


async def classes_now(
    connection: AsyncConnection, school: str, teacher: str, now: int
) -> tuple[tuple[str, ...], int]:
    """Return the classes that a teacher has now, and when the first of them ends (0: none does)."""
    named = {"school": school, "teacher": teacher, "now": now}
    rows = (await connection.execute(_CLASSES, named)).all()
    ends = [row.ends_at for row in rows if row.ends_at]
    return tuple(sorted(row.class_id for row in rows)), min(ends, default=0)


async def is_pupil_of(connection: AsyncConnection, school: str, class_id: str, pupil: str) -> bool:
    wanted = select(memberships.c.pupil).where(
        memberships.c.school == school,
        memberships.c.class_id == class_id,
        memberships.c.pupil == pupil,
    )
    return (await connection.execute(wanted)).first() is not None


async def scopes_of(
    connection: AsyncConnection, caller: Caller, now: int, next_seconds: int
) -> Scopes:
    """Return the teacher's own scope, then one a class, and where each ends.

    Rights are asked when pulling. The caller's transaction must see one moment throughout.
    """
    classes, _ = await classes_now(connection, caller.school, caller.id, now)
    told = (f"teacher:{caller.id}", *(f"class:{each}" for each in classes))
    named = {"school": caller.school, "told": told}
    rows = (await connection.execute(_ENDS, named)).all()
    ends = {row.scope: row.sequence for row in rows}
    cursors = (text_of(Cursor(rows[0].epoch, one, ends.get(one) or 0)) for one in told)
    return Scopes(told, tuple(cursors), next_seconds)


async def changes_of(
    connection: AsyncConnection,
    caller: Caller,
    scope: str,
    cursor: str,
    limit: int,
    now: int,
) -> Changes:
    """One page after what `cursor` says, in order; "" begins. Raises NotAllowed.

    The caller's transaction must see one moment throughout. The page says where it stops; count and
    checksum come with the last page only.
    """
    named = {"school": caller.school, "scope": scope}
    kind, _, class_id = scope.partition(":")
    asked = {"teacher": caller.id, "class_id": class_id, "now": now}
    stand = (await connection.execute(_STAND, named | asked)).one()
    if scope != f"teacher:{caller.id}" and not (kind == "class" and stand.teaches):
        raise NotAllowed("foreign-scope", "This teacher does not have that scope.")
    end = Cursor(stand.epoch, scope, stand.sequence or 0)
    after, why = resumed(cursor, end)
    if why:
        log.info("told from the start", extra=named | {"cursor": why})
    rows = (await connection.execute(_ROWS, named | {"after": after})).all()
    new = [row for row in rows if row.is_new]
    told = tuple(
        Change(row.sequence, row.entity, row.id, _row.decode(row.row) if row.row else None)
        for row in new[:limit]
    )
    if len(new) > limit:
        stop = text_of(replace(end, sequence=told[-1].sequence))
        return Changes(scope, end.epoch, told, has_more=True, cursor=stop)
    standing = [(row.entity, row.id, row.sequence) for row in rows if row.lives]
    total = sum_of(standing)
    return Changes(scope, end.epoch, told, False, text_of(end), len(standing), total)  # noqa: FBT003 - no more


def sum_of(rows: Iterable[tuple[str, str, int]]) -> str:
    """Return the contract's checksum over (entity, id, sequence) of live rows."""
    return checksum_of(blake3.blake3(mark_of(*row)).digest() for row in rows)
