"""Who looks: orders the seat's look, and lets pictures out only while the pupil is told."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from device_bridge.agent.guard.looking import Shown, Watching, next_look, together
from device_bridge.agent.guard.ports import Link, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.private import PrivateGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.declared import Author, MandateSeen, Overruled, judge
from device_bridge.protocol.hello import Report
from device_bridge.protocol.indicator import LookShown
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import FrameTaken, Look, LookAnswered, StillShown
from device_bridge.protocol.watching import CLOSE_ENDED, WatchingDeclared

NO_INDICATOR = "no-indicator"
NOT_CLOSE = "not-close"
PRIVATE = "private"


class WatchingGuard:
    """`close_seconds`: how long the school lets a close look go on.

    Teachers who share a class see one picture, the closest that one of them asks for: the bar
    names them all. `held` is of the lesson that looked first, `beside` of the others.
    """

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
        self.beside: dict[str, Watching] = {}
        self.shown = Shown()
        self.ordered: Look | None = None
        self._order = 0
        self._waiting = False
        self._served: list[Link] = []
        self._told_of: set[str] = set()
        self._told: dict[str, Report] = {}
        self._noted: tuple[LookShown, str, set[str]] = ("none", "", set())

    def told(self, link: Link, declared: WatchingDeclared) -> None:
        author = author_of(link)
        foreign = author.lesson != self.held.author.lesson
        if foreign and {author.lesson, self.held.author.lesson} <= set(self._presence.lessons):
            self._told_beside(link, declared, author)
            return
        held, now = self.held, self._now()
        verdict = judge(held.author, held.version, author, declared.version, now)
        if verdict == "older":
            if foreign:
                self._overruled(author.lesson, held.version, held.author.teacher)
            return
        if foreign and held.wanted(now) != "none":
            self._overruled(held.author.lesson, declared.version, author.teacher)
        self.held = held.taking(declared, author, now, self._close_seconds())
        self._taken(link, author.lesson)

    def _told_beside(self, link: Link, declared: WatchingDeclared, author: Author) -> None:
        mine = self.beside.get(author.lesson, Watching())
        if declared.version < mine.version:
            return
        mine = mine.taking(declared, author, self._now(), self._close_seconds())
        self.beside[author.lesson] = mine
        self._taken(link, author.lesson)

    def _taken(self, link: Link, lesson: str) -> None:
        self._told.pop(lesson, None)
        if link not in self._served:
            # A new link has no picture yet, however still the screen: the seat looks afresh.
            self._served.append(link)
            self.ordered = None
        self._voice.changed()
        self.review()

    def _look_afresh(self) -> None:
        """Have the seat begin with a whole picture."""
        self.ordered = None
        self.review()

    def not_closely(self, link: Link) -> str:
        """Say why the link's teacher is not looking closely, as the pupil is told; "": they are."""
        if self._private.on:
            return PRIVATE
        lesson = author_of(link).lesson
        mine = next((row for row in self._looking() if row.author.lesson == lesson), None)
        if mine is None or mine.wanted(self._now()) != "close" or not self.shown.number:
            return NOT_CLOSE
        told_of = self._presence.held.shown == "close" and lesson in self._presence.held.told_of
        return "" if told_of else NO_INDICATOR

    def hear_mandate(self, seen: MandateSeen) -> None:
        if seen.author.lesson and seen.author.lesson == self.held.author.lesson:
            self.held = _prolonged(self.held, seen.author.until)
        elif mine := self.beside.get(seen.author.lesson):
            self.beside[seen.author.lesson] = _prolonged(mine, seen.author.until)

    def review(self) -> None:
        """Order the look that is right now; call it whenever lesson, bar or time moved."""
        self._private.review()
        self._follow_presence()
        now, on, private = self._now(), self._presence.lessons, self._private.on
        asked = together([self.held, *self.beside.values()], on, now)
        mine = asked.author.lesson in on
        seen = asked.wanted(now) if mine and not private else "none"
        self._presence.looks(seen, asked.close_ends_at if seen == "close" else 0.0)
        shown = self._presence.held.shown
        # In private it is as if no lesson were on.
        lesson = asked.author.lesson if mine and not private else ""
        look, how = next_look(asked, lesson, shown, self.ordered, now)
        if private and mine:
            self._report("private")
        if how == "waiting" and self._presence.held.shown is None:
            self._not_shown()
        if self.ordered is None or look != replace(self.ordered, version=0):
            self._look(look)
        self._note(look.look)

    def seat_came(self) -> None:
        """Begin anew with a seat that knows no look and counts its pictures from one."""
        self.ordered = None
        self._waiting = False
        self.review()

    def seat_gone(self) -> None:
        self.ordered = None
        self._waiting = False
        self.shown = replace(self.shown, checked_at=-1e9)

    def framed(self, picture: Frame) -> None:
        order, told_of = self.ordered, self._presence.held.told_of
        looking = [row for row in self._looking() if row.author.lesson in told_of]
        # A seat that was told to stop has nothing to hand over, whatever it says.
        allowed = order is not None and order.look != "none" and order.version == picture.version
        if not allowed or not looking:
            self._voice.seat(FrameTaken(picture.number))
            return
        if picture.base not in {0, self.shown.seat_number}:
            self._look_afresh()  # what it is laid on did not go out
            return
        base = self.shown.number if picture.base else 0
        self.shown = Shown(self.shown.number + 1, picture.number, self._now())
        frame = replace(picture, number=self.shown.number, base=base)
        self._report("on")
        offered = [
            laid
            for row in looking
            for laid in self._voice.offer(row.author.lesson, replace(frame, version=row.version))
        ]
        self._waiting = bool(offered)
        if not all(offered):
            self._look_afresh()
        elif not offered:
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
            self._report(answer.state, answer.reason)

    def lost(self, link: Link) -> None:
        """Free the seat from waiting for a frame that the link took with it."""
        if link in self._served:
            self._served.remove(link)
        self.taken(self.shown.number)

    def current(self) -> bool:
        pace = max((row.declared.pace for row in self._looking() if row.declared), default=1.0)
        return self.shown.current(self._now(), pace)

    def _look(self, look: Look) -> None:
        # A seat may outlive its guard: numbers must rise over the guard's lives as well.
        self._order = max(self._order + 1, int(self._now() * 1000))
        order = replace(look, version=self._order)
        self.ordered = order if self._voice.seat(order) else None
        self._waiting = False
        if look.look == "none":
            self._voice.forget()

    def _note(self, look: LookShown) -> None:
        """Write down who looks, and how, where that is new.

        A close look stands in the account of each lesson that asked for it, and of no other.
        """
        rows, now = self._looking() or [self.held], self._now()
        who = ", ".join(row.author.teacher for row in rows)
        close = [row for row in rows if look == "close" and row.wanted(now) == look]
        asked = close or rows[:1]
        lessons = {row.author.lesson for row in asked} if look != "none" else set[str]()
        news = (look, who if lessons else "", lessons)
        if news == self._noted:
            return
        told = self._noted[2] if self._noted[:2] == news[:2] and close else set[str]()
        self._noted = news
        for row in asked:
            if row.author.lesson not in told:
                facts: dict[str, str | int] = {"version": row.version}
                self._voice.note(f"look-{look}", facts | {"lesson": row.author.lesson}, who)

    def _not_shown(self) -> None:
        told = self._presence.held.told
        if told is not None and told.state == "failed":
            self._report("failed", NO_INDICATOR)

    def _report(self, state: Literal["on", "dark", "private", "failed"], reason: str = "") -> None:
        """Tell each teacher who looks; a close look that is over says so where all else is well."""
        rows = self._looking() or [self.held]
        for row in rows:
            over = state == "on" and row.close_over(self._now())
            report = Report("watching", row.version, state, CLOSE_ENDED if over else reason)
            if report != self._told.get(row.author.lesson):
                self._told[row.author.lesson] = report
                if len(rows) == 1:
                    self._voice.all(report)
                else:
                    self._voice.lesson(row.author.lesson, report)

    def _looking(self) -> list[Watching]:
        """Return who of the lessons that are on asks for pictures now."""
        on, now = self._presence.lessons, self._now()
        rows = (self.held, *self.beside.values())
        return [row for row in rows if row.author.lesson in on and row.wanted(now) != "none"]

    def _follow_presence(self) -> None:
        """Let go of what lessons asked that are over; one that is left takes the first place."""
        on = self._presence.lessons
        self.beside = {lesson: row for lesson, row in self.beside.items() if lesson in on}
        if self.beside and self.held.author.lesson not in on:
            self.held = self.beside.pop(next(iter(self.beside)))
            self._voice.changed()
        told_of = set(self._presence.held.told_of)
        if told_of - self._told_of and self.ordered and self.ordered.look != "none":
            self.ordered = None  # a still screen sends no second picture to who is named only now
        self._told_of = told_of

    def _overruled(self, lesson: str, version: int, by: str) -> None:
        self._voice.act("watching", [Overruled(lesson, version, by)], self.held.author)


def _prolonged(held: Watching, until: float) -> Watching:
    return replace(held, author=replace(held.author, until=max(held.author.until, until)))
