"""When each device was last seen: gathered in memory, written every few seconds.

A crash loses one heartbeat of each device and nothing else.
"""

import asyncio
import logging
from typing import Final

from sqlalchemy import text
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.fleet.model import seen
from central_mdm.platform.database import Database

FLUSH_SECONDS: Final = 3.0
ROWS_A_STATEMENT: Final = 500
"""A Monday's heartbeats are 20,000 a flush: to sort and send all at once holds everybody 70 ms."""
_SAW: Final = text(
    "SELECT fleet_saw(CAST(:schools AS text[]), CAST(:devices AS text[]), CAST(:ats AS bigint[]))"
)
log = logging.getLogger(__name__)


class Seen:
    """The newest second of each device, until it is written; `failures`: how often it was not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[str, str], int] = {}
        self.failures = 0

    def touch(self, school: str, device: str, now: int) -> None:
        self._waiting[school, device] = now

    async def flush(self, seconds: float = 0) -> int:
        """Write what waits; return how many devices that was. Raises what the database raises.

        Spread over so many seconds, so that who asks meanwhile does not wait for 40 statements.
        What was not written waits on, where its device has not come again meanwhile.
        """
        waiting, self._waiting = self._waiting, {}
        rows, written = list(waiting.items()), 0
        now = asyncio.get_running_loop().time
        begun = now()
        try:
            while written < len(rows):
                due = begun + seconds * written / len(rows)
                await asyncio.sleep(max(0.0, due - now()))
                part = rows[written : written + ROWS_A_STATEMENT]
                # In one order, so that no two servers wait for each other's rows.
                await self._write([(*pair, at) for pair, at in sorted(part)])
                written += len(part)
        finally:
            for pair, at in rows[written:]:
                self._waiting.setdefault(pair, at)
        return len(rows)

    async def _write(self, rows: list[tuple[str, str, int]]) -> None:
        if not self._database.is_sqlite:
            schools, devices, ats = (list(column) for column in zip(*rows, strict=True))
            async with self._database.gathering() as connection:
                named = {"schools": schools, "devices": devices, "ats": ats}
                await connection.execute(_SAW, named)
            return
        async with self._database.writing("") as connection:
            newest = insert(seen)
            newest = newest.on_conflict_do_update(
                index_elements=["school", "device"],
                set_={"seen_at": newest.excluded.seen_at},
                where=seen.c.seen_at < newest.excluded.seen_at,
            )
            named = ("school", "device", "seen_at")
            await connection.execute(newest, [dict(zip(named, row, strict=True)) for row in rows])

    async def run(self) -> None:
        """Flush for ever; a database that is away costs heartbeats, not the server."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush(FLUSH_SECONDS)
            except (SQLAlchemyError, OSError) as error:
                self.failures += 1
                log.warning("last-seen not written", extra={"why": type(error).__name__})
