"""Where the pupil's files lie: with the guard, or with a pupil who is another user."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, Protocol

from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.hand_in import Gathered, gather
from device_bridge.agent.guard.papers import OURS
from device_bridge.agent.guard.retention import Retention
from device_bridge.materials.kinds import looks_whole
from device_bridge.materials.library import Library
from device_bridge.materials.lying import lying_in
from device_bridge.materials.off_loop import off_loop
from device_bridge.materials.placing import Placed, made
from device_bridge.materials.taking_back import take_back
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.materials import Document, HandInAsked

OPEN_SECONDS: Final = 0.5
"""A lesson's folder is not made at once: while a class comes up there is more urgent work."""


class Away(DeviceError):
    """Nobody is logged in whose folders they are: it waits."""


class Lying(Struct, frozen=True):
    """A document as it lies with user `whose`; `readable`: it is what its name says."""

    name: str
    hash: bytes
    readable: bool
    whose: int = OURS


class PupilsFolders(Protocol):
    """A lesson's folder is called by its name alone. All but properties may raise `Away`."""

    opening: "Opening"
    """Of hand-in folders; it runs beside the guard."""

    @property
    def there(self) -> bool: ...

    @property
    def whose(self) -> int:
        """The user whose folders they are, or were last; `OURS` where they are the guard's."""
        ...

    def received(self, folder: str) -> Path:
        """Say where the pupil finds what was handed out, to be told to the seat."""
        ...

    def hand_in(self, folder: str) -> Path: ...

    def left(self) -> None:
        """Note that the seat is gone."""
        ...

    async def lying(self, library: Library, folder: str, one: Document) -> Lying | None:
        """Find a document that lies there. Raises `Unreadable` for a folder it cannot list."""
        ...

    async def place(self, library: Library, folder: str, one: Document, *, keep: bool) -> Lying:
        """Give the pupil the only copy, or with `keep` another of what is offered.

        Raises `MaterialError` or `Unreadable`.
        """
        ...

    async def take_back(self, folder: str, name: str, placed: bytes) -> bool:
        """As `materials.taking_back`. Raises `OSError` or `Unreadable`."""
        ...

    async def gather(self, library: Library, folder: str, asked: HandInAsked) -> Gathered:
        """Take the pupil's work within the quota. Raises `OSError` or `Unreadable`."""
        ...

    async def clean(self, keep: Retention, now: float, in_use: Collection[str]) -> None:
        """Remove what past lessons left there. Raises `Unreadable`."""
        ...


class Opening:
    """Has the newest lesson's hand-in folder made, a moment after it was asked for.

    `opened` hears of each that is there now.
    """

    def __init__(self, make: Callable[[str], Awaitable[object]]) -> None:
        """Take what makes a folder of that name; it may raise `DeviceError`."""
        self._make = make
        self._wanted = ""
        self._asked = asyncio.Event()
        self.opened: Callable[[str], None] = lambda _: None

    def ask(self, folder: str) -> None:
        self._wanted = folder
        self._asked.set()

    async def run(self) -> NoReturn:
        """Go on until cancelled."""
        while True:
            await self._asked.wait()
            await asyncio.sleep(OPEN_SECONDS)
            self._asked.clear()
            name = self._wanted
            with suppress(DeviceError):  # a full disk: collecting says that it cannot be read
                await self._make(name)
                self.opened(name)


class OwnFolders:
    """The folders of a guard that runs as its pupil, or has no pupil but a simulated one."""

    there = True
    whose = OURS

    def __init__(self, folder: Folder, bulk: Executor) -> None:
        self._folder = folder
        self._bulk = bulk
        self.opening = Opening(lambda name: off_loop(bulk, partial(made, folder.hand_in / name)))

    def received(self, folder: str) -> Path:
        return self._folder.received / folder

    def hand_in(self, folder: str) -> Path:
        return self._folder.hand_in / folder

    def left(self) -> None:
        pass

    async def lying(self, library: Library, folder: str, one: Document) -> Lying | None:
        del library
        return await off_loop(self._bulk, lambda: self._lying(folder, one))

    async def place(self, library: Library, folder: str, one: Document, *, keep: bool) -> Lying:
        give = library.place if keep else library.hand_over
        where = self.received(folder)
        return await off_loop(self._bulk, lambda: _read(give(one.document, made(where), one.name)))

    async def take_back(self, folder: str, name: str, placed: bytes) -> bool:
        return await off_loop(self._bulk, lambda: take_back(self.received(folder), name, placed))

    async def gather(self, library: Library, folder: str, asked: HandInAsked) -> Gathered:
        return await off_loop(self._bulk, lambda: gather(self.hand_in(folder), library, asked))

    async def clean(self, keep: Retention, now: float, in_use: Collection[str]) -> None:
        """Leave it to the guard's own clean-up."""

    def _lying(self, folder: str, one: Document) -> Lying | None:
        placed = lying_in(made(self.received(folder)), one.document, one.name, one.size)
        return None if placed is None else _read(placed)


def _read(placed: Placed) -> Lying:
    return Lying(placed.path.name, placed.hash, looks_whole(placed.path))
