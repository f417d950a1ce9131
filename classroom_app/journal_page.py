"""The journal's page, kept up while a lesson writes: of a long one only what is new is read."""

import asyncio
from typing import Protocol

from classroom_app.domain.lesson import LessonId, Roster
from classroom_app.presenters.journal import JournalModel, JournalRow
from classroom_app.services.journal import Journal, Names, Reads, Row, names_of


class HoldsJournal(Reads, Protocol):
    """The store, as `storage.keeping` has it."""

    blanked: int

    async def classes(self) -> tuple[Roster, ...]: ...


class JournalPage:
    def __init__(self, store: HoldsJournal, shown: JournalModel) -> None:
        self._store, self._shown = store, shown
        self._of: tuple[LessonId, Names, int] | None = None
        """Of what the page is; of anything else, all is read."""
        self._journal: Journal | None = None
        self._one_look = asyncio.Lock()

    async def look(self, lesson: LessonId) -> None:
        """Show what has come since, or all where names or acts that are shown may have changed."""
        async with self._one_look:
            of = lesson, names_of(await self._store.classes()), self._store.blanked
            if self._journal and of == self._of:
                self._shown.add([_row(row) for row in await self._journal.rows(lesson)])
                return
            journal = Journal(self._store, of[1])
            self._shown.show([_row(row) for row in await journal.rows(lesson)])
            self._of, self._journal = of, journal


def _row(row: Row) -> JournalRow:
    return JournalRow(row.id, row.at, row.kind, row.who, row.what)
