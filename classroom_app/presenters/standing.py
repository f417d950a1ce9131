"""How the exchange with the school stands, in a teacher's words."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from classroom_app.presenters.journal import JournalRow, line
from classroom_app.presenters.receipts import School, clock_time
from classroom_app.presenters.words import amount, day, later, say

LINES_MAX: Final = 5
_WHY: Final = {
    "unreachable": later("The school's server is out of reach. All waits here, and goes later."),
    "try-again": later("The school's server asked for some patience. All waits here."),
    "not-signed-in": later(
        "The school no longer knows this sign-in. Sign in anew; all waits here."
    ),
    "refused": later("The school's server did not accept the exchange. All waits here."),
    "portal": later(
        "This network wants you to sign in first: open any page in your browser. All waits here."
    ),
    "not-a-server": later(
        "Something else answers in place of the school's server. All waits here."
    ),
}
_DECIDED: Final = {
    "foreign-class": later("The class is no longer yours at the school."),
    "foreign-pupil": later("The pupil is no longer in this class."),
    "foreign-lesson": later("The lesson is another teacher's at the school."),
    "too-large": later("It is too large for the school's server."),
    "wrong-size": later("The file did not come whole."),
    "bad-manifest": later("The file did not come whole."),
    "lost-here": later("The file is no longer on this computer."),
}


class DecidedRow(Struct, frozen=True):
    """What the school decided otherwise than `row` tells it; `why` is its code, `work` a file."""

    row: JournalRow
    why: str
    work: bool = False


class Standing(Struct, frozen=True):
    """`events` and `files` wait, files with `file_bytes` in all; `decided` newest first."""

    events: int = 0
    files: int = 0
    file_bytes: int = 0
    decided: tuple[DecidedRow, ...] = ()


def in_step_words(school: School, today: float) -> str:
    """Say when all was last in step; `today` is UTC seconds."""
    if school.none:
        return say("No server: all stays here")
    if school.busy:
        return say("Exchanging…")
    if not school.synced_at:
        return say("Not yet in step with the school")
    return say("Last in step: {when}", when=_when(school.synced_at, today))


def trouble_words(school: School) -> str:
    """Say what is in the way, and whether the server told of something unusual."""
    told = [say(_WHY[school.why])] if school.why in _WHY else []
    if school.restored:
        told.append(say("The school's server had gone back, and has all again."))
    if school.doubts:
        told.append(say("Two journals of a lesson differ. Please tell your administrator."))
    return "\n".join(told)


def waiting_words(standing: Standing) -> str:
    parts: list[str] = []
    if standing.events:
        parts.append(say("{n} entries of the journal", standing.events))
    if standing.files:
        size = amount(standing.file_bytes)
        parts.append(say("{n} collected works ({size})", standing.files, size=size))
    if not parts:
        return say("Nothing waits.")
    return say("Waiting: {what}", what=" · ".join(parts))


def decided_lines(standing: Standing, today: float) -> Sequence[tuple[str, str]]:
    """Return what was written and what the school decided, newest first, at most five."""
    told = [
        (f"{_when(one.row.at, today)} · {line(one.row)}", decided_words(one.why))
        for one in standing.decided[:LINES_MAX]
    ]
    more = len(standing.decided) - len(told)
    return [*told, (say("and {count} more", count=more), "")] if more else told


def decided_words(why: str) -> str:
    known = _DECIDED.get(why)
    if known:
        return say(known)
    return say("Please tell your administrator: {why}", why=why or "?")


def _when(at: float, today: float) -> str:
    """Return a moment as a clock's time, with its day where that is not today."""
    date = day(int(at))
    return clock_time(at) if date == day(int(today)) else f"{date}, {clock_time(at)}"
