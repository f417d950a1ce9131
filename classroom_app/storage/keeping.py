"""All that the app keeps, joined to the ports that services and sync declare."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from classroom_app.domain.errors import StoreBroken, StoreFull, StoreInUse, StoreToMend
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

    async def close(self) -> None:
        try:
            await super().close()
        finally:
            os.close(self._lock)


async def open_keeping(
    home: Path,
    ring: Callable[[], Ring] = system_ring,
    waits: Waits = WAITS,
    passphrase: str = "",
) -> Keeping:
    """Open the store of this teacher's folder, made where there is none.

    Raises `NotKept`, each kind with its own way on, or `WrongPassphrase`; nothing of an existing
    store is changed then.
    """
    path = home / "store.db"
    lock = await lock_home(home)
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


async def lock_home(home: Path) -> int:
    """Keep a second app out before either makes a key; one that closes is waited for.

    Returns a descriptor to be closed. Raises NotKept.
    """
    try:
        async with asyncio.timeout(LET_GO_SECONDS):
            while True:
                try:
                    home.mkdir(mode=0o700, parents=True, exist_ok=True)  # noqa: ASYNC240 - once
                    return lock_folder(home)
                except BlockingIOError:
                    await asyncio.sleep(AGAIN_SECONDS)
    except TimeoutError:
        raise StoreInUse from None
    except OSError as error:
        raise as_not_kept(error) or error from error


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
