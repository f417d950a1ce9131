"""Remote control: the machine of `driving`, joined to bar, seat, links and journal."""

from collections.abc import Callable
from itertools import count
from typing import Final

from device_bridge.agent.guard.attention import AttentionGuard
from device_bridge.agent.guard.driving import (
    Answered,
    Asked,
    Came,
    Driving,
    Event,
    LinkWent,
    Looked,
    SaysOnBar,
    Tell,
    Wrote,
    advance,
)
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.agent.guard.watching import WatchingGuard
from device_bridge.protocol.attention import LESSON_ENDED, NO_SEAT
from device_bridge.protocol.control import (
    LOCKED,
    NO_VERB,
    ControlAnswered,
    ControlDeclared,
    ControlInput,
    ControlOrdered,
)
from device_bridge.protocol.fields import NAME_MAX, Verb

VERB: Verb = "control"
RESTARTED: Final = "restarted"


class ControlGuard:
    """Nothing of it goes on over a restart: the seat lets go when its guard is gone.

    `drove`: who drove when the last guard wrote its state.
    """

    def __init__(
        self,
        voice: Voice,
        now: Callable[[], float],
        presence: PresenceGuard,
        attention: AttentionGuard,
        watching: WatchingGuard,
        drove: tuple[str, str],
    ) -> None:
        self._voice, self._now = voice, now
        self._presence, self._attention, self._watching = presence, attention, watching
        self._links: dict[int, Link] = {}
        self._numbers = count(1)
        self.held = Driving()
        lesson, teacher = drove
        if lesson:
            # It was over when this guard's last life was: else the pupil's page would have no end.
            voice.note("control-off", {"lesson": lesson, "why": RESTARTED}, teacher)

    @property
    def drives(self) -> tuple[str, str]:
        """Lesson and teacher who drives now, or nothing twice."""
        driver = self.held.driver
        return (driver.lesson, driver.teacher) if driver and driver.on else ("", "")

    def told(self, link: Link, message: ControlDeclared | ControlInput) -> None:
        """Take what `trust.allow` has allowed on this link."""
        number = self._number(link)
        match message:
            case ControlDeclared():
                author = author_of(link)
                why_not = self._why_not(link)
                self._hear(Asked(message, number, author.lesson, author.teacher, why_not))
            case ControlInput():
                self.review()  # what ends it ends it before anything more is pressed
                self._hear(Came(message, number))

    def answered(self, answer: ControlAnswered) -> None:
        self._hear(Answered(answer))

    def taken_back(self) -> None:
        """Hear that the pupil has taken back, whichever way the seat says it."""
        if self.held.driver is not None:
            self._hear(Answered(ControlAnswered(self.held.driver.order, "taken-back")))

    def lost(self, link: Link) -> None:
        for number in [number for number, one in self._links.items() if one is link]:
            self._hear(LinkWent(number))
            del self._links[number]

    def review(self) -> None:
        """Begin or end what is right; call it whenever lesson, look, lock, bar or time moved."""
        driver = self.held.driver
        if driver is None:
            self._presence.drives("")  # also what the bar of before a restart still says
            return
        bar = self._presence.held
        told = bar.shown is not None and bar.proved == bar.order
        why_not = self._why_not(self._links[driver.link], driver.lesson)
        self._hear(Looked(why_not, told and bar.bar.drives == driver.teacher[:NAME_MAX]))

    def _why_not(self, link: Link, lesson: str = "") -> str:
        author, mandate = author_of(link), link.mandate
        if mandate is None or lesson not in {"", author.lesson}:
            return LESSON_ENDED
        if author.lesson not in self._presence.lessons or author.until <= self._now():
            return LESSON_ENDED
        if VERB not in link.grant.verbs or VERB not in mandate.verbs:
            return NO_VERB
        if self._voice.tell_seat is None:
            return NO_SEAT
        if self._attention.held.locked:
            return LOCKED
        return self._watching.not_closely(link)

    def _hear(self, event: Event) -> None:
        self.held, effects = advance(self.held, event, self._now())
        for effect in effects:
            match effect:
                case SaysOnBar(name):
                    self._presence.drives(name)
                case Tell(number, message):
                    if link := self._links.get(number):
                        link.send(message)
                case Wrote(kind, driver, why):
                    facts: dict[str, str | int] = {"version": driver.version, "why": why}
                    self._voice.changed()
                    self._voice.note(kind, facts | {"lesson": driver.lesson}, driver.teacher)
                case ControlOrdered() | ControlInput():
                    self._voice.seat(effect)
        if isinstance(event, Asked):
            self.review()

    def _number(self, link: Link) -> int:
        known = [number for number, one in self._links.items() if one is link]
        number = known[0] if known else next(self._numbers)
        self._links[number] = link
        return number
