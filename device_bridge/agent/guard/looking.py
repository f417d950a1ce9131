"""What may be looked at now, and what of the last picture is still true: pure decisions.

A picture goes out only for a declaration that holds, inside a lesson that is on, and never closer
than the pupil's bar is proved to say.
"""

from typing import Final, Literal

from msgspec import Struct

from device_bridge.protocol.declared import Author
from device_bridge.protocol.indicator import LookShown
from device_bridge.protocol.seat import Look
from device_bridge.protocol.watching import WatchingDeclared

_RANK: Final[dict[LookShown, int]] = {"none": 0, "overview": 1, "close": 2}
_CURRENT_SECONDS: Final = 2.5
"""A seat says each second that a picture still holds; two missed, and it may hold no more."""


class Watching(Struct, frozen=True):
    """What a device holds of watching; moments are boot-clock seconds."""

    version: int = 0
    declared: WatchingDeclared | None = None
    lease_ends_at: float = 0.0
    author: Author = Author()

    def wanted(self, now: float) -> LookShown:
        """How close the teacher looks, as far as lease and mandate still say."""
        if self.declared is None or min(self.lease_ends_at, self.author.until) <= now:
            return "none"
        return self.declared.look


class Shown(Struct, frozen=True):
    """The newest picture that went out: our number and the seat's, and when it was last true."""

    number: int = 0
    seat_number: int = 0
    checked_at: float = 0.0

    def current(self, now: float, pace: float) -> bool:
        """Whether the screen still shows it. A slow pace looks more seldom."""
        return self.number > 0 and now - self.checked_at <= max(_CURRENT_SECONDS, 1.5 / pace)


def next_look(
    held: Watching, lesson: str, shown: LookShown | None, ordered: Look | None, now: float
) -> tuple[Look, Literal["as-wanted", "waiting", "none"]]:
    """Say how the seat should look now; `version` is left 0 for the caller to number.

    `lesson` is the one that is on, or "". While the bar has yet to say a closer look, the seat
    goes on as it was ordered, as long as the bar allows that.
    """
    wanted = held.wanted(now)
    stop = Look(0, "none")
    if wanted == "none" or held.declared is None or held.author.lesson != lesson:
        return stop, "none"
    if shown is None:
        return stop, "waiting"
    if _RANK[shown] >= _RANK[wanted]:
        asked = held.declared
        return Look(0, wanted, asked.width, asked.height, asked.pace, asked.screen), "as-wanted"
    if ordered is not None and _RANK[ordered.look] <= _RANK[shown]:
        return ordered, "waiting"
    return stop, "waiting"
