"""How long a device keeps what is about people, and the clean-up that holds it to that."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import DeviceJournal
from device_bridge.retention import (
    DAY_SECONDS,
    Days,
    inside,
    read_periods,
    remove_older,
    remove_older_files,
)

log = logging.getLogger(__name__)

CLEAN_SECONDS: Final = 6 * 3600.0


class Retention(Struct, frozen=True):
    """In days; `retention.json` in the agent's folder may say otherwise.

    `words`: names and messages in the journal. `hand_in` and `received`: what lies in the folders
    of past lessons, which the next child on a shared device could open. `logs`: the guard's own.
    """

    words: Days = 180
    hand_in: Days = 30
    received: Days = 30
    logs: Days = 30


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_retention: Final = msgspec.json.Decoder(Retention)


def periods_of(folder: Folder) -> Retention:
    """Read what the folder says. Blocks."""
    return read_periods(folder.retention, _retention, Retention())


def clean(folder: Folder, journal: DeviceJournal, now: float, in_use: Collection[Path]) -> int:
    """Remove what is older than it may be at `now`, UTC seconds; return how much that was.

    Blocks. `now` is the floor's: a pupil who sets the clock ahead erases nothing by it. What
    lies in `in_use`, the folders of the newest lesson, stays. Raises `OSError` or `Broken`.
    """
    keep = periods_of(folder)
    gone = journal.erase(int(now) - keep.words * DAY_SECONDS)
    for root, days in ((folder.hand_in, keep.hand_in), (folder.received, keep.received)):
        gone += remove_older(inside(root), now, days, in_use)
    gone += remove_older_files(folder.logs, now, keep.logs)
    if gone:
        log.info("cleaned up", extra={"removed": gone})
    return gone
