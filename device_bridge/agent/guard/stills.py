"""Still pictures: one a click, said on the pupil's screen and written down before it is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.agent.guard.commands import Commands
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.agent.guard.watching import WatchingGuard
from device_bridge.protocol.watching import StillAsked

PAUSE_SECONDS: Final = 10.0
"""Between two: many stills in a row would be a film."""
STILLS_MAX: Final = 20
"""In one lesson."""
SAID_SECONDS: Final = 10.0
"""How long the bar speaks of nothing else; the count stands there until the lesson ends."""
TOO_SOON: Final = "too-soon"
TOO_MANY: Final = "too-many"
NOT_NOTED: Final = "not-noted"


class Stills(Struct, frozen=True):
    """How many pictures were kept in `lesson`. `next_at`: a boot-clock second."""

    lesson: str = ""
    count: int = 0
    next_at: float = 0.0


@dataclass(frozen=True)
class _Asked:
    id: str
    link: Link
    ends_at: float


class StillsGuard:
    """`write` puts what was noted on the disk; what the disk refuses stays in `voice.notes`."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that a picture needs the word of
        self,
        voice: Voice,
        now: Callable[[], float],
        held: Stills,
        presence: PresenceGuard,
        watching: WatchingGuard,
        commands: Commands,
        write: Callable[[], Awaitable[None]],
    ) -> None:
        self._voice, self._now, self._write = voice, now, write
        self._presence, self._watching, self._commands = presence, watching, commands
        self.held = held
        self._asked: _Asked | None = None
        self._said = asyncio.Queue[str]()

    def asked(self, link: Link, asked: StillAsked) -> None:
        now = self._now()
        if not self._commands.begin(link, asked.id, now + asked.deadline_seconds):
            return
        self.review()
        if why := self._watching.not_closely(link) or self._too_often(now):
            self._commands.end(asked.id, "refused", why)
            return
        self._asked = _Asked(asked.id, link, now + asked.deadline_seconds)
        self._hold(replace(self.held, next_at=now + PAUSE_SECONDS))
        self._presence.stills(self.held.count + 1, now + SAID_SECONDS)
        self.review()

    def review(self) -> None:
        """Go on where the bar has answered; call it whenever lesson, bar or time moved."""
        lesson = self._presence.lesson
        if lesson and lesson != self.held.lesson:
            # The pause goes on: lessons that take turns would else make a film.
            self._hold(Stills(lesson, next_at=self.held.next_at))
            self._presence.stills(0, 0.0)
        if (asked := self._asked) is None:
            return
        if why := self._watching.not_closely(asked.link):
            self._commands.end(asked.id, "refused", why)
            self._take_back()
        elif asked.ends_at <= self._now():
            self._take_back()
        elif self._presence.held.proved == self._presence.held.order:
            self._asked = None
            self._hold(replace(self.held, count=self.held.count + 1))
            # Of whoever keeps it, though the count is of all who share the lesson.
            keeps = author_of(asked.link)
            facts: dict[str, str | int] = {"id": asked.id, "lesson": keeps.lesson}
            facts["frame"] = self._watching.shown.number
            self._voice.note("still", facts, keeps.teacher)
            self._said.put_nowait(asked.id)

    async def run(self) -> None:
        """Answer each picture of which pupil and journal know, until cancelled."""
        while True:
            id_ = await self._said.get()
            await self._write()
            waits = any(one.facts.get("id") == id_ for one in self._voice.notes)
            self._commands.end(id_, "failed" if waits else "done", NOT_NOTED if waits else "")

    def _too_often(self, now: float) -> str:
        if self._asked is not None or now < self.held.next_at:
            return TOO_SOON
        return TOO_MANY if self.held.count >= STILLS_MAX else ""

    def _take_back(self) -> None:
        self._asked = None
        self._presence.stills(self.held.count, 0.0)

    def _hold(self, held: Stills) -> None:
        self.held = held
        self._voice.changed()
