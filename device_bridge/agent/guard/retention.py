"""How long a device keeps what is about people, and the clean-up that holds it to that."""

import logging
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.journal import DeviceJournal
from device_bridge.protocol.errors import Broken

log = logging.getLogger(__name__)

DAY_SECONDS: Final = 86_400
CLEAN_SECONDS: Final = 6 * 3600.0
Days = Annotated[int, Meta(ge=1, le=3650)]


class Retention(Struct, frozen=True):
    """In days; `retention.json` in the agent's folder may say otherwise.

    `words`: names and messages in the journal. `hand_in` and `received`: what lies in the folders
    of past lessons, which the next child on a shared device could open.
    """

    words: Days = 180
    hand_in: Days = 30
    received: Days = 30


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_retention: Final = msgspec.json.Decoder(Retention)


def read_retention(folder: Folder) -> Retention:
    """Read the setting; what cannot be read leaves the defaults."""
    try:
        raw = read_kept(folder.retention)
        return _retention.decode(raw) if raw else Retention()
    except (Broken, ValueError, RecursionError) as error:
        log.warning("retention cannot be read", extra={"why": type(error).__name__})
        return Retention()


def clean(folder: Folder, journal: DeviceJournal, now: float, in_use: Collection[Path]) -> int:
    """Remove what is older than it may be at `now`, UTC seconds; return how much that was.

    Blocks. `now` is the floor's: a pupil who sets the clock ahead erases nothing by it. What
    lies in `in_use`, the folders of the newest lesson, stays. Raises `OSError` or `Broken`.
    """
    keep = read_retention(folder)
    gone = journal.erase(int(now) - keep.words * DAY_SECONDS)
    for root, days in ((folder.hand_in, keep.hand_in), (folder.received, keep.received)):
        for old in _older(root, now - days * DAY_SECONDS):
            if old not in in_use:
                shutil.rmtree(old, ignore_errors=True)
                gone += 1
    if gone:
        log.info("cleaned up", extra={"removed": gone})
    return gone


def _older(root: Path, moment: float) -> Iterator[Path]:
    """Yield the folders in which nothing was changed since `moment`; no link is followed."""
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.is_symlink() or not folder.is_dir():
            continue
        newest = max(one.lstat().st_mtime for one in (folder, *folder.rglob("*")))
        if newest < moment:
            yield folder
