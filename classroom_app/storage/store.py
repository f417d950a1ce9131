"""The open store that each feature's part stands on."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection

from classroom_app.domain.errors import StoreFull
from classroom_app.storage.ballast import Ballast
from classroom_app.storage.chain import Newest
from classroom_app.storage.copies import keep_daily_copy
from classroom_app.storage.keys import Held
from classroom_app.storage.writer import Writer
from device_bridge.materials.library import Library

T = TypeVar("T")
# The states of whatever goes to the central side.
WAITING, APPLIED, REFUSED = "waiting", "applied", "refused"
SUSPECTED: Final = "suspected"
"""Work that waits on: the central side said that it is kept, and could not show it."""
KEPT, FOLLOWED = "kept", "followed"
"""Kept work: nothing that the central side has taken since tells that it has it still; or some act
does, as soon as it was asked once more."""

LOST: Final = "lost-here"
"""Why work is refused that is not here any more."""

ROOM_SECONDS: Final = 0.03
"""So long the thread of the disk, and Python's one lock, are others' between parts of long work."""


class Store:
    """What a call answered is on the disk; what raised `NotKept` was not written at all."""

    def __init__(
        self, connection: Connection, path: Path, library: Library, key_held: Held
    ) -> None:
        self.path = path
        self.library = library
        self.key_held = key_held
        self.newest = Newest()
        self.ballast = Ballast(path)
        self.writer = Writer(
            connection,
            self.newest.forget,
            self.ballast.give_back,
            partial(keep_daily_copy, path=path),
        )
        self.full = False
        """The disk did not take the last of what was to be written."""
        self.chosen: dict[str, str] = {}
        """All settings by name, as they are kept."""
        self.roster_changed: Callable[[], None] = lambda: None
        """Hears that the classes may read otherwise than before."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; it may be run twice, the first time undone."""
        try:
            return await self.writer.write(work)
        except StoreFull:
            self.full = True
            raise

    async def write_part(self, work: Callable[[Connection], T]) -> T:
        """Run a part of something long, as `write` does; then others have their turn."""
        answer = await self.write(work)
        await asyncio.sleep(ROOM_SECONDS)
        return answer

    async def close(self) -> None:
        await self.writer.close()
