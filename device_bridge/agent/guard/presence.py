"""What holds of the lesson: the machine of `protocol.indicator`, joined to seat and links."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from device_bridge.agent.folder import name_of
from device_bridge.agent.guard.folders import PupilsFolders
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.fields import NAME_MAX
from device_bridge.protocol.indicator import (
    Bar,
    BarChanged,
    Effect,
    Event,
    LessonTold,
    LookShown,
    Presence,
    advance,
)
from device_bridge.protocol.presence import Company, LessonDeclared
from device_bridge.protocol.seat import ShowIndicator


class PresenceGuard:
    """`ended` hears of each lesson that is over here, and whether it was the last that shared it.

    `folders`: where the pupil lays the work.
    """

    def __init__(
        self,
        voice: Voice,
        now: Callable[[], float],
        held: Presence,
        ended: Callable[[str, bool], None],
        folders: PupilsFolders,
    ) -> None:
        self._voice = voice
        self._now = now
        self._ended = ended
        self._folders = folders
        self._hand_in_made = ""
        folders.opening.opened = self.hand_in_made
        self.held = held

    @property
    def lesson(self) -> str:
        """The lesson that is on, or nothing; where teachers share it, the one that came first."""
        return self.held.home if self.held.on else ""

    @property
    def lessons(self) -> tuple[str, ...]:
        """All lessons that are on, the one that leads first."""
        return self.held.lessons

    @property
    def shared(self) -> bool:
        """Whether several teachers share the device, or one is left of those who did."""
        return self.held.on and self.lessons != (self.held.home,)

    def told(self, link: Link, declared: LessonDeclared) -> None:
        author = author_of(link)
        # The bar says the name that the school has signed, whatever an app writes.
        declared = replace(declared, teacher_name=author.teacher[:NAME_MAX])
        self.hear(LessonTold(declared, author), self._with_hand_in)
        self._ask_for_hand_in()
        if len(self.lessons) > 1 and author.lesson in self.lessons:
            link.send(self._company_of(author.lesson))

    def hear(self, event: Event, then: Callable[[Bar], Bar] = lambda bar: bar) -> None:
        """Take one event, and what the bar says `then`: the seat draws both at once."""
        before, now = self.held, self._now()
        self.held, effects = advance(before, event, now)
        if (bar := then(self.held.bar)) != self.held.bar:
            self.held, more = advance(self.held, BarChanged(bar), now)
            effects = [*(one for one in effects if not (more and _is_order(one))), *more]
        if _lasting(before) != _lasting(self.held):
            self._voice.changed()
        class_name = self.held.declared.class_name if self.held.declared else ""
        for lesson in self._voice.act("presence", effects, self.held.author, class_name):
            self._ended(lesson, self.lesson != before.home)
        if (before.beside or self.held.beside) and before.names != self.held.names:
            for lesson in self.lessons:
                self._voice.lesson(lesson, self._company_of(lesson))

    def looks(self, look: LookShown, close_until: float = 0.0) -> None:
        self._bar(replace(self.held.bar, look=look, close_until=close_until))

    def private(self, left_seconds: int, until: float) -> None:
        self._bar(replace(self.held.bar, private_left=left_seconds, private_until=until))

    def stills(self, count: int, said_until: float) -> None:
        self._bar(replace(self.held.bar, stills=count, still_until=said_until))

    def drives(self, name: str) -> None:
        """Have the bar say who has keyboard and pointer; "": nobody but the pupil."""
        self._bar(replace(self.held.bar, drives=name[:NAME_MAX]))

    def showing(self, what: Literal["", "here", "source"], whose: str) -> None:
        """Say whose screen is shown here, or that this one is shown to the class."""
        self._bar(replace(self.held.bar, showing=what, whose=whose))

    def hand(self, place: int) -> None:
        self._bar(replace(self.held.bar, hand_place=place))

    def papers(self, received: int, folder: Path) -> None:
        """Tell the bar how many hand-outs lie in `folder`."""
        where = str(folder) if self._folders.there else ""
        self._bar(replace(self.held.bar, received=received, received_folder=where))

    def class_of(self, lesson: str) -> str:
        """Return the name of the lesson's class; "" for a lesson that was not declared here."""
        declared = self.held.declared
        known = declared and lesson in {declared.lesson, self.held.home}
        return declared.class_name if declared and known else ""

    def hand_in(self) -> Path | None:
        """Where work for the newest lesson is laid, for all teachers who share it."""
        declared = self.held.declared
        if declared is None:
            return None
        return self._folders.hand_in(name_of(self.held.home, declared.class_name))

    def open_hand_in(self) -> None:
        """Have the lesson's folder made, with whoever sits here now."""
        self._hand_in_made = ""
        self._bar(self._with_hand_in(self.held.bar))
        self._ask_for_hand_in()

    def hand_in_made(self, name: str) -> None:
        """Tell the bar where the folder is, now that it is there."""
        self._hand_in_made = name
        self._bar(self._with_hand_in(self.held.bar))

    def _ask_for_hand_in(self) -> None:
        if folder := self.hand_in():
            self._folders.opening.ask(folder.name)

    def _with_hand_in(self, bar: Bar) -> Bar:
        folder = self.hand_in()
        made = folder is not None and self._folders.there and folder.name == self._hand_in_made
        return replace(bar, hand_in_folder=str(folder) if made else "")

    def _company_of(self, lesson: str) -> Company:
        return Company(tuple(one.teacher for one in self.held.authors if one.lesson != lesson))

    def _bar(self, bar: Bar) -> None:
        if bar != self.held.bar:
            self.hear(BarChanged(bar))


def _is_order(effect: Effect) -> bool:
    return isinstance(effect, ShowIndicator)


def _lasting(held: Presence) -> tuple[object, ...]:
    """Return what is worth to be kept over a restart."""
    beside = [(one.author.lesson, one.declared.version, one.ends_at) for one in held.beside]
    return (held.version, held.ends_at, held.on, beside)
