"""Words both ways: notices that are answered when shown, the pupil's words kept until heard."""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.agent.guard.commands import Commands
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.attention import NO_SEAT
from device_bridge.protocol.presence import SeatClaimed
from device_bridge.protocol.seat import NoticeShown, PupilActed, ShowNotice
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid, PupilSaid

UNHEARD_MAX: Final = 100
"""A pupil who writes faster than any app hears is refused, not stored."""


_NOTICES_KEPT: Final = 20


class Unheard(Struct, frozen=True):
    lesson: str
    said: PupilSaid | SeatClaimed


class Talking(Struct, frozen=True):
    """What is kept: words that no app has written down, and whether the hand is up."""

    unheard: tuple[Unheard, ...] = ()
    hand_up: bool = False


class TalkingGuard:
    def __init__(
        self,
        voice: Voice,
        now: Callable[[], float],
        new_id: Callable[[], str],
        held: Talking,
        presence: PresenceGuard,
        commands: Commands,
    ) -> None:
        self._voice = voice
        self._now = now
        self._new_id = new_id
        self._presence = presence
        self._commands = commands
        self.held = held
        self._asked: dict[str, str] = {}
        self._named: set[tuple[str, str]] = set()
        self.notices: deque[str] = deque(maxlen=_NOTICES_KEPT)

    def message(self, link: Link, said: MessageSaid) -> None:
        if not self._commands.begin(link, said.id, self._now() + said.deadline_seconds):
            return
        self._voice.note("message", {"id": said.id}, said.text)
        while len(self._asked) >= _NOTICES_KEPT:
            del self._asked[next(iter(self._asked))]  # long late
        self._asked[said.id] = said.text
        if not self._voice.seat(ShowNotice(said.id, said.text, link.teacher_name[:64])):
            self.shown(NoticeShown(said.id, NO_SEAT))

    def shown(self, shown: NoticeShown) -> None:
        """Answer the command; what was shown in time stands in `notices`, the newest last."""
        text = self._asked.pop(shown.id, "")
        ended = self._commands.end(shown.id, "failed" if shown.reason else "done", shown.reason)
        if ended and not shown.reason:
            self.notices.append(text)

    def hand_answered(self, link: Link, answered: HandAnswered) -> None:
        if self._commands.begin(link, answered.id, self._now() + answered.deadline_seconds):
            self._hand(up=False)
            self._commands.end(answered.id, "done")
            for lesson in self._presence.lessons:
                if lesson != author_of(link).lesson:  # who shares the class sees a hand until then
                    self._say(lesson, PupilSaid(self._new_id(), "hand-down"))

    def acted(self, act: PupilActed) -> None:
        """Keep what the pupil did and say it; nothing outside a lesson."""
        if not self._presence.lesson or len(self.held.unheard) >= UNHEARD_MAX:
            return
        match act.kind:
            case "hand-up" | "hand-down" as kind:
                up = kind == "hand-up"
                if up != self.held.hand_up:
                    self._hand(up=up)
                    self._say_all(lambda _: PupilSaid(self._new_id(), kind))
            case "words" | "reply" as kind:
                self._say_all(lambda _: PupilSaid(self._new_id(), kind, act.text, act.reply_to))
            case "seat":
                self._claim(act.text)
            case "private-on" | "private-off" | "take-back" | "show-left":
                pass  # others'

    def heard(self, heard: Heard) -> None:
        rest = tuple(row for row in self.held.unheard if row.said.id != heard.id)
        if rest != self.held.unheard:
            self.held = replace(self.held, unheard=rest)
            self._voice.changed()

    def linked(self, link: Link, lesson: str) -> None:
        """Say again to `link` what `lesson` has not heard; other lessons' words are too late."""
        on = {lesson, *self._presence.lessons}
        kept = tuple(row for row in self.held.unheard if row.lesson in on)
        if kept != self.held.unheard:
            self.held = replace(self.held, unheard=kept)
            self._voice.changed()
        for row in kept:
            if row.lesson == lesson:
                link.send(row.said)

    def name_pupil(self, lesson: str) -> None:
        """Say to a colleague who has joined and knows nobody here who sits here, as a claim."""
        held = self._presence.held
        theirs = next((one.declared for one in held.beside if one.author.lesson == lesson), None)
        pupil = held.declared.pupil if held.declared else ""
        if theirs and pupil and not theirs.pupil and (lesson, pupil) not in self._named:
            self._named.add((lesson, pupil))
            self._say(lesson, SeatClaimed(self._new_id(), lesson, pupil))

    def lesson_ended(self) -> None:
        self._named.clear()
        self._hand(up=False)

    def _claim(self, pupil: str) -> None:
        declared = self._presence.held.declared
        choices = declared.choices if declared and not declared.pupil else ()
        if any(choice.pupil == pupil for choice in choices):
            self._say_all(lambda lesson: SeatClaimed(self._new_id(), lesson, pupil))

    def _say_all(self, said: Callable[[str], PupilSaid | SeatClaimed]) -> None:
        """Say it to each teacher who shares the lesson: each one hears, or does not, by itself."""
        for lesson in self._presence.lessons:
            self._say(lesson, said(lesson))

    def _say(self, lesson: str, said: PupilSaid | SeatClaimed) -> None:
        self.held = replace(self.held, unheard=(*self.held.unheard, Unheard(lesson, said)))
        self._voice.changed()
        self._voice.lesson(lesson, said)

    def _hand(self, *, up: bool) -> None:
        if up != self.held.hand_up:
            self.held = replace(self.held, hand_up=up)
            self._voice.changed()
        self._presence.hand(1 if up else 0)
