"""A pupil keeps the screen private for a while, as long as the school allows in one lesson.

Nobody sees the screen then, small or closely; whatever restricts the pupil goes on.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.agent.guard.presence import PresenceGuard
from device_bridge.agent.guard.voice import Voice


class Private(Struct, frozen=True):
    """What is left of a lesson's private time. `ends_at`, a boot-clock second: 0 when not on."""

    lesson: str = ""
    left_seconds: float = 0.0
    ends_at: float = 0.0


class PrivateGuard:
    """`allowed` gives the seconds a lesson that the school allows; 0: not at all."""

    def __init__(
        self,
        voice: Voice,
        now: Callable[[], float],
        held: Private,
        presence: PresenceGuard,
        allowed: Callable[[], int],
    ) -> None:
        self._voice, self._now, self._presence, self._allowed = voice, now, presence, allowed
        self.held = held

    @property
    def on(self) -> bool:
        return self.held.ends_at > self._now()

    def wish(self, *, on: bool) -> None:
        """Do what the pupil presses, as far as the school allows."""
        self.review()
        if on and not self.on and self.held.left_seconds >= 1:
            self._hold(Private(self.held.lesson, 0.0, self._now() + self.held.left_seconds))
            self._note("private-on")
        elif not on and self.held.ends_at:
            self._off()

    def review(self) -> None:
        """Look at lesson and clock, and tell the bar."""
        lesson, allowed = self._presence.lesson, float(self._allowed())
        if self.held.ends_at and not (self.on and lesson and allowed):
            self._off()
        if self.on and lesson != self.held.lesson:
            # Another lesson that takes this one's place opens no screen: it is used up there.
            self._hold(replace(self.held, lesson=lesson))
        elif (lesson and lesson != self.held.lesson) or self.held.left_seconds > allowed:
            self._hold(Private(lesson, allowed))
        self._presence.private(int(self.held.left_seconds), self.held.ends_at)

    def _off(self) -> None:
        left = max(0.0, self.held.ends_at - self._now())
        self._note("private-off")
        self._hold(Private(self.held.lesson, left))

    def _hold(self, held: Private) -> None:
        self.held = held
        self._voice.changed()

    def _note(self, kind: str) -> None:
        self._voice.note(kind, {"lesson": self.held.lesson})
