"""Copies collected work out of the store, to a folder that the teacher chooses."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Protocol

from classroom_app.domain.acts import HandInKept
from classroom_app.domain.errors import NotSaved, SavingFull
from device_bridge.materials.errors import DiskFull, Unreadable, Withheld, from_os
from device_bridge.materials.library import Library, raw_file
from device_bridge.materials.manifest import hash_of_file

log = logging.getLogger(__name__)


class HoldsWork(Protocol):
    """The store, as `storage.keeping` has it."""

    library: Library

    async def works(self, acts: Sequence[str]) -> tuple[HandInKept, ...]: ...


async def save_works(
    store: HoldsWork, acts: Sequence[str], folder: Path, goes_on: Callable[[int], bool]
) -> tuple[int, int]:
    """Copy the work of these acts into `folder`, by class, lesson and pupil; replace nothing.

    `goes_on` hears how many are there, and says whether the next one is wanted. Returns how many
    were no longer on this computer, and how many it cannot read now. Raises `SavingFull` or
    `NotSaved` where the folder takes no more: what was copied stays.
    """
    works = await store.works(acts)
    saved = lost = 0
    unread = len(acts) - len(works)
    for act in works:
        try:
            await asyncio.to_thread(_copy, store.library, act, folder)
            saved += 1
        except Withheld:
            lost += 1
        except DiskFull as error:
            raise SavingFull(str(folder), saved) from error
        except Unreadable as error:
            log.info("work not saved", extra={"why": error.reason})
            if await asyncio.to_thread(_reads, store.library, act):
                raise NotSaved(str(folder), saved) from error
            unread += 1
        if not goes_on(saved):
            break
    return lost, unread


def _reads(library: Library, act: HandInKept) -> bool:
    """Return whether a work can be read to its end here: else the folder is not to blame."""
    try:
        with library.path_of(bytes.fromhex(act.document)).open("rb", buffering=0) as file:
            hash_of_file(raw_file(file))
    except (OSError, Unreadable, Withheld):
        return False
    return True


def _copy(library: Library, act: HandInKept, folder: Path) -> None:
    into = folder / _place(act)
    library.path_of(bytes.fromhex(act.document))
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os(error, act.size, 0) from error
    library.place(bytes.fromhex(act.document), into, act.name or act.id)


def _place(act: HandInKept) -> PurePath:
    """Return where it lies in the class's folder as well; of a pupil who was erased, nowhere."""
    place = PurePath(act.path).parent
    return PurePath() if place.is_absolute() or ".." in place.parts else place
