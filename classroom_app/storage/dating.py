"""When an act was: by its own date where that can be, else by when its computer was right next.

A laptop with an empty battery dates a lesson years back, or ahead. What is old goes, so what only
looks old must not: marks, each the newest act there was at a moment, say between which moments an
act came. They are a line of the settings, written by each clean-up.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from classroom_app.storage.settings import keep, read
from classroom_app.storage.tables import journal
from device_bridge.retention import DAY_SECONDS
from device_bridge.trust.floor import FLOOR_LOWEST

MARKS: Final = "dates"
MARKS_MAX: Final = 2000
"""The oldest go: two a day at most stay, and nothing is kept for longer by age than a few years."""


class Mark(Struct, frozen=True, array_like=True):
    """At `at`, UTC seconds, the journal had acts up to `sequence`."""

    sequence: int
    at: int


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_marks: Final = msgspec.json.Decoder(tuple[Mark, ...])


class Dates:
    """Dates acts as it is known at `now`, UTC seconds."""

    def __init__(self, marks: Sequence[Mark], now: int) -> None:
        self._now = now
        self._marks = list[Mark]()
        # One of days to come was made by a clock ahead, one of before the last by a clock behind.
        for mark in marks:
            newest = self._marks[-1].at if self._marks else FLOOR_LOWEST
            if newest <= mark.at <= now:
                self._marks.append(mark)

    def date(self, sequence: int, at: int) -> int:
        """Return when an act was that says `at`; where that cannot be, a moment at which it was."""
        place = bisect_left(self._marks, sequence, key=lambda mark: mark.sequence)
        before = self._marks[place - 1].at if place else FLOOR_LOWEST
        if before <= at <= self._now:
            return at
        return self._marks[place].at if place < len(self._marks) else self._now

    def all_since(self, sequence: int, moment: int) -> bool:
        """Say whether it is known of all acts after `sequence` that none was before `moment`."""
        return any(one.at >= moment and one.sequence <= sequence for one in self._marks)


def dates(now: int, connection: Connection) -> Dates:
    return Dates(_read(connection), now)


def mark(now: int, connection: Connection) -> None:
    """Note what the journal has at `now`, UTC seconds."""
    newest = int(connection.execute(select(func.max(journal.c.sequence))).scalar() or 0)
    before = _read(connection)
    # Of a day the first and the last are enough.
    if len(before) > 1 and 0 <= now - before[-2].at < DAY_SECONDS:
        before = before[:-1]
    marks = (*before, Mark(newest, now))[-MARKS_MAX:]
    keep({MARKS: msgspec.json.encode(marks).decode()}, connection)


def _read(connection: Connection) -> tuple[Mark, ...]:
    return _marks.decode(read(connection).get(MARKS, "[]"))
