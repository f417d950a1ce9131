"""Erasing a pupil from the journal, as the law wants it, without breaking its chain.

What goes over years of it does so in parts, each a short transaction: an act of the lesson waits
for one of them at most.

Whom the school has erased is noted when its feed says so (`contract.roster.Change`), and erased
here as soon as the school has all that was to be told, and the day is over. Until then the setting
`erased` names the pupil.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Select, bindparam, delete, select, update

from classroom_app.domain.acts import HandInKept
from classroom_app.domain.lesson import PupilId
from classroom_app.storage.acts import UNREADABLE, act_in
from classroom_app.storage.dating import Dates
from classroom_app.storage.settings import keep, read
from classroom_app.storage.store import SUSPECTED, WAITING
from classroom_app.storage.tables import HAND_IN_PLACE, hand_ins, journal, rows

ERASED: Final = "erased"
COLLECTED: Final = "hand-in-kept"


FORGOTTEN: Final = "forgotten"
"""A sequence up to which no act says anything of people any more."""
ROWS_A_PART: Final = 250
WORKS_A_PART: Final = 250


class Due(Struct, frozen=True):
    """Acts that may be erased now, by sequence; `paths` of the work in them; who has to wait.

    `after`: the last act that was looked at.
    """

    after: int
    wait: frozenset[str]
    sequences: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()


class Forgotten(Struct, frozen=True):
    """A part of the journal in which old acts were blanked, `acts` of them.

    `after`: the last act of it, None where it was the last part; `clear`: up to which act none of
    it says anything of people.
    """

    acts: int
    after: int | None
    clear: int


def note_erased(pupils: Collection[str], connection: Connection) -> None:
    """Remember whom the school has erased."""
    noted = erased(connection)
    if not noted.issuperset(pupils):
        _note(noted.union(pupils), connection)


class Work(Struct, frozen=True):
    """Collected work: its `path` in the folder of classes, and its document's hash in hex."""

    path: str
    document: str


def first_due(connection: Connection) -> Due:
    """Say where to begin to look for what may be erased of whom the school has erased.

    Of who stands in a class again nothing is.
    """
    here = select(rows.c.id).where(rows.c.entity == "pupil", rows.c.id.in_(erased(connection)))
    return Due(forgotten(connection), frozenset(connection.execute(here).scalars()))


def due(
    noted: frozenset[str], found: Due, before: int, dates: Dates, connection: Connection
) -> Due:
    """Add what the next acts after `found` have of `noted`, older than `before`, UTC seconds.

    What waits to be sent is not lost to the school. What cannot be read is nobody's. After the last
    act nothing is added.
    """
    part = connection.execute(_part_after(found.after)).all()
    waits = _work_waits(part, connection)
    wait = found.wait
    sequences, paths = list(found.sequences), list(found.paths)
    for row in part:
        told = _told(row.fields)
        if not (named := (noted - wait).intersection(told.everybody)):
            continue
        if _is_unsent(row, waits) or dates.date(row.sequence, row.at) >= before:
            wait |= named
        else:
            sequences.append(row.sequence)
            paths += filter(None, [told.path])
    after = part[-1].sequence if part else found.after
    return Due(after, wait, tuple(sequences), tuple(paths))


def note_left(
    noted: frozenset[str], found: Due, before: int, dates: Dates, connection: Connection
) -> None:
    """Forget whom nothing is left of: of `noted` all but who waits by `found` or an act since."""
    before_ = found.sequences
    while (looked := due(noted, found, before, dates, connection)).after != found.after:
        found = looked
    if found.sequences != before_:
        return  # acts that came meanwhile, by a clock that is wrong: the next time has them
    now = erased(connection)
    # Whom the school has erased since was not looked for.
    if (left := found.wait | (now - noted)) != now:
        _note(left, connection)


def erased(connection: Connection) -> frozenset[str]:
    """Return whom the school has erased, and who is not erased here yet."""
    return frozenset(json.loads(read(connection).get(ERASED, "[]")))


def _note(pupils: Collection[str], connection: Connection) -> None:
    keep({ERASED: json.dumps(sorted(pupils))}, connection)


def erase(pupil: PupilId, connection: Connection) -> int:
    """Blank the personal fields of each act that names `pupil`, with their salt.

    What an act says of others goes with it: a list of names without one would tell who is gone.
    Collected work that waits for the central side is not sent any more. What cannot be read is
    nobody's.
    """
    told = connection.execute(select(journal))  # as `read_on`
    naming = [row.sequence for row in told if pupil in _told(row.fields).everybody]
    blank(naming, connection)
    return len(naming)


def forgotten(connection: Connection) -> int:
    """Return up to which act none says anything of people any more."""
    return int(read(connection).get(FORGOTTEN, "0"))


def note_forgotten(clear: int, connection: Connection) -> None:
    keep({FORGOTTEN: str(clear)}, connection)


def forget_before(
    after: int, at: int, dates: Dates, connection: Connection, *, sends: bool, only_look: bool
) -> Forgotten:
    """Blank the personal fields of acts older than `at`, UTC seconds, of the next after `after`.

    The rest of each stays, and so does the chain. Where a school's server is sent them (`sends`),
    what waits for it stays, how old ever: it would be lost to both. `only_look`: nothing is
    blanked, and what would be is told.
    """
    part = connection.execute(_part_after(after)).all()
    told = [row for row in part if row.fields is not None]
    waits = _work_waits(told, connection) if sends else frozenset[int]()
    old = [
        row.sequence
        for row in told
        if dates.date(row.sequence, row.at) < at and not (sends and _is_unsent(row, waits))
    ]
    if not only_look:
        blank(old, connection)
    reached = part[-1].sequence if part else after
    left = {row.sequence for row in told}.difference(old)
    last = len(part) < ROWS_A_PART or dates.all_since(reached, at)
    return Forgotten(len(old), None if last else reached, min(left) - 1 if left else reached)


class Kept(Struct, frozen=True):
    """Work of a part of all that was collected, None for each that cannot be read.

    `after`: the last of it, None: there is no more.
    """

    works: tuple[Work | None, ...]
    after: int | None


def kept_work(after: int, since: int, dates: Dates, connection: Connection, *, sends: bool) -> Kept:
    """Return of the next works after `after` those of acts since `since`, UTC seconds, or unsent.

    Its files and folders may bear the date of a clock that was wrong.
    """
    query = (
        select(HAND_IN_PLACE.label("place"), hand_ins.c.state.label("work"), *_LOOKED_AT)
        .join(hand_ins, hand_ins.c.sequence == journal.c.sequence)
        .where(after < HAND_IN_PLACE, journal.c.fields.is_not(None))
        .order_by(HAND_IN_PLACE)
        .limit(WORKS_A_PART)
    )
    part = connection.execute(query).all()
    works = tuple(
        Work(act.path, act.document) if isinstance(act := act_in(row), HandInKept) else None
        for row in part
        if (sends and (row.state == WAITING or row.work in {WAITING, SUSPECTED}))
        or dates.date(row.sequence, row.at) >= since
    )
    return Kept(works, part[-1].place if len(part) == WORKS_A_PART else None)


_LOOKED_AT: Final = (
    journal.c.sequence,
    journal.c.kind,
    journal.c.at,
    journal.c.state,
    journal.c.body,
    journal.c.fields,
)


def _part_after(after: int) -> Select[*tuple[Any, ...]]:
    next_ = select(*_LOOKED_AT).where(journal.c.sequence > after).order_by(journal.c.sequence)
    return next_.limit(ROWS_A_PART)


def _is_unsent(row: Any, waits: Collection[int]) -> bool:  # noqa: ANN401 - a result row
    """Say whether an act waits for the school, itself or the work that it tells of."""
    return row.state == WAITING or row.sequence in waits


def _work_waits(part: Sequence[Any], connection: Connection) -> frozenset[int]:
    """Return which acts of a part tell of work that waits for the school."""
    works = [row.sequence for row in part if row.kind == COLLECTED]
    if not works:
        return frozenset()
    waits = select(hand_ins.c.sequence).where(
        hand_ins.c.sequence.between(works[0], works[-1]),
        hand_ins.c.state.in_((WAITING, SUSPECTED)),
    )
    return frozenset(connection.execute(waits).scalars())


def read_on(after: int, connection: Connection) -> int | None:
    """Read the next acts after `after`, each to its last byte; return where to go on, None: done.

    Of an act that has no personal fields any more these alone would be read without the pages that
    the rest of it lies on.
    """
    next_ = select(journal).where(journal.c.sequence > after).order_by(journal.c.sequence)
    part = connection.execute(next_.limit(ROWS_A_PART)).all()
    return part[-1].sequence if part else None


def blank(sequences: Sequence[int], connection: Connection) -> None:
    """Blank these acts; work that waits and of which none tells any more is not sent."""
    acts = update(journal).where(journal.c.sequence == bindparam("blank"))
    for start in range(0, len(sequences), ROWS_A_PART):
        some = sequences[start : start + ROWS_A_PART]
        each = [{"blank": sequence} for sequence in some]
        connection.execute(acts.values(salt=None, fields=None), each)
        connection.execute(delete(hand_ins).where(hand_ins.c.sequence.in_(some)))


class _Told(Struct, frozen=True):
    """What personal fields say of whom, and where their work lies."""

    pupil: str = ""
    pupils: tuple[str, ...] = ()
    path: str = ""

    @property
    def everybody(self) -> frozenset[str]:
        return frozenset((self.pupil, *self.pupils)) - {""}


_told_by: Final = msgspec.json.Decoder(_Told)


def _told(fields: bytes | None) -> _Told:
    """Read personal fields; those that cannot be read say nothing."""
    try:
        return _told_by.decode(fields or b"{}")
    except UNREADABLE:
        return _Told()
