"""What makes the next session: dial, live, lose, pause, again. A sighting only shortens a pause."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final

from device_bridge.protocol.errors import DeviceError

DIAL_FLOOR_SECONDS: Final = 1.0
"""mDNS is unsigned: a flood of forged sightings buys one dial a second and no more."""
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 10.0


def retry_pauses(
    first_seconds: float, cap_seconds: float, jitter: Callable[[], float]
) -> Iterator[float]:
    """Yield the seconds to wait before each try: doubling, at most `cap_seconds`, without end.

    Each is multiplied by `jitter()`, drawn from 0.5 to 1.0, so that thirty keepers spread out.
    """
    pause = first_seconds
    while True:
        yield pause * jitter()
        pause = min(2 * pause, cap_seconds)


class Keeper:
    """Owns no task: whoever runs it says `end`, then cancels it, and all below ends.

    The word is needed beside the cancellation: Python 3.11's TaskGroup drops one that comes in the
    same turn as a child's failure (mended in 3.13), and a loop over failures would never end.
    """

    def __init__(
        self,
        once: Callable[[Callable[[], None]], Awaitable[None]],
        pauses: Callable[[], Iterator[float]],
        lost: Callable[[Exception], None],
    ) -> None:
        """Take `once(up)`: one whole session, which calls `up` when it stands; ends by raising."""
        self._once, self._pauses, self._lost = once, pauses, lost
        self._woken = asyncio.Event()
        self._ended = False

    def end(self) -> None:
        """Make no further session."""
        self._ended = True
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Keep the session going until ended and cancelled."""
        pauses = self._pauses()

        def up() -> None:
            nonlocal pauses
            pauses = self._pauses()

        while not self._ended:
            self._woken.clear()
            try:
                await self._once(up)
            except* (OSError, DeviceError) as group:
                settle_cancels()
                self._lost(first_of(group))
            await asyncio.sleep(DIAL_FLOOR_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(next(pauses)):
                    await self._woken.wait()


def settle_cancels() -> None:
    """Undo what a failed TaskGroup left behind: it cancels us and never takes that back.

    On Debian 12 (Python 3.11.2) `asyncio.timeout` then ends in a cancellation instead of a
    TimeoutError, and whoever goes on after the failure is gone at the first pause. For what goes
    on only, and is told otherwise when it is over.
    """
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def first_of(group: BaseExceptionGroup[Exception]) -> Exception:
    """Find what really happened: the first failure under nested task groups."""
    error: Exception | BaseExceptionGroup[Exception] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
