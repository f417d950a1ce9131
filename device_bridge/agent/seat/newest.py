"""A place for one order: what is put later replaces what nobody took."""

import asyncio
from typing import Generic, TypeVar

Order = TypeVar("Order")


class Newest(Generic[Order]):
    """Never grows: whoever takes gets the newest, and only once."""

    def __init__(self) -> None:
        self._order: Order | None = None
        self._came = asyncio.Event()

    def put(self, order: Order) -> None:
        self._order = order
        self._came.set()

    async def take(self, within_seconds: float | None) -> Order | None:
        """Wait for an order; None when none came in time. None waits for ever."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._came.wait()
        except TimeoutError:
            return None
        self._came.clear()
        order, self._order = self._order, None
        return order
