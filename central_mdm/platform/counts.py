"""What a process counts of itself: additions on the loop, read by whoever watches, if anybody does.

Another thread may read them: each number is true, two of them together may be of two moments.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SECONDS: Final = (0.005, 0.01, 0.03, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of how long something took; 60 ms are what check-ins are held to."""
SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Spread:
    """A histogram: how many values were at most each of `bounds`, the last: more than all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@dataclass
class Faults:
    """How often what goes on behind requests has failed since the start.

    `audit`: an administrator's act that could not be written down, and so was not done. `tidy`: a
    clean-up by the server itself.
    """

    audit: int = 0
    tidy: int = 0
