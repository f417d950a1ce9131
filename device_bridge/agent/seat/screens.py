"""Which monitors there are: told when one comes, goes or is set anew, whoever looks. No Qt."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from device_bridge.agent.capabilities import Capture
from device_bridge.protocol.hello import SCREENS_MAX, Screen, ScreensTold
from device_bridge.protocol.seat import FromSeat

LOOK_SECONDS: Final = 2.0
"""How soon a monitor that was plugged in is told of."""


class Monitors:
    """`workers` is the thread in which alone `capture` is called."""

    def __init__(
        self, capture: Capture, workers: Executor, say: Callable[[FromSeat], None]
    ) -> None:
        self._capture, self._workers, self._say = capture, workers, say
        self._told: tuple[Screen, ...] = ()

    async def measured(self) -> tuple[Screen, ...]:
        """Return the monitors as they are now, which the caller tells; (): none can be seen."""
        loop = asyncio.get_running_loop()
        screens = await loop.run_in_executor(self._workers, self._capture.screens)
        self._told = screens[:SCREENS_MAX]
        return self._told

    async def run(self) -> None:
        """Look until cancelled. A desktop that answers nothing for a moment has lost no monitor."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            before = self._told
            now = await self.measured()
            if now and now != before:
                self._say(ScreensTold(now))
            self._told = now or before
