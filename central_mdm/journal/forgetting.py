"""What events say of people goes with time; that they happened, and their hashes, stay."""

from typing import Final

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.journal.model import accounts, alarms, events

DAY_SECONDS: Final = 86_400
FORGOTTEN: Final = b""
"""Stands as the body of a forgotten event. None comes so: a pushed body is a JSON object."""


async def forget_events(connection: AsyncConnection, school: str, before: int) -> int:
    """Forget the bodies of what came before `before`, UTC seconds of our clock; return how many.

    Id, place, kind, time and hash stay: the journal's chain is as whole as it was. Accounts of
    devices go as well, for there is nothing left to hold them against.
    """
    old = (events.c.school == school, events.c.received_at < before, events.c.body != FORGOTTEN)
    forgotten = await connection.execute(update(events).where(*old).values(body=FORGOTTEN))
    told = (accounts.c.school == school, accounts.c.issued_at < before)
    await connection.execute(delete(accounts).where(*told))
    return forgotten.rowcount


async def shorten_accounts(connection: AsyncConnection, school: str, now: int) -> None:
    """Let what devices say they told more than a day after `now` be told now, by our clock.

    It cannot be true, and else a device whose clock is ahead has it kept for as long as it says.
    """
    ahead = (accounts.c.school == school, accounts.c.issued_at > now + DAY_SECONDS)
    await connection.execute(update(accounts).where(*ahead).values(issued_at=now))


async def forget_alarms(connection: AsyncConnection, school: str, before: int) -> int:
    old = delete(alarms).where(alarms.c.school == school, alarms.c.at < before)
    return (await connection.execute(old)).rowcount
