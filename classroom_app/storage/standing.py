"""What waits for the central side, and what it decided otherwise than the teacher wrote it."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Select, func, select, update

from classroom_app.domain.acts import AnyAct, HandInKept, LessonStarted
from classroom_app.domain.lesson import LessonId
from classroom_app.storage.acts import act_in
from classroom_app.storage.outbox import REFUSED, WAITS, WORK_WAITS
from classroom_app.storage.store import Store
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
    refused = select(journal).where(journal.c.state == REFUSED)
    files = _with_work().where(hand_ins.c.state == REFUSED)
    found, unread = dict[int, Decided](), dict[int, str]()
    for query, isfile in ((refused, False), (files, True)):
        for row in connection.execute(query):
            if act := act_in(row):
                found[row.sequence] = Decided(act, row.reason, work=isfile)
            else:
                unread[row.sequence] = row.id
    newest = [found[sequence] for sequence in sorted(found, reverse=True)]
    last, before = newest[:DECIDED_MAX], newest[DECIDED_MAX:]
    begun = _beginnings(connection, {one.act.lesson for one in last})
    decided = tuple(replace(one, lesson=begun.get(one.act.lesson)) for one in last)
    return Standing(
        connection.execute(events).scalar_one(),
        len(work),
        sum(sizes),
        decided,
        (*(one.act.id for one in before), *unread.values()),
        tuple(one.act.id for one in before if saves(one)),
    )


def saves(one: Decided) -> bool:
    """Return whether a file of it lies here and can be copied elsewhere."""
    return isinstance(one.act, HandInKept) and one.reason != "lost-here"


def _beginnings(connection: Connection, wanted: set[LessonId]) -> dict[LessonId, LessonStarted]:
    firsts = select(journal).join(lessons, lessons.c.first == journal.c.sequence)
    found = map(act_in, connection.execute(firsts.where(lessons.c.lesson.in_(wanted))))
    return {act.lesson: act for act in found if isinstance(act, LessonStarted)}


def _with_work() -> Select[Any]:
    return select(journal).join(hand_ins, hand_ins.c.sequence == journal.c.sequence)
