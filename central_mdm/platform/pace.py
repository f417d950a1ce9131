"""When who comes again: each at a moment of its own, so that a region never comes at once.

A few per cent of jitter leaves 8,400 check-ins a second when 500,000 devices wake at 8:00; phases
over the whole interval leave 582.
"""

import hashlib
from typing import Final

from central_mdm.contract.roster import NEXT_SECONDS_MAX

INTERVAL_SECONDS: Final = 900
SOONEST_SECONDS: Final = 30
TURN_SECONDS: Final = 60


def next_check_in(device: str, now: int, interval_seconds: int = INTERVAL_SECONDS) -> int:
    """Return in how many seconds this device's own moment of the interval is, 30 at the least."""
    phase = int.from_bytes(hashlib.sha256(device.encode()).digest()[:8], "big") % interval_seconds
    wait = (phase - now) % interval_seconds
    return wait if wait >= SOONEST_SECONDS else wait + interval_seconds


def next_turn(teacher: str, now: int, first_seconds: int) -> int:
    """Return in how many seconds a teacher's app that has nothing to tell comes again.

    A region whose devices take `first_seconds` to come at a start is asked by each of its teachers
    once in half of that, any other once a minute.
    """
    seconds = next_check_in(teacher, now, max(TURN_SECONDS, first_seconds // 2))
    return min(seconds, NEXT_SECONDS_MAX)
