"""Wrong passwords are counted a login (known or not), and cost more and more time."""

import hashlib
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.identity.model import sign_in_failures as failures
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import TryAgain

FREE_FAILURES: Final = 5
WAIT_SECONDS_MAX: Final = 900
FORGET_SECONDS: Final = 3600
GUESSES: Final = 10
"""So many tries for one person: nobody forgets a password that often, so somebody is told."""


def _key(login: str) -> str:
    # A hash, for people type passwords into the field for logins.
    return hashlib.sha256(login.encode()).hexdigest()


async def check(connection: AsyncConnection, school: str, login: str, now: int) -> None:
    """Raise TryAgain while this login has to wait.

    Nobody is told to wait longer than the longest: then the clock was ahead when it was written.
    """
    wanted = select(failures.c.blocked_until).where(
        failures.c.school == school, failures.c.login_hash == _key(login)
    )
    blocked_until = (await connection.execute(wanted)).scalar() or 0
    if now < blocked_until <= now + WAIT_SECONDS_MAX:
        raise TryAgain("too-many-attempts", blocked_until - now)


async def note_failure(connection: AsyncConnection, school: str, login: str, now: int) -> int:
    """Count one more and return how many.

    From the fifth on, wait 2, 4, 8 … seconds, at most a quarter of an hour.
    """
    old = delete(failures).where(failures.c.school == school, failures.c.forget_at <= now)
    await connection.execute(old)
    mine = (failures.c.school == school, failures.c.login_hash == _key(login))
    counted = (await connection.execute(select(failures.c.failures).where(*mine))).scalar() or 0
    count = counted + 1
    over = max(0, count - FREE_FAILURES + 1)
    wait = min(2 ** min(over, 20), WAIT_SECONDS_MAX) if over else 0
    facts = {"failures": count, "blocked_until": now + wait, "forget_at": now + FORGET_SECONDS}
    row = {"school": school, "login_hash": _key(login), **facts}
    await connection.execute(
        upsert(connection, failures)
        .values(row)
        .on_conflict_do_update(index_elements=["school", "login_hash"], set_=facts)
    )
    return count


async def forget(connection: AsyncConnection, school: str, login: str) -> None:
    await connection.execute(
        delete(failures).where(failures.c.school == school, failures.c.login_hash == _key(login))
    )
