"""Joining the ground from a folder and, where one is given, the address of a database."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from central_mdm.contract.fleet import FIRST_SECONDS
from central_mdm.platform.database import Database
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.platform.keys import FolderKeys
from central_mdm.platform.limits import Limits
from central_mdm.platform.migrate import migrate
from central_mdm.platform.objects import Folder, Objects, Traced
from central_mdm.platform.spans import Spans, untraced
from central_mdm.platform.steady import Steady
from central_mdm.platform.workers import Share, Workers

KEYS: Final = "keys"
OBJECTS: Final = "objects"
COPIES: Final = ".pupitre-backup-"
"""How a folder is called in which the database is copied, in clear, while a backup is made."""


def _now() -> int:
    return int(time.time())


def _new_id() -> str:
    return str(uuid4())


def has_school(folder: Path) -> bool:
    """Return whether a school was ever made in `folder`: each has a key there."""
    return any((folder / KEYS).glob("*.pem"))


@asynccontextmanager
async def ground_at(  # noqa: PLR0913 - what tests give by themselves
    folder: Path,
    database_url: str = "",
    clock: Callable[[], int] = _now,
    new_id: Callable[[], str] = _new_id,
    *,
    ticks: Callable[[], float] = time.monotonic,
    first_seconds: int = FIRST_SECONDS,
    objects: str = "",
    spans: Spans = untraced,
) -> AsyncGenerator[Ground]:
    """Open `folder` (made where it is missing), its database brought to the newest version.

    Without a `database_url` it is SQLite in `central.db` of the folder, without the address of
    a bucket in `objects` files lie in the folder as well. `ticks`: seconds that never go back, for
    limits, and to see whether the clock leaps.
    """
    # Names of minors and password hashes: nobody else on this machine reads them.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # noqa: ASYNC240 - once, at the start
    database = Database(database_url or f"sqlite+aiosqlite:///{folder / 'central.db'}", spans)
    # Two password hashes at once take 128 MiB; who is the twentieth in line is told to come back.
    passwords = Workers("passwords", 2, waiting_max=20)
    made_up = Share(passwords, waiting_max=4)  # an honest one waits for two of them at the most
    disk = Workers("disk", 4, waiting_max=64)
    try:
        await migrate(database)
        yield Ground(
            database=database,
            objects=Traced(_objects(objects, folder, disk), spans),
            keys=FolderKeys(folder / KEYS),
            passwords=passwords,
            made_up=made_up,
            limits=Limits(ticks),
            clock=clock,
            steady=Steady(clock, ticks),
            new_id=new_id,
            new_secret=lambda: secrets.token_urlsafe(32),
            first_seconds=first_seconds,
        )
    finally:
        await database.close()
        passwords.close()
        disk.close()


def _objects(address: str, folder: Path, disk: Workers) -> Objects:
    if not address:
        return Folder(folder / OBJECTS, disk)
    try:  # 10 MB of memory, which a school with a folder has no use for
        from central_mdm.platform.s3 import Bucket  # noqa: PLC0415
    except ImportError:
        told = "A bucket needs one more library: in the clone of Pupitre, pip install '.[mdm]'."
        raise Malformed("objects", told) from None
    return Bucket(address)
