"""How long a device keeps what is about people, and the clean-up that holds it to that."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import DeviceJournal
from device_bridge.protocol.errors import Broken
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
    lies in `in_use`, the folders of the newest lesson, stays. Raises `OSError` or `Broken`, when
    all else is removed: words are erased by writing the others anew, so a full disk is freed first.
    """
    keep, gone, refused = periods_of(folder), 0, list[OSError | Broken]()
    for remove in (
        lambda: remove_older(inside(folder.hand_in), now, keep.hand_in, in_use),
        lambda: remove_older(inside(folder.received), now, keep.received, in_use),
        lambda: remove_older_files(folder.logs, now, keep.logs),
        lambda: journal.erase(int(now) - keep.words * DAY_SECONDS),
    ):
        try:
            gone += remove()
        except (OSError, Broken) as error:
            refused.append(error)
    if gone:
        log.info("cleaned up", extra={"removed": gone})
    if refused:
        raise refused[0]
    return gone
