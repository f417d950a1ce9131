"""What may be looked at now, and what of the last picture is still true: pure decisions.

A picture goes out only for a declaration that holds, inside a lesson that is on, and never closer
than the pupil's bar is proved to say.
"""

from collections.abc import Collection, Sequence
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.protocol.declared import Author
from device_bridge.protocol.indicator import LookShown
from device_bridge.protocol.seat import Look
from device_bridge.protocol.watching import WatchingDeclared

_RANK: Final[dict[LookShown, int]] = {"none": 0, "overview": 1, "close": 2}
_CURRENT_SECONDS: Final = 2.5
"""A seat says each second that a picture still holds; two missed, and it may hold no more."""


OVERVIEW_WIDTH: Final = 960
OVERVIEW_HEIGHT: Final = 600
"""No picture is larger that the pupil is not told of as a close look; a tile is smaller."""
OVERVIEW_PACE: Final = 1.25
"""Of what is left of a close look that has ended; as the app asks for tiles."""


class Watching(Struct, frozen=True):
    """What a device holds of watching; moments are boot-clock seconds.

    `close_ends_at`: until when a close look may go on, however often it is declared.
    """

    version: int = 0
    declared: WatchingDeclared | None = None
    lease_ends_at: float = 0.0
    author: Author = Author()
    close_ends_at: float = 0.0

    def wanted(self, now: float) -> LookShown:
        """How close the teacher looks, as far as lease and mandate still say."""
        if self.declared is None or min(self.lease_ends_at, self.author.until) <= now:
            return "none"
        return "overview" if self.close_over(now) else self.declared.look

    def close_over(self, now: float) -> bool:
        """Whether the teacher still asks for a close look whose time is up."""
        return self._close and self.close_ends_at <= now

    def taking(
        self, declared: WatchingDeclared, author: Author, now: float, close_seconds: int
    ) -> "Watching":
        """Hold what was declared anew; a close look that goes on gains no time by it."""
        goes_on = self._close and self.author.lesson == author.lesson
        ends_at = self.close_ends_at if goes_on else now + close_seconds
        return Watching(
            declared.version,
            declared,
            now + declared.lease_seconds,
            author,
            ends_at if declared.look == "close" else 0.0,
        )

    @property
    def _close(self) -> bool:
        return self.declared is not None and self.declared.look == "close"


class Shown(Struct, frozen=True):
    """The newest picture that went out: our number and the seat's, and when it was last true."""

    number: int = 0
    seat_number: int = 0
    checked_at: float = 0.0

    def current(self, now: float, pace: float) -> bool:
        """Whether the screen still shows it. A slow pace looks more seldom."""
        return self.number > 0 and now - self.checked_at <= max(_CURRENT_SECONDS, 1.5 / pace)


def together(rows: Sequence[Watching], lessons: Collection[str], now: float) -> Watching:
    """Return what teachers who share a class ask for as one: the closest, in overview the largest.

    Where nobody of the `lessons` that are on looks it is the first row, as it is.
    """
    on = [row for row in rows if row.author.lesson in lessons and row.wanted(now) != "none"]
    if not on:
        return rows[0]
    first = max(on, key=lambda row: _RANK[row.wanted(now)])
    asked = [row.declared for row in on if row.declared]
    if len(on) == 1 or first.wanted(now) == "close" or first.declared is None:
        return first
    largest = replace(
        first.declared,
        width=max(one.width for one in asked),
        height=max(one.height for one in asked),
        pace=max(one.pace for one in asked),
        bytes_per_second=_share(asked),
    )
    return replace(first, declared=largest)


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
        return _as(wanted, held.declared), "as-wanted"
    if ordered is not None and _RANK[ordered.look] <= _RANK[shown]:
        return ordered, "waiting"
    return stop, "waiting"


def _share(asked: Sequence[WatchingDeclared]) -> int:
    """Return the largest of the shares; 0, which is no bound, where one has none."""
    shares = [one.bytes_per_second for one in asked]
    return max(shares) if all(shares) else 0


def _as(wanted: LookShown, asked: WatchingDeclared) -> Look:
    look = Look(
        0, wanted, asked.width, asked.height, asked.pace, asked.screen, asked.bytes_per_second
    )
    if wanted == "close":
        return look
    pace = min(asked.pace, OVERVIEW_PACE) if asked.look == "close" else asked.pace
    width, height = min(asked.width, OVERVIEW_WIDTH), min(asked.height, OVERVIEW_HEIGHT)
    return replace(look, width=width, height=height, pace=pace)
