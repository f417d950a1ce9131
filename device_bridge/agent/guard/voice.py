"""How all features speak: to the seat, to the linked apps, to the device's journal."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from device_bridge.agent.guard.clock import Clock
from device_bridge.agent.guard.journal import Noted
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.protocol.declared import Author, LessonEnded, Overruled
from device_bridge.protocol.fields import LEASE_SECONDS_MAX, Feature
from device_bridge.protocol.hello import Report, Superseded
from device_bridge.protocol.indicator import Aside
from device_bridge.protocol.messages import FromDevice
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import DropCurtain, RaiseCurtain, ShowIndicator, ToSeat

_NOTES_MAX: Final = 5000
"""What the journal may lag behind when the disk refuses; the newest are kept."""

NOBODY: Final = Author()
Effect = RaiseCurtain | DropCurtain | ShowIndicator | Report | Aside | Overruled | LessonEnded


class Voice:
    """What all features say goes through here.

    `utc`: the best time there is, in seconds, written beside what is noted. `dirty`: the state is
    to be kept on the disk; `noted`: the journal is.
    """

    def __init__(self, clock: Clock, utc: Callable[[], float]) -> None:
        self._clock, self._utc = clock, utc
        self.links: list[Link] = []
        self.notes: deque[Noted] = deque(maxlen=_NOTES_MAX)
        self.dirty = asyncio.Event()
        self.noted = asyncio.Event()
        self.tell_seat: Callable[[ToSeat], None] | None = None

    def seat(self, message: ToSeat) -> bool:
        if self.tell_seat is None:
            return False
        self.tell_seat(message)
        return True

    def all(self, message: FromDevice) -> None:
        for link in tuple(self.links):
            link.send(message)

    def lesson(self, lesson: str, message: FromDevice) -> None:
        for link in self._of(lesson):
            link.send(message)

    def offer(self, lesson: str, frame: Frame) -> list[bool]:
        """Offer a picture to the lesson's links; say of each whether it can be laid there."""
        return [link.offer(frame) for link in self._of(lesson)]

    def forget(self) -> None:
        """Let no picture out that still waits."""
        for link in self.links:
            link.forget()

    def note(self, kind: str, facts: dict[str, str | int], words: str = "") -> None:
        self.notes.append(Noted(kind, int(self._utc()), facts, words))
        self.noted.set()

    def changed(self) -> None:
        self.dirty.set()

    def act(
        self,
        feature: Feature,
        effects: Iterable[Effect],
        author: Author = NOBODY,
        class_name: str = "",
    ) -> list[str]:
        """Do what the machine of a feature asks for; return the lessons that ended by it.

        `author`: whose declaration holds, for the journal.
        """
        ended: list[str] = []
        for effect in effects:
            match effect:
                case RaiseCurtain() | DropCurtain() | ShowIndicator():
                    self.seat(effect)
                case Report():
                    self.all(effect)
                    self._reported(effect, author, class_name)
                case Aside(whose, report):
                    self.lesson(whose.lesson, report)
                    self._reported(report, whose, class_name)
                case Overruled(loser, version, by):
                    told = Superseded(feature, version, by, self._ends_in(by))
                    self.lesson(loser, told)
                case LessonEnded(over):
                    ended.append(over)
        return ended

    def _reported(self, report: Report, author: Author, class_name: str) -> None:
        facts: dict[str, str | int] = {"version": report.version}
        facts |= {"lesson": author.lesson, "why": report.reason}
        facts |= {"class": class_name} if class_name else {}
        self.note(f"{report.feature}-{report.state}", facts, author.teacher)

    def _ends_in(self, teacher: str) -> int:
        """Return the seconds that a linked teacher's mandate still has."""
        authors = [author_of(link) for link in self.links]
        until = max((one.until for one in authors if one.teacher == teacher), default=0.0)
        return min(LEASE_SECONDS_MAX, max(0, round(until - self._clock.boot())))

    def _of(self, lesson: str) -> list[Link]:
        return [link for link in self.links if author_of(link).lesson == lesson]
