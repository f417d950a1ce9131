"""The exchange of a school that has no server: there is none, and that is no trouble."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from classroom_app.cloud.sync import SyncState


class NoSync:
    """Stands where `sync.Sync` stands; what was written waits for a server that may come."""

    def __init__(self, changed: Callable[[SyncState], None]) -> None:
        self._changed = changed
        self.state = SyncState(why="no-server")

    def written(self) -> None:
        """Hear of what was written: nothing follows."""

    def wake(self) -> None:
        """Hear that somebody would have a turn soon: there is none."""

    def go_on(self) -> None:
        """Hear of a sign-in: it is at no server."""

    def stop_files(self) -> None:
        """Hear that no file is to go: none goes."""

    def send_files(self) -> None:
        """Hear that files are to go: there is nowhere to."""

    async def once(self, *, files: bool = True) -> None:
        del files
        self._changed(self.state)

    async def run(self) -> NoReturn:
        """Say once how it stands, until cancelled."""
        await self.once()
        while True:
            await asyncio.Event().wait()
