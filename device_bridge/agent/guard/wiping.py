"""Erasing what this agent has on a device that the school gives up for lost.

What is removed is told to the MDM by name; the rest of the disk is not ours and is said so. Cut
anywhere, the next start goes on with it: what says how to report is removed last.
"""

import errno
import logging
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from central_mdm.contract.wanted import Ended, Reports
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.protocol.errors import DeviceError, TryAgain
from device_bridge.trust.identity import sync_folder, write_private

log = logging.getLogger(__name__)
NOT_OURS: Final = "unsupported here: the rest of the disk"
_NAMES_CHARS: Final = 150
Tell = Callable[[Reports], Awaitable[None]]


class Wiping(Struct, frozen=True):
    """`wiping.json`: by which act, and what is gone."""

    act: str
    removed: tuple[str, ...] = ()


_wiping: Final = msgspec.json.Decoder(Wiping)


def begin_wipe(folder: Folder, act: str) -> None:
    """Write down that this device is erased; from here on there is no way back.

    Where the disk is full, what is to be erased makes the room. Raises OSError for any other.
    """
    try:
        _note(folder, Wiping(act))
    except OSError:
        large = (folder.library, folder.received, folder.hand_in, folder.logs)
        there = [path for path in large if path.exists()]
        for path in there:
            shutil.rmtree(path, ignore_errors=True)
        _note(folder, Wiping(act, tuple(path.name for path in there)))


async def finish_wipe(folder: Folder, tell: Tell) -> bool:
    """Erase what `begin_wipe` has written down, or what is left of it; False: nothing is.

    Where `tell` fails, it is to be tried again; all else is gone by then. Raises TryAgain where the
    MDM says when, and OSError, also where something is there again when all was removed: what is
    told is what was seen gone.
    """
    if (raw := read_kept(folder.wiping)) is None:
        return False
    wiping = _wiping.decode(raw)
    # The MDM's address and token are needed to tell it.
    there = _there(folder)
    wiping = Wiping(wiping.act, (*wiping.removed, *(path.name for path in there)))
    with suppress(OSError):  # a full disk has room when all is gone
        _note(folder, wiping)
    for path in there:  # whatever cannot be removed, the rest goes
        with suppress(OSError):
            _remove(path)
    sync_folder(folder.root)
    if left := _there(folder):
        raise OSError(errno.ENOTEMPTY, "not erased", str(left[0]))
    _note(folder, wiping)
    try:
        await tell(Reports(ended=(Ended(wiping.act, "done", _said(wiping)),)))
    except (DeviceError, OSError) as error:
        log.info("erased, not told", extra={"why": type(error).__name__})
        if isinstance(error, TryAgain):
            raise
        return True
    if not folder.wiping.exists():  # another start told it first, and may be enrolled anew
        return True
    for path in _last(folder):
        path.unlink(missing_ok=True)
    sync_folder(folder.root)
    return True


def _note(folder: Folder, wiping: Wiping) -> None:
    write_private(folder.wiping, msgspec.json.encode(wiping))


def _remove(path: Path) -> None:
    """Remove all of it that can be. Raises OSError for what cannot."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _there(folder: Folder) -> list[Path]:
    return sorted(path for path in folder.root.iterdir() if path not in _last(folder))


def _last(folder: Folder) -> tuple[Path, Path]:
    return folder.fleet, folder.wiping


def _said(wiping: Wiping) -> str:
    names = ", ".join(dict.fromkeys(wiping.removed))
    return f"removed: {names[:_NAMES_CHARS]}; {NOT_OURS}"
