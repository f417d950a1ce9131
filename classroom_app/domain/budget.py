"""What the whole class's pictures may take together, and each device's share of it: pure."""

from typing import Final

WALL_BYTES_PER_SECOND: Final = 1_000_000
"""8 Mbit/s: what a class on one good access point can spare while it also works."""
DECODES_PER_SECOND: Final = 125
PACE_MAX: Final = 2.0
CLOSE_PACE: Final = 33.0
"""A little above the 30 frames a second of most that moves: so each is grabbed when it is new."""
BESIDE_MAX: Final = 4
"""So many screens are looked at closely side by side: each process keeps as many pictures."""
BESIDE_PACE: Final = 12.0
"""Above the 8 frames a second that are promised of each."""
SPREAD_MAX: Final = 8.0
SPREAD: Final = 4.0
"""Of how many devices one changes at a time, as a first guess."""


def pace(devices: int) -> float:
    """Return the frames a second that each of so many tiles is asked for at most."""
    return min(PACE_MAX, DECODES_PER_SECOND / max(1, devices))


def close_pace(looks: int) -> float:
    """Return the frames a second that each of so many close looks is asked for at most.

    Each is asked at the size it is shown, so together they take the pixels of one.
    """
    return max(BESIDE_PACE, CLOSE_PACE / max(1, looks))


def share(devices: int, spread: float) -> int:
    """Return the bytes a second that each of so many tiles may take."""
    return int(WALL_BYTES_PER_SECOND / max(1, devices) * spread)


def next_spread(spread: float, used: float) -> float:
    """Return by how much shares may overlap next, when `used` bytes a second were taken.

    Few screens change at the same time: as long as that is so, who changes may take more than an
    even share. A class that takes too much is brought back at once, one that rests, in steps.
    """
    if used > WALL_BYTES_PER_SECOND:
        return max(1.0, spread / 2)
    if used < WALL_BYTES_PER_SECOND / 4:
        return min(SPREAD_MAX, spread * 2)
    return spread
