"""Wrong passwords are counted a login (known or not), and cost more and more time."""

import hashlib
from typing import Final

from sqlalchemy import case, delete, update
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


async def count(connection: AsyncConnection, school: str, login: str, now: int) -> int:
    """Count one more try and return how many that are. Raises TryAgain: this login has to wait.

    From the fifth on, wait 2, 4, 8 … seconds, at most a quarter of an hour. Nobody is told to wait
    longer than the longest: then the clock was ahead when it was written.
    """
    old = delete(failures).where(failures.c.school == school, failures.c.forget_at <= now)
    await connection.execute(old)
    row = {"school": school, "login_hash": _key(login), "failures": 1, "blocked_until": 0}
    counted = upsert(connection, failures).values(row | {"forget_at": now + FORGET_SECONDS})
    # Held until the transaction ends: of twenty at once each is counted after the one before.
    waits = failures.c.blocked_until.between(now + 1, now + WAIT_SECONDS_MAX)
    one_more = failures.c.failures + case((waits, 0), else_=1)
    counted = counted.on_conflict_do_update(
        index_elements=["school", "login_hash"], set_={"failures": one_more}
    )
    held = counted.returning(failures.c.failures, failures.c.blocked_until)
    tries, blocked_until = (await connection.execute(held)).one()
    if now < blocked_until <= now + WAIT_SECONDS_MAX:
        raise TryAgain("too-many-attempts", blocked_until - now)
    over = max(0, tries - FREE_FAILURES + 1)
    wait = min(2 ** min(over, 20), WAIT_SECONDS_MAX) if over else 0
    mine = (failures.c.school == school, failures.c.login_hash == _key(login))
    facts = {"blocked_until": now + wait, "forget_at": now + FORGET_SECONDS}
    await connection.execute(update(failures).where(*mine).values(facts))
    return tries


async def forget(connection: AsyncConnection, school: str, login: str) -> None:
    await connection.execute(
        delete(failures).where(failures.c.school == school, failures.c.login_hash == _key(login))
    )
