"""A teacher's tokens: a short one to work with, and a refresh token that is used once."""

from typing import Final

from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity.model import refresh_tokens, teacher_tokens, teachers
from central_mdm.platform.authentication import Caller, hash_of, token_for
from central_mdm.platform.errors import NotSignedIn
from central_mdm.platform.ground import Ground

TOKEN_SECONDS: Final = 3600
REFRESH_SECONDS: Final = 60 * 24 * 3600
# An answer lost on the way makes an honest app ask twice; later, it is a stolen token.
TWICE_SECONDS: Final = 60


class Pair(Struct, frozen=True):
    token: str
    refresh: str
    teacher: str


async def issue_pair(
    connection: AsyncConnection, ground: Ground, school: str, teacher: str, family: str
) -> Pair:
    """Issue the next pair of a family; a family is all that came of one password."""
    now = ground.clock()
    token = token_for("teacher", school, ground.new_secret())
    refresh = token_for("teacher", school, ground.new_secret())
    for table in (teacher_tokens, refresh_tokens):
        await connection.execute(
            delete(table).where(
                table.c.school == school, table.c.teacher == teacher, table.c.ends_at <= now
            )
        )
    holder = {"school": school, "teacher": teacher, "family": family}
    short = {"token_hash": hash_of(token), "ends_at": now + TOKEN_SECONDS}
    long = {"token_hash": hash_of(refresh), "ends_at": now + REFRESH_SECONDS}
    await connection.execute(insert(teacher_tokens).values(holder | short))
    await connection.execute(insert(refresh_tokens).values(holder | long))
    return Pair(token, refresh, teacher)


async def rotate(
    connection: AsyncConnection, ground: Ground, school: str, refresh: str
) -> Pair | None:
    """Spend a refresh token for the next pair. Raises NotSignedIn for an unknown or ended one.

    None: it was spent a while ago, so somebody else holds it. Its family is revoked in this
    transaction, which the caller lets stand before it refuses.
    """
    now = ground.clock()
    table = refresh_tokens
    mine = (table.c.school == school, table.c.token_hash == hash_of(refresh))
    row = (await connection.execute(select(table).where(*mine).with_for_update())).first()
    if row is None or row.ends_at <= now:
        raise NotSignedIn
    if row.used_at and now - row.used_at > TWICE_SECONDS:
        await revoke_family(connection, school, row.family)
        return None
    if not row.used_at:
        await connection.execute(update(table).where(*mine).values(used_at=now))
    return await issue_pair(connection, ground, school, row.teacher, row.family)


async def revoke_family(connection: AsyncConnection, school: str, family: str) -> None:
    for table in (teacher_tokens, refresh_tokens):
        await connection.execute(
            delete(table).where(table.c.school == school, table.c.family == family)
        )


async def read_teacher(
    connection: AsyncConnection, school: str, token_hash: str, now: int
) -> Caller | None:
    """Who holds this token (a `Reader`)."""
    table = teacher_tokens
    person = (teachers.c.school == table.c.school) & (teachers.c.id == table.c.teacher)
    wanted = (
        select(teachers.c.id, teachers.c.role)
        .join(table, person)
        .where(table.c.school == school, table.c.token_hash == token_hash, table.c.ends_at > now)
    )
    row = (await connection.execute(wanted)).first()
    return None if row is None else Caller(school, "teacher", row.id, duty=row.role)
