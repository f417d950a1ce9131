"""All that the app keeps, joined to the ports that services and sync declare."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from classroom_app.domain.errors import (
    StoreBroken,
    StoreClosing,
    StoreFull,
    StoreInUse,
    StoreToMend,
)
from classroom_app.storage.ballast import Ballast
from classroom_app.storage.carrying import KeepsCarried
from classroom_app.storage.engine import (
    LET_GO_SECONDS,
    driver_of,
    open_connection,
    shut,
    spare,
)
from classroom_app.storage.hand_ins import KeepsHandIns
from classroom_app.storage.harm import harm_of
from classroom_app.storage.heads import KeepsHeads
from classroom_app.storage.journal import KeepsJournal
from classroom_app.storage.keys import WAITS, Held, Key, Ring, Waits, find_key, system_ring
from classroom_app.storage.migrate import migrate
from classroom_app.storage.outbox import KeepsOutbox
from classroom_app.storage.ready import KeepsReady
from classroom_app.storage.refusals import as_not_kept
from classroom_app.storage.roster import KeepsRoster
from classroom_app.storage.settings import KeepsSettings
from classroom_app.storage.standing import KeepsStanding
from device_bridge.materials.library import Library
from device_bridge.only_one import lock_folder

AGAIN_SECONDS: Final = 0.1
CLOSING: Final = "closing"
"""A file in the teacher's folder: whoever has the store open is closing it. Without one it says
nothing: who was killed leaves it."""
CLOSING_SECONDS: Final = 90.0
"""Closing takes long where a slow disk takes the day's copy."""


class Keeping(
    KeepsSettings,
    KeepsReady,
    KeepsRoster,
    KeepsJournal,
    KeepsOutbox,
    KeepsHandIns,
    KeepsStanding,
    KeepsHeads,
    KeepsCarried,
):
    """The store, by feature: each part is in the file of its name."""

    def __init__(
        self,
        connection: Connection,
        path: Path,
        library: Library,
        lock: int,
        key_held: Held,
    ) -> None:
        """Take `lock` over: a descriptor that keeps a second app out until we close."""
        super().__init__(connection, path, library, key_held)
        self._lock = lock

    def will_close(self) -> None:
        """Let who starts a second app meanwhile know that it is worth waiting."""
        with suppress(OSError):  # a full disk: who starts is told that the store is open
            (self.path.parent / CLOSING).touch(mode=0o600)

    async def close(self) -> None:
        self.will_close()
        try:
            await super().close()
        finally:
            _forget_closing(self.path.parent)
            os.close(self._lock)


async def open_keeping(
    home: Path,
    ring: Callable[[], Ring] = system_ring,
    waits: Waits = WAITS,
    passphrase: str = "",
    closing: Callable[[], bool] = lambda: True,
) -> Keeping:
    """Open the store of this teacher's folder, made where there is none.

    One that is being closed is waited for while `closing`, asked again and again, says so.

    Raises `NotKept`, each kind with its own way on, or `WrongPassphrase`; nothing of an existing
    store is changed then.
    """
    path = home / "store.db"
    lock = await lock_home(home, closing)
    try:
        connection, key, library = await asyncio.to_thread(_opened, path, ring, waits, passphrase)
    except StoreBroken as error:
        os.close(lock)
        raise StoreToMend(error.where) from error
    except BaseException:
        os.close(lock)
        raise
    keeping = Keeping(connection, path, library, lock, key.held)
    try:
        await keeping.begin()
    except BaseException:
        await keeping.close()
        raise
    return keeping


async def lock_home(home: Path, closing: Callable[[], bool] = lambda: True) -> int:
    """Keep a second app out before either makes a key; one that closes is waited for.

    While it is known that it does, `closing` says whether to wait on. Returns a descriptor to be
    closed. Raises NotKept.
    """
    tries = _tries(home, asyncio.get_running_loop().time, closing)
    while (lock := next(tries)) is None:  # noqa: ASYNC110 - another program tells nobody
        await asyncio.sleep(AGAIN_SECONDS)
    return lock


def lock_home_here(home: Path, closing: Callable[[], bool]) -> int:
    """Do as `lock_home` where no loop runs."""
    tries = _tries(home, time.monotonic, closing)
    while (lock := next(tries)) is None:
        time.sleep(AGAIN_SECONDS)  # noqa: TID251 - a command, with nobody's tile
    return lock


def _tries(
    home: Path, clock: Callable[[], float], closing: Callable[[], bool]
) -> Iterator[int | None]:
    """Try to lock it again and again: None is not yet."""
    began = clock()
    seen = began - LET_GO_SECONDS
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        while (lock := _lock(home)) is None:
            now = clock()
            seen = now if _closes(home) else seen
            closes = now - seen < LET_GO_SECONDS  # it says so no more just before it has closed
            most = CLOSING_SECONDS if closes else LET_GO_SECONDS
            if now - began >= most or (closes and not closing()):
                raise StoreClosing if closes else StoreInUse
            yield None
    except OSError as error:
        raise as_not_kept(error) or error from error
    _forget_closing(home)
    yield lock


def _lock(home: Path) -> int | None:
    try:
        return lock_folder(home)
    except BlockingIOError:
        return None


def _closes(home: Path) -> bool:
    return (home / CLOSING).exists()


def _forget_closing(home: Path) -> None:
    with suppress(OSError):
        (home / CLOSING).unlink(missing_ok=True)


def _connected(path: Path, key: str) -> Connection:
    """Open the file; a disk that has no place for one more is given one back."""
    try:
        return open_connection(path, key)
    except StoreFull:
        if not Ballast(path).give_back():
            raise
    return open_connection(path, key)


def _opened(
    path: Path, ring: Callable[[], Ring], waits: Waits, passphrase: str
) -> tuple[Connection, Key, Library]:
    try:
        key = find_key(path.parent, ring, waits, passphrase)
        harm = harm_of(path, key.digits)
    except OSError as error:
        raise as_not_kept(error) or error from error
    if harm:
        raise StoreBroken(harm)
    connection = _connected(path, key.digits)
    try:
        migrate(connection, path)
        if Ballast(path).wanting():
            spare(driver_of(connection))
        library = Library(path.parent / "library")
    except Exception as error:
        shut(connection)
        raise as_not_kept(error) or error from error
    return connection, key, library
