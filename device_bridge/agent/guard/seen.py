"""What a pupil may read of the device's own journal: who looked, when, for how long, how close."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.journal import Entry, read_entries
from device_bridge.protocol.asking import Seen

SEEN: Final = {
    "look-overview": "seen-overview",
    "look-close": "seen-close",
    "attention-locked": "seen-locked",
    "private-on": "seen-private",
    "still": "seen-still",
    "source-on": "seen-shown",
    "control-on": "seen-control",
    "carried-away": "seen-carried-away",
    "carried-here": "seen-carried-here",
    "settings": "seen-settings",
}
"""What is told, and the word for it (`seat.words`)."""
FAMILIES: Final = ("look-", "attention-", "private-", "control-", "source-")
MOMENTS: Final = ("still", "carried-away", "carried-here", "settings")
"""No span, and no end of any look."""
WITH_THE_LESSON: Final = ("look-", "control-", "source-")
"""What is over with its lesson, also where a killed guard could not write down its end."""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def seen(folder: Folder) -> list[Seen]:
    """Read the journal, newest first. Blocks; raises `OSError`."""
    classes: dict[str, str] = {}
    spans = _spans(read_entries(folder), classes)
    return [_told(one, until, classes) for one, until in spans][::-1]


def _spans(lines: Iterator[Entry], classes: dict[str, str]) -> list[tuple[Entry, int]]:
    """Join each look with what ended it, the next word of its feature; note lessons' classes."""
    open_: dict[str, Entry] = {}
    found: list[tuple[Entry, int]] = []
    for line in lines:
        if line.facts.get("class"):
            classes[str(line.facts.get("lesson", ""))] = str(line.facts["class"])
        found += [(open_.pop(each), line.at) for each in _over_with(line, open_)]
        if line.kind in MOMENTS:
            found.append((line, line.at))
            continue
        family = next((one for one in FAMILIES if line.kind.startswith(one)), "")
        before = open_.get(family)
        same = before is not None and (before.kind, before.words) == (line.kind, line.words)
        if not family or same:
            continue
        if before is not None:
            del open_[family]
            found.append((before, line.at))
        if line.kind in SEEN:
            open_[family] = line
    found += [(line, 0) for line in open_.values()]
    return sorted(found, key=lambda one: one[0].sequence)


def _over_with(line: Entry, open_: Mapping[str, Entry]) -> list[str]:
    """Return the families whose open look ends with the lesson that this line says is over."""
    if line.kind != "presence-over":
        return []
    mine = [each for each in WITH_THE_LESSON if each in open_]
    return [each for each in mine if open_[each].facts.get("lesson") == line.facts.get("lesson")]


def _told(line: Entry, until: int, classes: dict[str, str]) -> Seen:
    lesson = str(line.facts.get("lesson", ""))
    who = None if line.words is None else line.words[:64]
    return Seen(line.at, until, SEEN[line.kind], who, lesson, classes.get(lesson, "")[:64])


def as_csv(rows: list[list[str]]) -> str:
    """Write a table that no spreadsheet takes for a formula."""
    out = io.StringIO()
    csv.writer(out).writerows([[_plain(cell) for cell in row] for row in rows])
    return out.getvalue()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
