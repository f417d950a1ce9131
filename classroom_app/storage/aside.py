"""A store whose key is lost, laid aside whole: nothing is deleted, and what was can come back."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from classroom_app.domain.errors import KeyringAway, StoreLocked, StoreSealed
from classroom_app.storage.ahead import log_of
from classroom_app.storage.authority import RING, SEALED
from classroom_app.storage.checking import check
from classroom_app.storage.copies import ASIDE, copies_of
from classroom_app.storage.keys import WAITS, Ring, find_key
from device_bridge.materials.part import sync_folder

log = logging.getLogger(__name__)


def opens(path: Path, ring: Callable[[], Ring], *, lost: bool = False) -> bool:
    """Tell whether the key that is here opens the store, or what a repair needs of it. It blocks.

    Raises StoreLocked or KeyringAway where the key may come back; `lost`: a person says that it
    does not, and then it opens nothing.
    """
    try:
        key = find_key(path.parent, ring, WAITS)
    except (StoreLocked, KeyringAway):
        if not lost:
            raise
        return False
    except StoreSealed:
        return False
    return check(path, key.digits).mendable


def lay_aside(path: Path, now: float) -> Path:
    """Move all there is of the store at `path` into a folder beside it; return that folder.

    With it the sealed key of a school without a server, which a new one would be written over.
    `now`: UTC seconds. Whoever calls holds the folder's lock. Raises OSError: all is then as it
    was. Whoever is killed in the midst finds no store opened, and lays the rest aside as well.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d-%H%M%S")
    folder = path.with_name(f"{ASIDE}-{stamp}")
    folder.mkdir(mode=0o700)
    moved = list[Path]()
    try:
        for each in _all_of(path):
            each.rename(folder / each.name)
            moved.append(each)
        sync_folder(folder)
        sync_folder(path.parent)
    except OSError:
        for each in reversed(moved):
            (folder / each.name).rename(each)
        with suppress(OSError):
            folder.rmdir()
        raise
    log.info("a store was laid aside", extra={"files": len(moved)})
    return folder


def _all_of(path: Path) -> Iterator[Path]:
    """Name its files: the key first, and last what keeps a new store from being made."""
    last = [log_of(path), *copies_of(path), path]
    key = path.with_name("store.key")
    beside = (*path.parent.glob(f"{path.stem}-*"), path.with_name(f"{path.name}-shm"))
    school = path.with_name(SEALED), path.with_name(RING)
    first = (key, *(each for each in sorted(beside) if each not in last), *school)
    return (each for each in (*first, *last) if each.is_file())
