"""How often and how finely to look: by what was asked, and by how the last frames got away."""

from typing import Final

from device_bridge.protocol.seat import Look

QUALITIES: Final = {"overview": (85, 70, 55, 40), "close": (75, 60, 45, 30)}
"""JPEG's own figures, best first. A tile is small: it may cost a little."""
SLOW_SECONDS: Final = {"overview": 1.0, "close": 0.15}
"""A frame that takes longer to get away is on a weak link: the next one is coarser."""
GOOD_FRAMES: Final = 8
"""So many that got away in a quarter of that, one after the other, and the next one is finer."""


class Pacing:
    """One look's. Moments are seconds of any one clock."""

    def __init__(self, look: Look) -> None:
        self._look = look
        kind = "close" if look.look == "close" else "overview"
        self._qualities = QUALITIES[kind]
        self._slow_seconds = SLOW_SECONDS[kind]
        self._level = self._good = 0
        self._sent_at, self._bytes = 0.0, 0

    @property
    def quality(self) -> int:
        return self._qualities[self._level]

    def sent(self, size: int, now: float) -> None:
        """Note that a frame of `size` bytes was handed over."""
        self._sent_at, self._bytes = now, size

    def taken(self, now: float) -> None:
        """Note that it got away."""
        took = now - self._sent_at
        if took > self._slow_seconds:
            self._good = 0
            self._level = min(self._level + 1, len(self._qualities) - 1)
        elif took < self._slow_seconds / 4:
            self._good += 1
            if self._good >= GOOD_FRAMES and self._level:
                self._good = 0
                self._level -= 1

    def rest_seconds(self) -> float:
        """Return how long after one glance the next is due at the earliest."""
        share = self._look.bytes_per_second
        size, self._bytes = self._bytes, 0
        return max(1 / self._look.pace, size / share if share else 0.0)
