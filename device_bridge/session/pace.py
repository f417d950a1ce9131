"""How fast one end may speak on a lane: some at once, then so many a second.

Nobody is refused: who speaks faster is read later, and waits in TCP's own buffers.
"""

import asyncio
import math
from typing import Final

AT_ONCE: Final = 100
"""A lesson that begins says some ten things to a device."""
A_SECOND: Final = 100


class Pace:
    def __init__(self, at_once: int = AT_ONCE, a_second: int = A_SECOND) -> None:
        self._at_once, self._a_second = at_once, a_second
        self._due = -math.inf

    async def turn(self) -> None:
        """Wait until the next message may be read; let others have the loop in any case.

        A wire that has bytes left gives its messages without a pause, and one link would keep all
        others from theirs.
        """
        await asyncio.sleep(max(0.0, self.seconds()))

    def seconds(self) -> float:
        """Count one message more; return how long from now it has to wait, below 0: not at all."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - self._at_once / self._a_second) + 1 / self._a_second
        return self._due - now
