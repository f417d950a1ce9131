"""When a teacher's app that has nothing to tell comes again."""

import secrets
from typing import Final

SOONEST_SECONDS: Final = 60
SPREAD: Final = 0.5


def next_turn(first_seconds: int) -> int:
    """Return in how many seconds, drawn so that those who came together do not come together again.

    A region whose devices take `first_seconds` to come at a start is asked by its teachers each
    half of that, and half as much more at the most; any other each minute.
    """
    least = max(SOONEST_SECONDS, first_seconds // 2)
    return least + secrets.randbelow(round(least * SPREAD))
