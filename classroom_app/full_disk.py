"""Looks whether this computer can still write, and has it said where it cannot."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from classroom_app.presenters.sentences import short_of_room

LOOK_SECONDS: Final = 5.0


class Store(Protocol):
    @property
    def full(self) -> bool:
        """The disk did not take the last of what was to be written."""
        ...

    async def look_for_room(self) -> int:
        """Put room by; return how many bytes must be freed before that is possible."""
        ...


async def keep_room(
    store: Store, warn: Callable[[str], None], look_seconds: float = LOOK_SECONDS
) -> NoReturn:
    """Put room by while there is some, until cancelled. `warn` hears what lacks, or nothing."""
    while True:
        lacks = await store.look_for_room()
        warn(short_of_room(lacks, full=store.full))
        await asyncio.sleep(look_seconds)
