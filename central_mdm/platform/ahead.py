"""What was made while a server's clock was ahead: until it is that late, it is good for nothing."""

from typing import Final

from sqlalchemy import ColumnElement

AHEAD_SECONDS: Final = 3600
"""So far the clocks of two servers may differ, or one be set back, and nobody notices."""


def lately_of(at: ColumnElement[int], now: int, seconds: int) -> ColumnElement[bool]:
    """Say what was at most so long ago: what a clock ahead has written counts for no cap."""
    return at.between(now - seconds + 1, now + AHEAD_SECONDS)


def ends_by(now: int, seconds: int) -> int:
    """Return when what lives for `seconds` ends at the latest; what ends later was made ahead."""
    return now + seconds + AHEAD_SECONDS
