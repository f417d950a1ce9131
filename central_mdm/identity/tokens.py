"""A teacher's tokens: a short one to work with, and a refresh token that is used once."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Row,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity.descent import Descent, read_descent, with_descent
from central_mdm.identity.model import refresh_tokens, teacher_tokens, teachers
from central_mdm.platform.ahead import ends_by
from central_mdm.platform.authentication import Caller, hash_of, token_for
from central_mdm.platform.errors import NotSignedIn
from central_mdm.platform.ground import Ground

TOKEN_SECONDS: Final = 3600
REFRESH_SECONDS: Final = 100 * 24 * 3600
"""An app stays shut over a summer: Italy's, of Europe's longest, has up to fourteen weeks."""
LOST: Final = -1
"""In the place of when a token was used: it was in an answer that its app never had."""


# Each request of a teacher asks this: made once, it costs half.
_HOLDER: Final = (
    select(
        teacher_tokens.c.teacher,
        teacher_tokens.c.family,
        teacher_tokens.c.second,
        teacher_tokens.c.visitor,
        teachers.c.role,
    )
    .outerjoin(
        teachers,
        (teachers.c.school == teacher_tokens.c.school)
        & (teachers.c.id == teacher_tokens.c.teacher),
    )
    .where(
        teacher_tokens.c.school == bindparam("school"),
        teacher_tokens.c.token_hash == bindparam("token_hash"),
        teacher_tokens.c.ends_at > bindparam("now"),
        teacher_tokens.c.ends_at <= bindparam("latest"),
    )
)


class Pair(Struct, frozen=True):
    token: str
    refresh: str
    teacher: str
    second: bool = False


async def issue_pair(  # noqa: PLR0913 - whose, of which family, by what
    connection: AsyncConnection,
    ground: Ground,
    school: str,
    teacher: str,
    family: str,
    *,
    second: bool = False,
    parent: str = "",
    parent_told: bool = False,
) -> Pair:
    """Issue the next pair of a family; a family is all that came of one sign-in.

    `second`: a second factor was given. `parent`: the hash of the token that is spent for it;
    `parent_told`: that tells its own descent.
    """
    now = ground.clock()
    token = token_for("teacher", school, ground.new_secret())
    descent = Descent(family, now + REFRESH_SECONDS, parent_told)
    secret = with_descent(ground.keys.passes(), school, ground.new_secret(), descent)
    refresh = token_for("teacher", school, secret)
    for table in (teacher_tokens, refresh_tokens):
        await connection.execute(
            delete(table).where(
                table.c.school == school, table.c.teacher == teacher, table.c.ends_at <= now
            )
        )
    holder = {"school": school, "teacher": teacher, "family": family, "second": second}
    short = {"token_hash": hash_of(token), "ends_at": now + TOKEN_SECONDS}
    long = {"token_hash": hash_of(refresh), "ends_at": now + REFRESH_SECONDS, "parent": parent}
    await connection.execute(insert(teacher_tokens).values(holder | short))
    await connection.execute(insert(refresh_tokens).values(holder | long))
    return Pair(token, refresh, teacher, second)


async def rotate(
    connection: AsyncConnection, ground: Ground, school: str, refresh: str
) -> Pair | None:
    """Spend a refresh token for the next pair. Raises NotSignedIn for an unknown or ended one.

    Asked again, however late, it buys another pair in the place of one that was never renewed:
    the answer was lost, or its app died before it was kept (decision 35). None: what it bought was
    renewed, or had its place taken, so somebody else holds it. Its family is revoked in this
    transaction, which the caller lets stand before it refuses.
    """
    now, digest = ground.clock(), hash_of(refresh)
    descent = read_descent(ground.keys.passes(), school, refresh, now)
    table = refresh_tokens
    mine = (table.c.school == school, table.c.token_hash == digest)
    await _hold_person(connection, school, digest, descent)
    row = (await connection.execute(select(table).where(*mine))).first()
    if row is None and descent is not None:
        # It was spent, and what it bought was renewed: its row went then.
        if await revoke_family(connection, school, descent.family):
            return None
        raise NotSignedIn
    if row is None or row.ends_at <= now:
        raise NotSignedIn
    if row.used_at:
        bought = _bought_by(school, row.family, digest)
        # What was renewed is spent, or gone since.
        waits = select(table.c.token_hash).where(*bought, table.c.used_at == 0).limit(1)
        renewed = (await connection.execute(waits)).first() is None
        if renewed or row.used_at == LOST:
            await revoke_family(connection, school, row.family)
            return None
        # Who asks again has not had the first answer: whoever has it is somebody else, who finds
        # at the next request that it opens nothing, and by renewing it ends the family.
        await connection.execute(update(table).where(*bought).values(used_at=LOST))
        await _end_short(connection, school, row.family)
    else:
        await connection.execute(update(table).where(*mine).values(used_at=now))
        if row.parent and descent is not None:
            await _end_parent(connection, school, row, is_told=descent.parent_told)
    return await issue_pair(
        connection,
        ground,
        school,
        row.teacher,
        row.family,
        second=row.second,
        parent=digest,
        parent_told=descent is not None,
    )


async def _hold_person(
    connection: AsyncConnection, school: str, digest: str, descent: Descent | None
) -> None:
    """Hold the row of whose token it is: two that are shown at once are looked at in turn."""
    family = descent.family if descent else ""
    whose = select(refresh_tokens.c.teacher).where(
        refresh_tokens.c.school == school,
        or_(refresh_tokens.c.token_hash == digest, refresh_tokens.c.family == family),
    )
    person = (await connection.execute(whose.limit(1))).scalar()
    held = select(teachers.c.id).where(teachers.c.school == school, teachers.c.id == person)
    await connection.execute(held.with_for_update())


def _bought_by(school: str, family: str, parent: str) -> tuple[ColumnElement[bool], ...]:
    """Find what a token has bought; of its family, by which there is an index."""
    table = refresh_tokens
    return table.c.school == school, table.c.family == family, table.c.parent == parent


async def _end_parent(
    connection: AsyncConnection, school: str, spent: Row[Any], *, is_told: bool
) -> None:
    """Remove what may only end the family from now on; one that does not tell which, stays."""
    table = refresh_tokens
    beside = and_(table.c.parent == spent.parent, table.c.used_at == LOST)
    over = (
        table.c.school == school,
        table.c.family == spent.family,
        or_(table.c.token_hash == spent.parent, beside),
    )
    ends = delete(table) if is_told else update(table).values(used_at=LOST)
    await connection.execute(ends.where(*over))


async def _end_short(connection: AsyncConnection, school: str, family: str) -> None:
    """End what a family works with; by its refresh tokens it goes on."""
    mine = (teacher_tokens.c.school == school, teacher_tokens.c.family == family)
    await connection.execute(delete(teacher_tokens).where(*mine))


async def shorten(connection: AsyncConnection, school: str, now: int) -> None:
    """Have refresh tokens that were made by a clock ahead end as if they were made at `now`.

    Who shows one has the next by the clock of then anyway, so nobody has to sign in for it.
    """
    mine = update(refresh_tokens).where(refresh_tokens.c.school == school)
    far = refresh_tokens.c.ends_at > ends_by(now, REFRESH_SECONDS)
    await connection.execute(mine.where(far).values(ends_at=now + REFRESH_SECONDS))


async def goes_on(connection: AsyncConnection, school: str, family: str) -> bool:
    """Return whether a sign-in was not ended meanwhile."""
    wanted = select(refresh_tokens.c.token_hash).where(
        refresh_tokens.c.school == school, refresh_tokens.c.family == family
    )
    return (await connection.execute(wanted.limit(1))).first() is not None


async def revoke_family(connection: AsyncConnection, school: str, family: str) -> bool:
    """End all that came of one sign-in; False where there was nothing of it any more."""
    gone = 0
    for table in (teacher_tokens, refresh_tokens):
        mine = delete(table).where(table.c.school == school, table.c.family == family)
        gone += (await connection.execute(mine)).rowcount
    return gone > 0


async def revoke_person(connection: AsyncConnection, school: str, teacher: str) -> None:
    """End every sign-in of a person."""
    for table in (teacher_tokens, refresh_tokens):
        await connection.execute(
            delete(table).where(table.c.school == school, table.c.teacher == teacher)
        )


async def read_teacher(
    connection: AsyncConnection, school: str, token_hash: str, now: int
) -> Caller | None:
    """Who holds this token (a `Reader`)."""
    named = {"school": school, "token_hash": token_hash, "now": now}
    named["latest"] = ends_by(now, TOKEN_SECONDS)
    row = (await connection.execute(_HOLDER, named)).first()
    if row is None or not (row.visitor or row.role):
        return None
    return Caller(
        school,
        "teacher",
        row.teacher,
        duty="administrator" if row.visitor else row.role,
        session=row.family,
        second=row.second,
        visitor=row.visitor,
    )
