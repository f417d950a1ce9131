"""Who is supplied now: a few ends at a time, so that what is on its way stays little.

Thirty devices that all fetch at once gain nothing over four, but what lies in thirty queues then
stands before every lock, on the way out, in the access point and on the device.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

AT_ONCE: Final = 4
HELD_SECONDS: Final = 0.3
"""A device that does not answer a lock holds up nobody's documents for longer."""
PATIENCE_SECONDS: Final = 1.0
"""Whoever takes so long for a chunk is slow by itself: it goes on, and the next one begins."""


class Turns:
    """Shared by all ends of a program; first come, first served."""

    def __init__(self, at_once: int = AT_ONCE, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._patience_seconds = patience_seconds
        self._supplied = 0
        self._held: dict[str, float] = {}
        self._clear = asyncio.Event()
        self._clear.set()

    def taken(self) -> bool:
        """Return whether any end has its turn, so that documents are on their way."""
        return self._supplied > 0

    def hold(self, device: str) -> None:
        """Let pieces wait until `device` has answered something urgent, or `HELD_SECONDS`."""
        self._held[device] = asyncio.get_running_loop().time() + HELD_SECONDS
        self._clear.clear()

    def release(self, device: str) -> None:
        self._held.pop(device, None)
        if not self._held:
            self._clear.set()

    async def clear(self) -> None:
        """Wait before a piece while something urgent is under way."""
        if self._held:
            try:
                async with asyncio.timeout_at(max(self._held.values())):
                    await self._clear.wait()
            except TimeoutError:
                self._held.clear()
                self._clear.set()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn and hold it while entered, but no longer than patience lasts."""
        await self._free.acquire()
        held = True

        def give_up() -> None:
            nonlocal held
            if held:
                held = False
                self._free.release()

        self._supplied += 1
        patience = asyncio.get_running_loop().call_later(self._patience_seconds, give_up)
        try:
            yield
        finally:
            self._supplied -= 1
            patience.cancel()
            give_up()
