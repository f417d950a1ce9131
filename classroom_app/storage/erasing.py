"""Erasing a pupil from the journal, as the law wants it, without breaking its chain.

Whom the school has erased is noted when its feed says so (`contract.roster.Change`), and erased
here as soon as the school has all that was to be told, and the day is over. Until then the setting
`erased` names the pupil.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, select, update

from classroom_app.domain.lesson import PupilId
from classroom_app.storage.dating import Dates
from classroom_app.storage.settings import keep, read
from classroom_app.storage.store import SUSPECTED, WAITING
from classroom_app.storage.tables import hand_ins, journal, rows

ERASED: Final = "erased"
COLLECTED: Final = "hand-in-kept"


class Due(Struct, frozen=True):
    """Acts that may be erased now, by sequence; `paths` of the work in them; who has to wait."""

    sequences: tuple[int, ...]
    paths: tuple[str, ...]
    wait: frozenset[str]


def note_erased(pupils: Collection[str], connection: Connection) -> None:
    """Remember whom the school has erased."""
    noted = erased(connection)
    if not noted.issuperset(pupils):
        _note(noted.union(pupils), connection)


class Work(Struct, frozen=True):
    """Collected work: its `path` in the folder of classes, and its document's hash in hex."""

    path: str
    document: str


def due(before: int, dates: Dates, connection: Connection) -> Due:
    """Return what may be erased of whom the school has erased: older than `before`, UTC seconds.

    Of who stands in a class again nothing is; what waits to be sent is not lost to the school.
    """
    noted = erased(connection)
    if not noted:
        return Due((), (), noted)
    here = select(rows.c.id).where(rows.c.entity == "pupil", rows.c.id.in_(noted))
    wait = set(connection.execute(here).scalars())
    unsent = _unsent(connection)
    columns = select(journal.c.sequence, journal.c.at, journal.c.fields)
    sequences: list[int] = []
    paths: list[str] = []
    for row in connection.execute(columns.where(journal.c.fields.is_not(None))):
        fields = json.loads(row.fields)
        if not (named := {one for one in noted - wait if _names(fields, PupilId(one))}):
            continue
        if row.sequence in unsent or dates.date(row.sequence, row.at) >= before:
            wait |= named
        else:
            sequences.append(row.sequence)
            paths += filter(None, [fields.get("path")])
    return Due(tuple(sequences), tuple(paths), frozenset(wait))


def erase_due(before: int, dates: Dates, sequences: Sequence[int], connection: Connection) -> None:
    """Blank these acts, and forget whom nothing is left of."""
    _blank(sequences, connection)
    left = due(before, dates, connection)
    if not left.sequences and left.wait != erased(connection):
        _note(left.wait, connection)


def erased(connection: Connection) -> frozenset[str]:
    """Return whom the school has erased, and who is not erased here yet."""
    return frozenset(json.loads(read(connection).get(ERASED, "[]")))


def _note(pupils: Collection[str], connection: Connection) -> None:
    keep({ERASED: json.dumps(sorted(pupils))}, connection)


def erase(pupil: PupilId, connection: Connection) -> int:
    """Blank the personal fields of each act that names `pupil`, with their salt.

    What an act says of others goes with it: a list of names without one would tell who is gone.
    Collected work that waits for the central side is not sent any more.
    """
    columns = select(journal.c.sequence, journal.c.fields)
    told = connection.execute(columns.where(journal.c.fields.is_not(None)))
    naming = [row for row in told if _names(json.loads(row.fields), pupil)]
    _blank([row.sequence for row in naming], connection)
    return len(naming)


def forget_before(at: int, dates: Dates, connection: Connection, *, sends: bool) -> int:
    """Blank the personal fields of all acts older than `at`, UTC seconds; return how many.

    The rest of each stays, and so does the chain. Where a school's server is sent them (`sends`),
    what waits for it stays, how old ever: it would be lost to both.
    """
    spared = _unsent(connection) if sends else frozenset[int]()
    columns = select(journal.c.sequence, journal.c.at).where(journal.c.fields.is_not(None))
    old = [
        row.sequence
        for row in connection.execute(columns)
        if row.sequence not in spared and dates.date(row.sequence, row.at) < at
    ]
    _blank(old, connection)
    return len(old)


def kept_work(since: int, dates: Dates, connection: Connection, *, sends: bool) -> tuple[Work, ...]:
    """Return the work that acts not older than `since`, UTC seconds, collected, and what waits.

    Its files and folders may bear the date of a clock that was wrong.
    """
    spared = _unsent(connection) if sends else frozenset[int]()
    columns = select(journal.c.sequence, journal.c.at, journal.c.body, journal.c.fields)
    collected = (journal.c.kind == COLLECTED, journal.c.fields.is_not(None))
    return tuple(
        Work(json.loads(row.fields)["path"], json.loads(row.body)["document"])
        for row in connection.execute(columns.where(*collected))
        if row.sequence in spared or dates.date(row.sequence, row.at) >= since
    )


def _unsent(connection: Connection) -> frozenset[int]:
    """Return which acts wait for the school, themselves or the work that they tell of."""
    acts = select(journal.c.sequence).where(journal.c.state == WAITING)
    work = select(hand_ins.c.sequence).where(hand_ins.c.state.in_((WAITING, SUSPECTED)))
    return frozenset(connection.execute(acts.union(work)).scalars())


def _blank(sequences: Sequence[int], connection: Connection) -> None:
    """Blank these acts; work that waits and of which none tells any more is not sent."""
    if sequences:
        acts = update(journal).where(journal.c.sequence == bindparam("blank"))
        each = [{"blank": sequence} for sequence in sequences]
        connection.execute(acts.values(salt=None, fields=None), each)
        blank = select(journal.c.sequence).where(journal.c.fields.is_(None))
        connection.execute(delete(hand_ins).where(hand_ins.c.sequence.in_(blank)))


def _names(fields: dict[str, Any], pupil: PupilId) -> bool:
    return fields.get("pupil") == pupil or pupil in fields.get("pupils", ())
