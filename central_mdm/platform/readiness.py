"""Whether requests should be sent to this process: what it stands on is there, no end is near."""

import asyncio
from collections.abc import Collection
from typing import Final

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.platform.errors import Busy, Refusal
from central_mdm.platform.ground import Ground
from central_mdm.platform.migrate import NEWEST

PART_SECONDS: Final = 3
"""A part that has not answered then is away."""
OBJECTS_ROOM: Final = "partage"
"""The room that has objects: without it, it is nothing to us where they are."""
OBJECT: Final = "0" * 64
"""Kept and removed again, for no school: a name that no content has."""


class Ready(Struct, frozen=True):
    """Requests may be sent to this process."""

    ok: bool = True


class Readiness:
    """Asks at most once a second, however many want to know: anybody may."""

    def __init__(self, ground: Ground, only: Collection[str] = (OBJECTS_ROOM,)) -> None:
        """`only`: the rooms that this process serves."""
        self._ground = ground
        self._has_objects = OBJECTS_ROOM in only
        self._kept_one = False
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
            async with asyncio.timeout(PART_SECONDS):
                version = await self._version()
        except (OSError, SQLAlchemyError):
            return "database"
        # A newer one is served as well: replicas of two versions stand side by side for a while.
        if version < NEWEST:
            return "schema"
        try:
            async with asyncio.timeout(PART_SECONDS):
                await self._ask_for_objects()
        except (OSError, Refusal):
            return "objects"
        return ""

    async def _version(self) -> str:
        # Of no school, as it is everybody's; on a connection that no request waits for.
        async with self._ground.database.apart() as connection:
            wanted = text("SELECT version_num FROM alembic_version")
            return str(await connection.scalar(wanted) or "")

    async def _ask_for_objects(self) -> None:
        """Keep an object and remove it: in a bucket once, which then tells that it is there."""
        objects = self._ground.objects
        if not self._has_objects:
            return
        if self._kept_one and not objects.is_near:
            await objects.absent("", [OBJECT])  # one with versions would keep each of them
            return
        # A folder each time: its disk may be full now, or take no more.
        await objects.keep("", OBJECT, b"ready")
        await objects.remove("", OBJECT)
        self._kept_one = True
