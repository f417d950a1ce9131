"""Who looks: orders the seat's look, and lets pictures out only while the pupil is told."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from device_bridge.agent.guard.looking import Shown, Watching, next_look
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.private import PrivateGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.declared import MandateSeen, Overruled, judge
from device_bridge.protocol.hello import Report
from device_bridge.protocol.seat import FrameTaken, Look, LookAnswered, SeatFrame, StillShown
from device_bridge.protocol.watching import CLOSE_ENDED, Frame, WatchingDeclared

NO_INDICATOR = "no-indicator"
NOT_CLOSE = "not-close"
PRIVATE = "private"


class WatchingGuard:
    """`close_seconds`: how long the school lets a close look go on."""

    def __init__(
        self,
        voice: Voice,
        now: Callable[[], float],
        held: Watching,
        presence: PresenceGuard,
        private: PrivateGuard,
        close_seconds: Callable[[], int],
    ) -> None:
        self._private = private
        self._close_seconds = close_seconds
        self._voice = voice
        self._now = now
        self._presence = presence
        self.held = held
        self.shown = Shown()
        self.ordered: Look | None = None
        self._order = 0
        self._waiting = False
        self._served: list[Link] = []
        self._told: Report | None = None

    def told(self, link: Link, declared: WatchingDeclared) -> None:
        author = author_of(link)
        foreign = author.lesson != self.held.author.lesson
        verdict = judge(self.held.author, self.held.version, author, declared.version)
        if verdict == "older":
            if foreign:
                self._overruled(author.lesson, self.held.version, self.held.author.teacher)
            return
        if foreign and self.held.wanted(self._now()) != "none":
            self._overruled(self.held.author.lesson, declared.version, author.teacher)
        self.held = self.held.taking(declared, author, self._now(), self._close_seconds())
        self._told = None
        if link not in self._served:
            # A new link has no picture yet, however still the screen: the seat looks afresh.
            self._served.append(link)
            self.ordered = None
        self._voice.changed()
        self.review()

    def not_closely(self, link: Link) -> str:
        """Say why the link's teacher is not looking closely, as the pupil is told; "": they are."""
        lesson = self._presence.lesson
        if self._private.on:
            return PRIVATE
        mine = bool(lesson) and lesson == self.held.author.lesson == author_of(link).lesson
        if not mine or self.held.wanted(self._now()) != "close" or not self.shown.number:
            return NOT_CLOSE
        return "" if self._presence.held.shown == "close" else NO_INDICATOR

    def hear_mandate(self, seen: MandateSeen) -> None:
        if seen.author.lesson and seen.author.lesson == self.held.author.lesson:
            until = max(self.held.author.until, seen.author.until)
            self.held = replace(self.held, author=replace(self.held.author, until=until))

    def review(self) -> None:
        """Order the look that is right now; call it whenever lesson, bar or time moved."""
        self._private.review()
        now, lesson = self._now(), self._presence.lesson
        mine, private = bool(lesson) and self.held.author.lesson == lesson, self._private.on
        seen = self.held.wanted(now) if mine and not private else "none"
        self._presence.looks(seen, self.held.close_ends_at if seen == "close" else 0.0)
        shown = self._presence.held.shown
        # In private it is as if no lesson were on.
        look, how = next_look(self.held, "" if private else lesson, shown, self.ordered, now)
        if private and mine:
            self._report("private")
        if how == "waiting" and self._presence.held.shown is None:
            self._not_shown()
        if self.ordered is None or look != replace(self.ordered, version=0):
            self._look(look)

    def seat_came(self) -> None:
        """Begin anew with a seat that knows no look and counts its pictures from one."""
        self.ordered = None
        self._waiting = False
        self.review()

    def seat_gone(self) -> None:
        self.ordered = None
        self._waiting = False
        self.shown = replace(self.shown, checked_at=-1e9)

    def framed(self, picture: SeatFrame) -> None:
        declared = self.held.declared
        allowed = self.ordered is not None and picture.version == self.ordered.version
        if not allowed or declared is None or self._presence.held.shown is None:
            self._voice.seat(FrameTaken(picture.number))
            return
        self.shown = Shown(self.shown.number + 1, picture.number, self._now())
        frame = Frame(
            self.shown.number,
            self.held.version,
            picture.width,
            picture.height,
            picture.screen_width,
            picture.screen_height,
            picture.codec,
            picture.picture,
        )
        self._report("on", CLOSE_ENDED if self.held.close_over(self._now()) else "")
        self._waiting = self._voice.offer(self.held.author.lesson, frame)
        if not self._waiting:
            self._voice.seat(FrameTaken(picture.number))

    def taken(self, number: int) -> None:
        """Note that an app has the frame `number`: the seat may hand over its next."""
        if self._waiting and number == self.shown.number:
            self._waiting = False
            self._voice.seat(FrameTaken(self.shown.seat_number))

    def still(self, shown: StillShown) -> None:
        if shown.number == self.shown.seat_number:
            self.shown = replace(self.shown, checked_at=self._now())

    def answered(self, answer: LookAnswered) -> None:
        if self.ordered is not None and answer.version == self.ordered.version:
            if answer.state == "on" and self._private.on:
                return  # a look that was under way when the pupil pressed
            over = answer.state == "on" and self.held.close_over(self._now())
            self._report(answer.state, CLOSE_ENDED if over else answer.reason)

    def lost(self, link: Link) -> None:
        """Free the seat from waiting for a frame that the link took with it."""
        if link in self._served:
            self._served.remove(link)
        self.taken(self.shown.number)

    def current(self) -> bool:
        pace = self.held.declared.pace if self.held.declared else 1.0
        return self.shown.current(self._now(), pace)

    def _look(self, look: Look) -> None:
        # A seat may outlive its guard: numbers must rise over the guard's lives as well.
        self._order = max(self._order + 1, int(self._now() * 1000))
        before = self.ordered.look if self.ordered else "none"
        order = replace(look, version=self._order)
        self.ordered = order if self._voice.seat(order) else None
        self._waiting = False
        if look.look == "none":
            self._voice.forget()
        if look.look != before:
            by = {"version": self.held.version, "lesson": self.held.author.lesson}
            self._voice.note(f"look-{look.look}", by, self.held.author.teacher)

    def _not_shown(self) -> None:
        told = self._presence.held.told
        if told is not None and told.state == "failed":
            self._report("failed", NO_INDICATOR)

    def _report(self, state: Literal["on", "dark", "private", "failed"], reason: str = "") -> None:
        report = Report("watching", self.held.version, state, reason)
        if report != self._told:
            self._told = report
            self._voice.all(report)

    def _overruled(self, lesson: str, version: int, by: str) -> None:
        self._voice.act("watching", [Overruled(lesson, version, by)], self.held.author)
