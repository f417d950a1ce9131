"""What waits for the central side, and what it decided otherwise than the teacher wrote it."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Select, and_, func, select, update

from classroom_app.domain.acts import AnyAct, HandInKept, LessonStarted
from classroom_app.domain.lesson import LessonId
from classroom_app.storage.acts import act_in
from classroom_app.storage.erasing import COLLECTED
from classroom_app.storage.outbox import ALL_REFUSED, REFUSED, WAITS, WORK_WAITS
from classroom_app.storage.store import LOST, Store
from classroom_app.storage.tables import hand_ins, journal, lessons

SEEN: Final = "seen"
"""Refused, and a person has looked: it is counted no more, and never sent again."""
DECIDED_MAX: Final = 100


class Decided(Struct, frozen=True):
    """`act` was refused for `reason`, a code; `work`: its file was, whatever became of the act.

    `lesson`: how its lesson began, as far as that is still written here.
    """

    act: AnyAct
    reason: str
    work: bool
    lesson: LessonStarted | None = None


class Standing(Struct, frozen=True):
    """`events`, `files` and `file_bytes` wait; `decided` newest first, at most `DECIDED_MAX`.

    `further`: the acts of what was decided before these, or cannot be read; `further_works`: those
    with a file here.
    """

    events: int = 0
    files: int = 0
    file_bytes: int = 0
    decided: tuple[Decided, ...] = ()
    further: tuple[str, ...] = ()
    further_works: tuple[str, ...] = ()


class KeepsStanding(Store):
    async def standing(self) -> Standing:
        return await self.write(_standing)

    async def works(self, acts: Sequence[str]) -> tuple[HandInKept, ...]:
        """Return the collected work of these acts, as far as they can be read, oldest first."""
        query = select(journal).where(journal.c.id.in_(acts)).order_by(journal.c.sequence)

        def work(connection: Connection) -> tuple[HandInKept, ...]:
            found = map(act_in, connection.execute(query))
            return tuple(act for act in found if isinstance(act, HandInKept))

        return await self.write(work)

    async def seen(self, acts: Sequence[str]) -> None:
        """Let what was decided of these acts be looked at: it is counted and listed no more."""
        done = [
            update(table).where(table.c.id.in_(acts), table.c.state == REFUSED).values(state=SEEN)
            for table in (journal, hand_ins)
        ]

        def work(connection: Connection) -> None:
            for one in done:
                connection.execute(one)

        await self.write(work)


def _standing(connection: Connection) -> Standing:
    events = select(func.count()).select_from(journal).where(*WAITS)
    work = connection.execute(_with_work().where(WORK_WAITS)).all()
    sizes = [act.size for act in map(act_in, work) if isinstance(act, HandInKept)]
    newest = connection.execute(_refused(journal).limit(DECIDED_MAX)).all()
    full = len(newest) == DECIDED_MAX
    before = connection.execute(_refused_before(newest[-1].sequence)).all() if full else ()
    files = select(hand_ins.c.sequence).where(hand_ins.c.state == REFUSED)
    works = frozenset(connection.execute(files).scalars())
    last, unread = list[Decided](), list[str]()
    for row in newest:
        if act := act_in(row):
            last.append(Decided(act, row.reason, row.sequence in works))
        else:
            unread.append(row.id)
    begun = _beginnings(connection, {one.act.lesson for one in last})
    decided = tuple(replace(one, lesson=begun.get(one.act.lesson)) for one in last)
    return Standing(
        connection.execute(events).scalar_one(),
        len(work),
        sum(sizes),
        decided,
        (*unread, *(row.id for row in before)),
        tuple(row.id for row in before if row.saves),
    )


def _refused(*what: Any) -> Select[*tuple[Any, ...]]:  # noqa: ANN401 - a table or columns of it
    """Select of all that was refused, the newest first."""
    mine = journal.c.sequence.in_(select(ALL_REFUSED.c.sequence))
    return select(*what).where(mine).order_by(journal.c.sequence.desc())


def _refused_before(sequence: int) -> Select[*tuple[Any, ...]]:
    """Select what counts of what was refused before: of years these may be tens of thousands."""
    saved = and_(journal.c.kind == COLLECTED, journal.c.reason != LOST)
    return _refused(journal.c.id, saved.label("saves")).where(journal.c.sequence < sequence)


def saves(one: Decided) -> bool:
    """Return whether a file of it lies here and can be copied elsewhere."""
    return isinstance(one.act, HandInKept) and one.reason != LOST


def _beginnings(connection: Connection, wanted: set[LessonId]) -> dict[LessonId, LessonStarted]:
    firsts = select(journal).join(lessons, lessons.c.first == journal.c.sequence)
    found = map(act_in, connection.execute(firsts.where(lessons.c.lesson.in_(wanted))))
    return {act.lesson: act for act in found if isinstance(act, LessonStarted)}


def _with_work() -> Select[Any]:
    return select(journal).join(hand_ins, hand_ins.c.sequence == journal.c.sequence)
