"""What waits to leave on `/control`: urgent first, newest of a kind only, never without bound."""

import asyncio
from collections.abc import Hashable
from itertools import count
from typing import Final

from msgspec import Struct

from device_bridge.session.wire import WireEnded

WAITING_MAX: Final = 256
"""A peer that leaves this much unread is not listening: the link ends, and a new one is told the
current state, not the backlog."""


class Outbox:
    """Filled from the loop at any time, emptied by one writer."""

    def __init__(self) -> None:
        self._urgent: dict[Hashable, Struct] = {}
        self._rest: dict[Hashable, Struct] = {}
        self._names = count()
        self._filled = asyncio.Event()
        self._full = False

    def put(self, message: Struct, *, urgent: bool = False, newest_of: str = "") -> None:
        """Add a message. One that waits under the same `newest_of` is replaced in its place."""
        waiting = self._urgent if urgent else self._rest
        name: Hashable = newest_of or next(self._names)
        if name not in waiting and len(waiting) >= WAITING_MAX:
            self._full = True
        else:
            waiting[name] = message
        self._filled.set()

    @property
    def empty(self) -> bool:
        return not (self._urgent or self._rest)

    async def take(self) -> Struct:
        """Return the next message, waiting for one. Raises WireEnded when too many waited."""
        while True:
            if self._full:
                raise WireEnded("slow")
            for waiting in (self._urgent, self._rest):
                if waiting:
                    return waiting.pop(next(iter(waiting)))
            self._filled.clear()
            await self._filled.wait()
