"""Whether requests should be sent to this process: what it stands on is there, no end is near."""

import asyncio
from typing import Final

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.platform.errors import Busy, Refusal
from central_mdm.platform.ground import Ground
from central_mdm.platform.migrate import NEWEST

DATABASE_SECONDS: Final = 3
OBJECT: Final = "0" * 64
"""Kept and removed again, for no school: a name that no content has."""


class Ready(Struct, frozen=True):
    """Requests may be sent to this process."""

    ok: bool = True


class Readiness:
    """Asks at most once a second, however many want to know: anybody may."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._asking = asyncio.Lock()
        self._known = (0, "")
        self._stopping = False

    def stop(self) -> None:
        """Say no from now on, while the last requests are answered."""
        self._stopping = True

    async def check(self) -> Ready:
        """Raise Busy with the part that is away: stopping, database, schema or objects."""
        async with self._asking:
            now = self._ground.clock()
            if self._known[0] != now:
                self._known = now, await self._lacking()
        if self._stopping or self._known[1]:
            raise Busy("stopping" if self._stopping else self._known[1], 1)
        return Ready()

    async def _lacking(self) -> str:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                version = await self._version()
        except (OSError, SQLAlchemyError):
            return "database"
        # A newer one is served as well: replicas of two versions stand side by side for a while.
        if version < NEWEST:
            return "schema"
        try:
            await self._ground.objects.keep("", OBJECT, b"ready")
            await self._ground.objects.remove("", OBJECT)
        except (OSError, Refusal):
            return "objects"
        return ""

    async def _version(self) -> str:
        async with self._ground.database.reading("") as connection:
            wanted = text("SELECT version_num FROM alembic_version")
            return str(await connection.scalar(wanted) or "")
