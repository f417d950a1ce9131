"""What a pupil may read of the device's own journal: who looked, when, for how long, how close."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import Entry, read_entries

SEEN: Final = {
    "look-overview": "seen-overview",
    "look-close": "seen-close",
    "attention-locked": "seen-locked",
}
"""What is told, and the word for it (`seat.words`)."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Seen(Struct, frozen=True):
    """One look or lock. UTC seconds by the device's wall clock; `until` 0: the end is not noted.

    `who` is empty where the name has been erased.
    """

    at: int
    until: int
    what: str
    who: str
    lesson: str


def seen(folder: Folder) -> list[Seen]:
    """Read the journal, newest first. Blocks; raises `OSError`."""
    return [_told(one, until) for one, until in _spans(read_entries(folder))][::-1]


def _spans(lines: Iterator[Entry]) -> list[tuple[Entry, int]]:
    """Join each look with what ended it: the next word of the same feature."""
    open_: dict[str, Entry] = {}
    found: list[tuple[Entry, int]] = []
    for line in lines:
        family = next((one for one in ("look-", "attention-") if line.kind.startswith(one)), "")
        before = open_.get(family)
        if not family or (before is not None and before.kind == line.kind):
            continue
        if before is not None:
            del open_[family]
            found.append((before, line.at))
        if line.kind in SEEN:
            open_[family] = line
    found += [(line, 0) for line in open_.values()]
    return sorted(found, key=lambda one: one[0].sequence)


def _told(line: Entry, until: int) -> Seen:
    who = line.words or ""
    return Seen(line.at, until, SEEN[line.kind], who, str(line.facts.get("lesson", "")))


def as_csv(rows: list[list[str]]) -> str:
    """Write a table that no spreadsheet takes for a formula."""
    out = io.StringIO()
    csv.writer(out).writerows([[_plain(cell) for cell in row] for row in rows])
    return out.getvalue()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
