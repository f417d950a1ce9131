"""What a teacher's app pushes: journal events, made once with their own ids."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

from central_mdm.contract.names import TEXT, Count, Id

BATCH_MAX = 200
OF_THE_MOMENT: Final = frozenset({"foreign-class", "foreign-lesson"})
"""Why an event is refused for what the school is at that moment: at another it may be taken."""
SEQUENCE_TAKEN: Final = "sequence-taken"
"""The journal has another event there: it was put back from a copy, or two computers go on with it.

Said of all that follows in the batch as well, and noted of none: the app sends them again as a
journal of its own.
"""


class Event(Struct, frozen=True):
    """One journal event. `sequence` rises by one in each app's own journal (`origin`).

    `hash` chains: BLAKE3 over the previous hash and the event's canonical bytes, in hex.
    `body` is the kind's own JSON object, at most 16 KiB.
    """

    id: Id
    origin: Id
    sequence: Count
    lesson: Annotated[str, Meta(max_length=64, pattern=TEXT)]
    kind: Annotated[str, Meta(min_length=1, max_length=40, pattern=TEXT)]
    happened_at: Count
    hash: Annotated[str, Meta(max_length=64, pattern=TEXT)]
    body: Raw = Raw(b"{}")


class Push(Struct, frozen=True):
    """POST /api/journal.

    `after`: how many entries this journal had under another `origin`; those are not missing here.
    """

    events: Annotated[tuple[Event, ...], Meta(max_length=BATCH_MAX)]
    after: Count = 0


class Outcome(Struct, frozen=True):
    """What became of one event; replayed as it was when the event comes again."""

    id: Id
    state: Literal["applied", "refused"]
    reason: Annotated[str, Meta(max_length=200)] = ""


class Pushed(Struct, frozen=True):
    outcomes: tuple[Outcome, ...]
