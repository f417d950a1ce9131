"""Where a journal is not as it was written, in words; the device's and the teacher's alike."""

from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct

LATEST: Final = 253_402_300_799
"""The last second that has a date; an altered entry may name any number."""
What = Literal["altered", "removed", "reordered", "cut", "rewritten", "words"]
_SENTENCES: Final[dict[What, str]] = {
    "altered": "Entry {sequence}{named} was altered.",
    "removed": "Entry {sequence} was removed.",
    "reordered": "Entry {sequence} is not in its place: {named} stands there.",
    "cut": "The journal was cut: entry {sequence} and what followed it are missing.",
    "rewritten": "Entry {sequence}{named} is not the one that was signed: it or what stands before"
    " it was written anew.",
    "words": "The personal words of entry {sequence}{named} are not its own.",
}


class Fault(Struct, frozen=True):
    """`sequence` is the first broken place, `id` and `kind` what stands there, `at` UTC seconds.

    "rewritten": the chain holds, but a signed head says another hash. "words": an entry's personal
    fields are not those that were hashed into the chain; where they were erased, nothing is wrong.
    """

    sequence: int
    what: What
    id: str = ""
    kind: str = ""
    at: int = 0


class Verdict(Struct, frozen=True):
    """What a look at a whole journal found; `entries` is how many are whole from the first on."""

    journal: str
    entries: int
    fault: Fault | None = None


def sentence(verdict: Verdict) -> str:
    """Say it for a person at a command line."""
    fault = verdict.fault
    if fault is None:
        return f"The journal is whole: {verdict.entries} entries."
    said = _SENTENCES[fault.what].format(sequence=fault.sequence, named=_named(fault))
    whole = f"The {verdict.entries} entries before it are whole."
    return said + (" " + whole if verdict.entries else "")


def _named(fault: Fault) -> str:
    told = [fault.kind, f"id {fault.id}" if fault.id else ""]
    if 0 < fault.at <= LATEST:
        told.append(datetime.fromtimestamp(fault.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
    words = ", ".join(one for one in told if one)
    if fault.what == "reordered":
        return words or "another"
    return f" ({words})" if words else ""
