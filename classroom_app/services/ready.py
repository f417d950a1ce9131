"""Documents chosen before they are handed out: kept here at once, so their source may go away."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from classroom_app.domain.errors import ReadyFull
from classroom_app.domain.lesson import ClassId
from classroom_app.domain.ready import READY_MAX, Offered, ReadyDocument
from classroom_app.services.materials import Held, name_of


class Lists(Protocol):
    """The store. What it answered is on the disk; what raised was not written at all."""

    def ready(self, class_id: ClassId) -> tuple[ReadyDocument, ...]: ...
    async def add_ready(self, class_id: ClassId, one: ReadyDocument) -> None: ...
    async def drop_ready(self, class_id: ClassId, document: str) -> None: ...


class Holds(Protocol):
    """The library; it blocks."""

    def holds(self, document: bytes) -> bool: ...


class Ready:
    """`take_in` keeps a file's bytes (`Materials.take_in`); `utc` is seconds since 1970."""

    def __init__(
        self,
        lists: Lists,
        library: Holds,
        take_in: Callable[[Path], Awaitable[Held]],
        utc: Callable[[], int],
    ) -> None:
        self._lists, self._library = lists, library
        self._take_in, self._utc = take_in, utc

    async def listed(self, class_id: ClassId) -> tuple[Offered, ...]:
        """Return what stands ready for a class, the oldest choice first."""
        return await asyncio.to_thread(self._look, self._lists.ready(class_id))

    async def choose(self, class_id: ClassId, path: Path) -> None:
        """Keep a file here, ready for a class.

        Raises `ReadyFull`, `Unfit` for a file that would help nobody, `StoreFull`, `Unreadable` or
        `OSError` where it cannot be taken in; then nothing has changed.
        """
        name = name_of(path)
        if len(self._lists.ready(class_id)) >= READY_MAX:  # else a gigabyte is copied for nothing
            raise ReadyFull(name)
        held = await self._take_in(path)
        one = ReadyDocument(held.document.hex(), name, held.size, self._utc())
        await self._lists.add_ready(class_id, one)

    async def take_out(self, class_id: ClassId, document: str) -> None:
        """Let a document stand ready no longer; who was given it keeps it."""
        await self._lists.drop_ready(class_id, document)

    def _look(self, listed: tuple[ReadyDocument, ...]) -> tuple[Offered, ...]:
        holds = self._library.holds
        return tuple(Offered(each, holds(bytes.fromhex(each.document))) for each in listed)
