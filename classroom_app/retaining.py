"""How long a teacher's computer keeps what is about pupils, and the job that ends it."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Final, NoReturn, Protocol

import msgspec
from msgspec import Struct

from classroom_app.domain.errors import NotKept
from classroom_app.storage.erasing import Work
from device_bridge.logs import LOGS
from device_bridge.retention import (
    DAY_SECONDS,
    FILE,
    Days,
    inside,
    read_periods,
    remove_older,
    remove_older_files,
)

log = logging.getLogger(__name__)

NOTE_SECONDS: Final = 3600
BEGIN_SECONDS: Final = 180.0
"""After the start: its first minutes are for finding devices and beginning the lesson."""
LOOK_SECONDS: Final = 10.0
LOOKS_MAX: Final = 120
"""So often it looks for a lesson's end: who closes the app with each lesson has it cleaned too."""
COLLECTED: Final = "collected"
STILLS: Final = "pictures"
"""Folders of the teacher's home; in each a folder a class, and in that a folder a lesson."""
_LESSONS: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d|\d+-\w{1,8}")
"""As `collecting` and `stills` call them; what is called otherwise is the teacher's own."""


class Retention(Struct, frozen=True):
    """In days; `retention.json` in the teacher's folder may say otherwise.

    `journal`: names, words and files' names in lessons' journals; the acts themselves stay.
    `collected`: handed-in work, and documents that nobody was given since and that stand ready for
    no class. `stills`: pictures.
    """

    journal: Days = 183
    collected: Days = 365
    stills: Days = 30
    logs: Days = 30


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
RETENTION: Final = msgspec.json.Decoder(Retention)


class Forgets(Protocol):
    """The store. `now`, UTC seconds, says how old an act is that a wrong clock has dated."""

    async def forget_before(self, at: int, now: int) -> int: ...
    async def erase_told(self, before: int, now: int, folder: Path) -> int: ...
    async def kept_work(self, since: int, now: int) -> Sequence[Work | None]:
        """None: work of which cannot be read which it is."""
        ...

    async def keep_floor(self, at: int) -> None: ...
    async def ready_documents(self) -> Collection[bytes]: ...


class Drops(Protocol):
    """The library. It blocks."""

    def drop_older(self, moment: float, spared: Collection[bytes]) -> int: ...


class Spared(Struct, frozen=True):
    """What stays, whatever its date: documents of the library, lessons' folders of work."""

    documents: frozenset[bytes]
    folders: frozenset[Path]


class Retaining:
    """Cleans up soon after the start and each day, where it can not in the middle of a lesson.

    `floor`: UTC seconds that no clock of ours can raise; `in_lesson`: one is on.

    Each hour the time that has passed is kept: where the school signs nothing for months, the floor
    goes on from there at the next start.
    """

    def __init__(
        self,
        keeps: Forgets,
        library: Drops,
        home: Path,
        floor: Callable[[], float],
        wall: Callable[[], float] = time.time,
        in_lesson: Callable[[], bool] = lambda: False,
    ) -> None:
        self._keeps, self._library, self._home = keeps, library, home
        self._floor, self._wall, self._in_lesson = floor, wall, in_lesson

    async def run(self) -> None:
        """Work until cancelled; what cannot be done now is tried again tomorrow."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._note_each_hour(), name="note")
            group.create_task(self._clean_each_day(), name="clean")

    async def _note_each_hour(self) -> NoReturn:
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            await self.note()

    async def _clean_each_day(self) -> NoReturn:
        await asyncio.sleep(BEGIN_SECONDS)
        while True:
            for _ in range(LOOKS_MAX):
                if not self._in_lesson():
                    break
                await asyncio.sleep(LOOK_SECONDS)
            await self.clean()
            await asyncio.sleep(DAY_SECONDS)

    async def note(self) -> None:
        """Keep how late it is."""
        try:
            await self._keeps.keep_floor(self._now())
        except NotKept as error:
            log.info("the time was not kept", extra={"why": type(error).__name__})

    def _now(self) -> int:
        """Return UTC seconds that both clocks have reached.

        All is dated by this computer's clock: while it is behind, nothing is too old. Nor is
        anything by the floor alone, which a server whose clock leapt may have raised.
        """
        return int(min(self._floor(), self._wall()))

    async def clean(self) -> None:
        periods = await asyncio.to_thread(read_periods, self._home / FILE, RETENTION, Retention())
        now = self._now()
        # A lesson of today may still need its names.
        today = now - DAY_SECONDS
        files = await _tried(self._clean_files(periods, now))
        acts = await _tried(self._keeps.forget_before(now - periods.journal * DAY_SECONDS, now))
        acts += await _tried(self._keeps.erase_told(today, now, self._home / COLLECTED))
        if files or acts:
            log.info("cleaned up", extra={"acts": acts, "files": files})

    async def _clean_files(self, periods: Retention, now: int) -> int:
        spared = await self._spared(periods, now)
        return await asyncio.to_thread(self._clean, periods, now, spared)

    async def _spared(self, periods: Retention, now: int) -> Spared | None:
        # Files bear the date of whatever the clock said: what acts tell of is as old as they are.
        kept = await self._keeps.kept_work(now - periods.collected * DAY_SECONDS, now)
        work = [one for one in kept if one]
        if unread := len(kept) - len(work):
            log.warning("no work is cleaned up", extra={"unread": unread})
            return None
        documents = frozenset(bytes.fromhex(one.document) for one in work)
        return Spared(
            documents.union(await self._keeps.ready_documents()),
            frozenset(self._home.joinpath(COLLECTED, *Path(one.path).parts[:2]) for one in work),
        )

    def _clean(self, periods: Retention, now: float, spared: Spared | None) -> int:
        """Remove what is too old; `spared` None: no work, for some of it cannot be told."""
        gone, folders, stay = 0, {STILLS: periods.stills}, frozenset[Path]()
        if spared:
            stay = spared.folders
            moment = now - periods.collected * DAY_SECONDS
            gone = self._library.drop_older(moment, spared.documents)
            folders[COLLECTED] = periods.collected
        for name, days in folders.items():
            for of_class in inside(self._home / name):
                if not of_class.is_symlink():
                    ours = (one for one in inside(of_class) if _LESSONS.fullmatch(one.name))
                    gone += remove_older(ours, now, days, stay)
        return gone + remove_older_files(self._home / LOGS, now, periods.logs)


async def _tried(cleaning: Awaitable[int]) -> int:
    """Return how much went; what cannot be done now keeps nothing else from it."""
    try:
        return await cleaning
    except (NotKept, OSError) as error:
        log.warning("not cleaned up", extra={"why": type(error).__name__})
        return 0
