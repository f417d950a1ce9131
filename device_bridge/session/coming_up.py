"""First the whole class is linked, then its pictures.

A handshake costs both ends milliseconds of work, and a device that is not linked yet can be neither
locked nor heard, nor has it told its pupil yet that somebody looks.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

PATIENCE_SECONDS: Final = 0.5
"""A device that does not answer is dialled for longer; nobody's pictures wait for it."""


SETTLE_SECONDS: Final = 0.1
"""From the last welcome until that device has heard of the lesson and told its pupil."""


class ComingUp:
    """Counts the links of a room that are being made."""

    def __init__(self) -> None:
        self._links = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def link(self) -> Generator[None]:
        """Count one link until it stands or has failed."""
        self._links += 1
        self._none.clear()
        try:
            yield
        finally:
            self._links -= 1
            if not self._links:
                self._none.set()

    async def over(self) -> None:
        """Wait until no link is being made, for `PATIENCE_SECONDS` at most, and it is settled."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._none.wait()
        except TimeoutError:
            pass
        await asyncio.sleep(SETTLE_SECONDS)
