"""The journal: acts kept once, in order, each chained to the one before."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from classroom_app.domain.acts import Act, Declared, HandInKept, Kept, Resumed
from classroom_app.domain.lesson import DeviceId, LessonId, PupilId
from classroom_app.storage.acts import of_lesson, read
from classroom_app.storage.chain import Entry, Head, Newest, entry_of, link_of
from classroom_app.storage.copies import forget_copies
from classroom_app.storage.dating import dates, mark
from classroom_app.storage.declarations import declare, declared, last_declared
from classroom_app.storage.engine import driver_of
from classroom_app.storage.erasing import Work, due, erase, erase_due, forget_before, kept_work
from classroom_app.storage.heads import signed_marks
from classroom_app.storage.resuming import resumed
from classroom_app.storage.store import WAITING, Store
from classroom_app.storage.tables import journal
from classroom_app.storage.verifying import verify
from device_bridge.journal_fault import Fault, Verdict

# A lesson has some thousands; this only bounds what a broken clock or loop could write.
ACTS_MAX: Final = 100_000
_ENTRY: Final = """
INSERT INTO journal (sequence, id, lesson, kind, at, body, hash, apart, state, salt, fields)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_LESSON: Final = "INSERT INTO lessons (lesson, first) VALUES (?, ?)"
_HAND_IN: Final = "INSERT INTO hand_ins (id, sequence, state) VALUES (?, ?, ?)"


class KeepsJournal(Store):
    async def remember(self, act: Act, declared: Sequence[Declared] = ()) -> bool:
        """Keep an act and its declarations, both or neither. False: it was kept already."""
        return await self.write(partial(remember, self.newest, act, declared))

    async def acts(self, lesson: LessonId, limit: int) -> Sequence[Kept]:
        """Return the newest acts of a lesson, oldest first."""
        return await self.write(lambda connection: read(connection, lesson, limit))

    async def under_way(self) -> Resumed | None:
        """Return the lesson that had not ended when the app did."""
        return await self.write(under_way)

    async def last_declared(self, device: DeviceId, feature: str) -> Declared | None:
        """Return the newest declaration that was kept, in whatever lesson."""
        return await self.write(partial(last_declared, device, feature))

    async def journal_ids(self) -> list[str]:
        query = select(journal.c.id).order_by(journal.c.sequence)
        return await self.write(lambda c: [str(one) for one in c.execute(query).scalars()])

    async def verify(self) -> Fault | None:
        """Walk the chain while the lesson goes on; return the first row that breaks it."""
        return (await self.look_through()).fault

    async def look_through(self) -> Verdict:
        """As `verify`; tell how many rows are whole as well."""
        signed = await self.write(signed_marks)
        whole, reached = Head(), await self.write(partial(verify, Head(), signed))
        while isinstance(reached, Head):
            whole, reached = reached, await self.write(partial(verify, reached, signed))
        entries = reached.sequence - 1 if reached else whole.sequence
        return Verdict(str(self.path), entries, reached)

    async def erase(self, pupil: PupilId) -> int:
        """Forget a pupil: what the journal and its copies say of them. Return how many acts.

        Here and below copies go as the last thing of the transaction. Whoever is killed after that
        erases the acts the next time, while a copy that was left would lie there for good; and a
        store that is too damaged for it keeps its copies. Raises NotKept where a copy cannot be
        removed now; the acts stay then.
        """

        def work(connection: Connection) -> int:
            erased = erase(pupil, connection)
            forget_copies(self.path)
            return erased

        return await self.write(work)

    async def erase_told(self, before: int, now: int, folder: Path) -> int:
        """Erase whom the school has erased, but for what is of `before`, UTC seconds, or later.

        Their work goes from `folder` first: a crash in between leaves the act, which says where.
        Return how many acts. Raises OSError where a file cannot be removed now, or NotKept.
        """
        found = await self.write(lambda one: due(before, dates(now, one), one))
        await asyncio.to_thread(_remove, folder, found.paths)

        def work(connection: Connection) -> None:
            erase_due(before, dates(now, connection), found.sequences, connection)
            if found.sequences:
                forget_copies(self.path)

        await self.write(work)
        return len(found.sequences)

    async def forget_before(self, at: int, now: int) -> int:
        """Forget what acts older than `at`, UTC seconds, say of people. Return how many acts.

        Raises NotKept where a copy cannot be removed now.
        """

        def work(connection: Connection) -> int:
            mark(now, connection)
            told = dates(now, connection)
            if forgotten := forget_before(at, told, connection, sends=self._sends()):
                forget_copies(self.path)
            return forgotten

        return await self.write(work)

    async def kept_work(self, since: int, now: int) -> tuple[Work, ...]:
        """Return the work collected since `since`, UTC seconds, and what waits for the school."""
        return await self.write(
            lambda one: kept_work(since, dates(now, one), one, sends=self._sends())
        )

    def _sends(self) -> bool:
        """Say whether the school has a server: without one all waits, and for nothing."""
        return bool(self.chosen.get("server"))


def remember(newest: Newest, act: Act, told: Sequence[Declared], connection: Connection) -> bool:
    driver, entry = driver_of(connection), entry_of(act)
    ids = newest.ids(act.lesson, partial(_ids, connection, act.lesson))
    if act.id in ids:
        return False
    head = link_of(newest.head(partial(_head, connection)), entry.apart, entry.body)
    if not ids:
        driver.execute(_LESSON, (act.lesson, head.sequence))
    driver.execute(_ENTRY, _columns(head, entry))
    newest.grew(head, act)
    if isinstance(act, HandInKept):
        driver.execute(_HAND_IN, (act.id, head.sequence, WAITING))
    if told:
        declare(connection, act.lesson, told)
    return True


def _remove(folder: Path, paths: Iterable[str]) -> None:
    root = folder.resolve()
    for path in paths:
        place = root / path
        if place.resolve().is_relative_to(root):  # else somebody has laid a link there
            place.unlink(missing_ok=True)
            with suppress(OSError):  # others' work is in it
                place.parent.rmdir()


def _columns(head: Head, entry: Entry) -> tuple[int | str | bytes | None, ...]:
    act = entry.act
    named = (head.sequence, act.id, act.lesson, str(act.__struct_config__.tag), act.at)
    return (*named, entry.body, head.hash, entry.apart, WAITING, entry.salt, entry.personal)


def _head(connection: Connection) -> Head:
    newest = select(journal.c.sequence, journal.c.hash).order_by(journal.c.sequence.desc())
    last = connection.execute(newest.limit(1)).first()
    return Head(int(last[0]), bytes(last[1])) if last else Head()


def _ids(connection: Connection, lesson: LessonId) -> Iterable[str]:
    query = select(journal.c.id).where(*of_lesson(lesson))
    return connection.execute(query).scalars()


def under_way(connection: Connection) -> Resumed | None:
    newest = select(journal.c.lesson).order_by(journal.c.sequence.desc()).limit(1)
    found = connection.execute(newest).scalar()
    if found is None:
        return None
    lesson = LessonId(str(found))
    acts = [kept.act for kept in read(connection, lesson, ACTS_MAX)]
    return resumed(acts, declared(connection, lesson))
