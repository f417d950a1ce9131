"""What is shown on this device: holds the declaration, hands frames to the seat one by one.

It ends with its lesson, its lease and its link, and where nothing comes any more: then the seat
gives the desktop back and says so. The guard reads no picture.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.agent.guard.ports import Link, Wire, author_of
from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.voice import Voice
from device_bridge.protocol.attention import LEASE_ENDED, LESSON_ENDED, NO_SEAT
from device_bridge.protocol.declared import Author, MandateSeen, Overruled, judge
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.fields import NAME_MAX
from device_bridge.protocol.hello import Report
from device_bridge.protocol.messages import decode_showing_from_app, encode
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import HideScreen, ScreenLate, ScreenShown, ShowScreen
from device_bridge.protocol.showing import (
    LATE_SECONDS,
    LEFT,
    LOST_SECONDS,
    NO_LESSON,
    ShowingDeclared,
    StillShowing,
)
from device_bridge.protocol.watching import Credit

UNDER_WAY: Final = 2
"""Frames that the app may have sent and the seat has not shown."""
State = Literal["waiting", "on", "failed", "lost", "off"]


class _Held(Struct, frozen=True):
    """The declaration that holds; moments are boot-clock seconds."""

    declared: ShowingDeclared
    author: Author
    link: Link
    lease_ends_at: float


class ShowingGuard:
    """Nothing is kept over a restart: a show needs its link, which tells it anew."""

    def __init__(self, voice: Voice, now: Callable[[], float], presence: PresenceGuard) -> None:
        self._voice, self._now, self._presence = voice, now, presence
        self._held: _Held | None = None
        self._told: Report | None = None
        self._seat = self._open = self._left = False
        self._order = self._shown = 0
        self._heard_at = self._fresh_at = 0.0
        self._late = 0
        self._moved = asyncio.Event()

    @property
    def on(self) -> bool:
        return self._held is not None

    # what apps declare

    def told(self, link: Link, declared: ShowingDeclared) -> None:
        held, author = self._held, author_of(link)
        if held is not None and not self._yields(held, author, link, declared):
            return
        if held is not None and link is held.link and _renews(held.declared, declared):
            self._hold(author, link, declared)
        elif not declared.on:
            self._hold(author, link, declared)
            self._end("")
        elif author.lesson not in self._presence.lessons:
            link.send(Report("showing", declared.version, "failed", NO_LESSON))
        else:
            self._begin(author, link, declared)

    def _yields(self, held: _Held, author: Author, link: Link, declared: ShowingDeclared) -> bool:
        """Whether what is declared takes the place of what holds."""
        mine, foreign = held.declared.version, author.lesson != held.author.lesson
        verdict = judge(held.author, mine, author, declared.version, self._now())
        if foreign and not declared.on:
            link.send(Report("showing", declared.version, "off"))  # it takes nothing from another
        elif verdict == "older" and foreign:
            self._overruled(author.lesson, mine, held.author.teacher)
        elif verdict != "older":
            if foreign:
                self._overruled(held.author.lesson, declared.version, author.teacher)
            return True
        return False

    def _begin(self, author: Author, link: Link, declared: ShowingDeclared) -> None:
        self._hold(author, link, declared)
        self._told, self._left = None, False
        self._heard_at = self._now()
        if declared.mode == "source":
            self._hide("")
            self._presence.showing("source", "")
        else:
            self._show()
        self._move()
        self.review()

    def _hold(self, author: Author, link: Link, declared: ShowingDeclared) -> None:
        ends_at = self._now() + declared.lease_seconds
        self._held = _Held(declared, author, link, ends_at)

    def hear_mandate(self, seen: MandateSeen) -> None:
        """Take it that a lesson's mandate was prolonged."""
        held = self._held
        if held is not None and seen.author.lesson == held.author.lesson:
            self._held = _Held(held.declared, seen.author, held.link, held.lease_ends_at)

    def review(self) -> None:
        """End what has ended; call it whenever lesson, bar, seat or time moved."""
        if (held := self._held) is None:
            return
        if held.author.lesson not in self._presence.lessons or held.author.until <= self._now():
            self._end(LESSON_ENDED)
        elif held.lease_ends_at <= self._now():
            self._end(LEASE_ENDED)
        elif not self._seat:
            self._report("failed", NO_SEAT)
        elif held.declared.mode == "source":
            presence = self._presence.held
            if presence.proved == presence.order:
                self._report("on")
        elif self._open:
            self._age()

    def _age(self) -> None:
        """Say of a picture that it is old, then take it away."""
        if self._now() - self._heard_at > LOST_SECONDS:
            self._hide("lost")
            self._report("lost")
        elif self._shown:
            self._say_late()

    def lost(self, link: Link) -> None:
        """Give the desktop back: who showed here is gone. A new link tells it anew."""
        if self._held is not None and self._held.link is link:
            self._hide("lost")
            self._report("lost")
            self._forget()

    # the seat

    def seat_came(self) -> None:
        self._seat, self._open = True, False
        if self._held is not None and self._held.declared.mode != "source":
            self._told = None
            self._show()
        self._move()
        self.review()

    def seat_gone(self) -> None:
        self._seat = self._open = False
        self._move()
        self.review()

    def shown(self, shown: ScreenShown) -> None:
        if not self._open or shown.version != self._order or self._held is None:
            return
        self._shown = 0 if shown.reason else shown.number
        self._move()
        if not shown.reason:
            self._report("on")

    def left(self) -> None:
        """Hear that the pupil has closed the window, which only one that is none over all can."""
        held = self._held
        if held is not None and held.declared.mode == "window" and self._open:
            self._left = True
            self._hide("")
            self._report("off", LEFT)

    # the lane

    async def carry(self, link: Link, wire: Wire) -> None:
        """Take the frames of one bound lane until it ends. Raises `Malformed` out of step."""
        await wire.send(encode(Credit(UNDER_WAY)))
        while True:
            match decode_showing_from_app(await wire.receive()):
                case Frame() as frame:
                    await self._take(link, frame)
                    await wire.send(encode(Credit(1)))
                case StillShowing(late_seconds):
                    self._goes_on(link, late_seconds)
                case _:
                    raise Malformed("out-of-order")

    def _goes_on(self, link: Link, late_seconds: int) -> None:
        if not self._is_of(link) or self._left or not self._seat:
            return
        self._heard_at = self._now()
        if not self._open or not self._shown:
            raise Malformed("out of step")  # a new lane begins with a whole picture
        self._fresh_at = self._heard_at - late_seconds
        self._say_late()

    async def _take(self, link: Link, frame: Frame) -> None:
        while self._is_ahead(link, frame):  # its declaration is on its way on `/control`
            self._moved.clear()
            await self._moved.wait()
        if not self._is_of(link, frame) or self._left or not self._seat:
            return
        self._heard_at = self._fresh_at = self._now()
        if frame.base and (not self._open or frame.base != self._shown):
            raise Malformed("out of step")
        if not self._open:
            self._show()
        order, self._shown = self._order, -1
        self._voice.seat(frame)
        while self._open and self._order == order and self._shown < 0:
            self._moved.clear()
            await self._moved.wait()
        self._heard_at = self._now()
        if self._open and self._order == order and self._shown != frame.number:
            raise Malformed("out of step")  # the seat could not lay it
        self._fresh_at = self._heard_at
        self._say_late()

    def _is_ahead(self, link: Link, frame: Frame) -> bool:
        held = self._held
        if held is None or held.link is not link:
            return link in self._voice.links
        return frame.version > held.declared.stream

    def _is_of(self, link: Link, frame: Frame | None = None) -> bool:
        held = self._held
        if held is None or held.link is not link or held.declared.mode == "source":
            return False
        return frame is None or frame.version == held.declared.stream

    # inside

    def _say_late(self) -> None:
        """Have the seat say on the picture for how long nothing was heard of it."""
        seconds = int(self._now() - self._fresh_at)
        late = seconds if seconds >= LATE_SECONDS else 0
        if self._open and late != self._late:
            self._late = late
            self._voice.seat(ScreenLate(self._order, late))

    def _show(self) -> None:
        if self._held is None or not self._seat or self._held.declared.mode == "source":
            return
        declared, author = self._held.declared, self._held.author
        whose = (declared.whose or author.teacher)[:NAME_MAX]
        # A seat may outlive its guard: numbers must rise over the guard's lives as well.
        self._order = max(self._order + 1, int(self._now() * 1000))
        self._shown, self._late, self._open = 0, 0, True
        mode = "full" if declared.mode == "full" else "window"
        size = declared.width, declared.height
        self._voice.seat(ShowScreen(self._order, mode, whose, *size))
        self._presence.showing("here", whose)
        self._report("waiting")

    def _hide(self, why: Literal["", "lost"]) -> None:
        self._presence.showing("", "")
        if self._open:
            self._open = False
            self._voice.seat(HideScreen(self._order, why))
        self._move()

    def _end(self, why: str) -> None:
        self._hide("")
        self._report("off", why)
        self._forget()

    def _forget(self) -> None:
        self._held = self._told = None
        self._move()

    def _move(self) -> None:
        self._moved.set()

    def _report(self, state: State, reason: str = "") -> None:
        """Say it once, to the lesson that shows; another's app may know nothing of shows."""
        if (held := self._held) is None:
            return
        report = Report("showing", held.declared.version, state, reason)
        if report == self._told:
            return
        self._told = report
        self._voice.lesson(held.author.lesson, report)
        facts: dict[str, str | int] = {"version": report.version, "why": reason}
        facts |= {"lesson": held.author.lesson}
        # That a pupil's own screen was shown stands in the pupil's account.
        kind = "source" if held.declared.mode == "source" else "showing"
        self._voice.note(f"{kind}-{state}", facts, held.author.teacher)

    def _overruled(self, lesson: str, version: int, by: str) -> None:
        self._voice.act("showing", [Overruled(lesson, version, by)])


def _renews(held: ShowingDeclared, declared: ShowingDeclared) -> bool:
    """Whether it says the same again, for longer. What else bears that number begins or ends."""
    return replace(declared, lease_seconds=held.lease_seconds) == held
