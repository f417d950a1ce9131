"""What events say of people goes with time; that they happened, and their hashes, stay."""

from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.journal.model import WORDED, accounts, alarms, events
from central_mdm.platform.ground import Ground

DAY_SECONDS: Final = 86_400
EVENTS_AT_ONCE: Final = 2000
"""Nobody else writes meanwhile to a school's SQLite: some hundredths of a second."""
FORGOTTEN: Final = b""
"""Stands as the body of a forgotten event. None comes so: a pushed body is a JSON object."""


async def forget_events(
    ground: Ground, school: str, before: int, at_once: int = EVENTS_AT_ONCE
) -> int:
    """Forget the bodies of what came before `before`, UTC seconds of our clock; return how many.

    Id, place, kind, time and hash stay: the journal's chain is as whole as it was. Each part is
    a transaction of its own, so a night that ends too early has done what it has done.
    """
    old = (events.c.school == school, events.c.received_at < before, WORDED)
    some = select(events.c.id).where(*old).order_by(events.c.received_at).limit(at_once)
    these = (events.c.school == school, events.c.id.in_(some.correlate(None)))
    forgotten, part = 0, at_once
    while part == at_once:
        async with ground.database.writing(school) as connection:
            done = await connection.execute(update(events).where(*these).values(body=FORGOTTEN))
            part = done.rowcount
        forgotten += part
    return forgotten


async def forget_accounts(connection: AsyncConnection, school: str, before: int) -> None:
    """Forget what devices told before `before`: there is nothing left to hold it against."""
    told = (accounts.c.school == school, accounts.c.issued_at < before)
    await connection.execute(delete(accounts).where(*told))


async def shorten_accounts(connection: AsyncConnection, school: str, now: int) -> None:
    """Let what devices say they told more than a day after `now` be told now, by our clock.

    It cannot be true, and else a device whose clock is ahead has it kept for as long as it says.
    """
    ahead = (accounts.c.school == school, accounts.c.issued_at > now + DAY_SECONDS)
    await connection.execute(update(accounts).where(*ahead).values(issued_at=now))


async def forget_alarms(connection: AsyncConnection, school: str, before: int) -> int:
    old = delete(alarms).where(alarms.c.school == school, alarms.c.at < before)
    return (await connection.execute(old)).rowcount
