"""Copying what the school did not take to a folder: how far it is, and what became of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal, Slot

from classroom_app.presenters.acts import Starts
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import say


class Saves(Protocol):
    async def save_works(
        self, works: Sequence[str], folder: Path, goes_on: Callable[[int], bool]
    ) -> tuple[int, int]:
        """Copy the works of these acts; return how many were no longer here, or cannot be read.

        `goes_on` hears how many are there, and says whether to go on.
        """
        ...


class Saving(QObject):
    """`said` is how far it is, or how it ended; `busy` while it goes on."""

    changed = Signal()

    def __init__(self, saves: Saves, tasks: Starts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._saves, self._tasks = saves, tasks
        self.said = ""
        self.busy = self._stopped = False
        self._done = 0

    def start(self, works: Sequence[str], folder: str) -> None:
        if self.busy or not works:
            return

        def refused(error: Exception) -> None:
            self._say(refusal(error))

        self.busy, self._stopped, self._done = True, False, 0
        self._say(say("Saving: {count} of {all}…", count=0, all=len(works)))
        self._tasks.start(self._save(works, Path(folder)), name="save-works", refused=refused)

    @Slot()
    def stop(self) -> None:
        """Copy no more after the one that is under way."""
        self._stopped = True

    def forget(self) -> None:
        """Say no more how the last one ended."""
        if not self.busy:
            self.said = ""

    async def _save(self, works: Sequence[str], folder: Path) -> None:
        def goes_on(saved: int) -> bool:
            self._done = saved
            self._say(say("Saving: {count} of {all}…", count=saved, all=len(works)))
            return not self._stopped

        try:
            lost, unread = await self._saves.save_works(works, folder, goes_on)
        finally:
            self.busy = False
        told = [say("{n} works are saved in {folder}.", self._done, folder=folder.name or folder)]
        if lost:
            told.append(say("{n} are no longer on this computer.", lost))
        if unread:
            told.append(say("{n} cannot be read now.", unread))
        self._say(" ".join(told))

    def _say(self, words: str) -> None:
        self.said = words
        self.changed.emit()
