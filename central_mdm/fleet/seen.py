"""When each device was last seen: gathered in memory, written in one statement every few seconds.

A crash loses one heartbeat of each device and nothing else.
"""

import asyncio
import logging
from collections import defaultdict
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from central_mdm.fleet.model import seen
from central_mdm.platform.database import Database, upsert

FLUSH_SECONDS: Final = 3.0
ROWS_A_STATEMENT: Final = 500
log = logging.getLogger(__name__)


class Seen:
    """The newest second of each device, until it is written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def touch(self, school: str, device: str, now: int) -> None:
        self._waiting[school][device] = now

    async def flush(self) -> int:
        """Write what waits; return how many devices that was. Raises what the database raises."""
        waiting, self._waiting = self._waiting, defaultdict(dict)
        for school, devices in waiting.items():
            rows = [
                {"school": school, "device": device, "seen_at": at}
                for device, at in sorted(devices.items())
            ]
            async with self._database.writing(school) as connection:
                newest = upsert(connection, seen)
                newest = newest.on_conflict_do_update(
                    index_elements=["school", "device"],
                    set_={"seen_at": newest.excluded.seen_at},
                    where=seen.c.seen_at < newest.excluded.seen_at,
                )
                for start in range(0, len(rows), ROWS_A_STATEMENT):
                    await connection.execute(newest, rows[start : start + ROWS_A_STATEMENT])
        return sum(map(len, waiting.values()))

    async def run(self) -> None:
        """Flush for ever; a database that is away costs heartbeats, not the server."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except (SQLAlchemyError, OSError) as error:
                log.warning("last-seen not written", extra={"why": type(error).__name__})
