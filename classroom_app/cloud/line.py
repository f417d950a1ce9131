"""The line to the school: how fast it takes chunks, and whether what goes over it costs money."""

from collections.abc import Awaitable, Callable
from typing import Final

SLOW_BYTES: Final = 64 * 1024
"""Bytes a second. Below it a work of 4 MiB takes a minute, in which nothing else has the line."""
WEIGHT: Final = 0.3
"""Of the newest chunk in the mean: after three of them it speaks of the line as it is now."""
# The way there and back again is most of a smaller one's time, on a line that is far and not slow.
TELLING_BYTES: Final = 128 * 1024


async def not_known() -> bool | None:
    """Say that nobody here knows whether the network is metered."""
    return None


class Line:
    """`asks_metered` says whether what goes over this network is paid for; None: not known."""

    def __init__(self, asks_metered: Callable[[], Awaitable[bool | None]] = not_known) -> None:
        self._asks_metered = asks_metered
        self._bytes = self._seconds = 0.0
        self._last_at = 0.0

    @property
    def bytes_per_second(self) -> float:
        """The exponential mean over the last chunks; 0: none was large enough to tell."""
        return self._bytes / self._seconds if self._seconds else 0.0

    @property
    def slow(self) -> bool:
        return 0.0 < self.bytes_per_second < SLOW_BYTES

    @property
    def fast(self) -> bool:
        """Whether it is known to be."""
        return self.bytes_per_second >= SLOW_BYTES

    async def metered(self) -> bool:
        return bool(await self._asks_metered())

    def took(self, size: int, began: float, now: float) -> None:
        """Note that a chunk of `size` bytes is there; `began` and `now` are seconds of the loop.

        Chunks under way beside each other share the line: each is counted from the end of the one
        before it, so that the mean is the line's and not a share of it.
        """
        if size < TELLING_BYTES:
            return
        seconds, self._last_at = now - max(began, self._last_at), now
        weight = WEIGHT if self._seconds else 1.0
        self._bytes += weight * (size - self._bytes)
        self._seconds += weight * (max(seconds, 0.0) - self._seconds)

    def forget(self) -> None:
        """Know nothing any more: this computer is on another network."""
        self._bytes = self._seconds = 0.0
