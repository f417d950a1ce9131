"""Whether the clock goes on as it should: held against one that never leaps, for what ends things.

A process that has just begun does not know: its machine may have begun with a wrong clock.
"""

import logging
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)
LEAP_SECONDS: Final = 60
"""So far the two may come apart, by a leap second, or a machine that slept, and nobody minds."""


class Steady:
    """`clock`: UTC seconds. `ticks`: seconds since any moment, which nobody sets."""

    def __init__(self, clock: Callable[[], int], ticks: Callable[[], float]) -> None:
        self._clock = clock
        self._ticks = ticks
        self._since = ticks()
        self._apart = clock() - self._since

    def seconds(self) -> float:
        """Return for how long the clock has gone on evenly, as far as this process has seen."""
        now = self._ticks()
        leap = self._clock() - now - self._apart
        if abs(leap) > LEAP_SECONDS:
            log.warning("the clock leapt", extra={"seconds": round(leap)})
            self._apart += leap
            self._since = now
        return now - self._since
