"""Ended tokens and wrong passwords of yesterday: nobody needs them any more."""

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity.model import (
    openid_spent,
    refresh_tokens,
    sign_in_failures,
    teacher_tokens,
)


async def forget_tokens(connection: AsyncConnection, school: str, now: int) -> int:
    """Forget what has ended at `now`, UTC seconds; return how much that was."""
    ends = (
        (teacher_tokens, teacher_tokens.c.ends_at),
        (refresh_tokens, refresh_tokens.c.ends_at),
        (sign_in_failures, sign_in_failures.c.forget_at),
        (openid_spent, openid_spent.c.ends_at),
    )
    gone = 0
    for table, end in ends:
        old = delete(table).where(table.c.school == school, end <= now)
        gone += (await connection.execute(old)).rowcount
    return gone
