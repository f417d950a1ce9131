"""What was made while a server's clock was ahead: until it is that late, it is good for nothing."""

from typing import Final

AHEAD_SECONDS: Final = 3600
"""So far the clocks of two servers may differ, or one be set back, and nobody notices."""


def ends_by(now: int, seconds: int) -> int:
    """Return when what lives for `seconds` ends at the latest; what ends later was made ahead."""
    return now + seconds + AHEAD_SECONDS
