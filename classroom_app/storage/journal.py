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
from classroom_app.storage.dating import Dates, dates, mark
from classroom_app.storage.declarations import declare, declared, last_declared
from classroom_app.storage.engine import driver_of
from classroom_app.storage.erasing import (
    ROWS_A_PART,
    Forgotten,
    Work,
    blank,
    due,
    erase,
    erased,
    first_due,
    forget_before,
    forgotten,
    kept_work,
    note_forgotten,
    note_left,
    read_on,
)
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

    blanked = 0
    """Raised whenever acts may have lost what they said of people: who shows some reads anew."""

    async def acts(self, lesson: LessonId, limit: int, after: int = 0) -> Sequence[Kept]:
        """Return the newest acts of a lesson, of those after a sequence, oldest first."""
        return await self.write(lambda connection: read(connection, lesson, limit, after))

    async def under_way(self) -> Resumed | None:
        """Return the lesson that had not ended when the app did."""
        return await self.write(under_way)

    async def last_declared(self, device: DeviceId, feature: str) -> Declared | None:
        """Return the newest declaration that was kept, in whatever lesson."""
        return await self.write(partial(last_declared, device, feature))

    async def journal_ids(self) -> list[str]:
        query = select(journal.c.id).order_by(journal.c.sequence)
        return await self.write(lambda c: [str(one) for one in c.execute(query).scalars()])

    async def verify(self, rest_seconds: float = 0.0) -> Fault | None:
        """Walk the chain while the lesson goes on; return the first row that breaks it.

        `rest_seconds`: between two turns, each of some rows.
        """
        return (await self.look_through(rest_seconds)).fault

    async def look_through(self, rest_seconds: float = 0.0) -> Verdict:
        """As `verify`; tell how many rows are whole as well."""
        signed = await self.write(signed_marks)
        whole, reached = Head(), await self.write(partial(verify, Head(), signed))
        while isinstance(reached, Head):
            await asyncio.sleep(rest_seconds)
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
            self._let_copies_go()
            return erased

        return await self.write(work)

    async def erase_told(self, before: int, now: int, folder: Path) -> int:
        """Erase whom the school has erased, but for what is of `before`, UTC seconds, or later.

        Their work goes from `folder` first: a crash in between leaves the act, which says where.
        Return how many acts. Raises OSError where a file cannot be removed now, or NotKept.
        """
        noted = await self.write(erased)
        if not noted:
            return 0
        told = await self.write(partial(dates, now))
        found, last = await self.write(first_due), False
        while not last:
            looked = await self.write_part(partial(due, noted, found, before, told))
            last, found = looked.after == found.after, looked
        if found.sequences:
            await self._read_all()
        await asyncio.to_thread(_remove, folder, found.paths)
        for start in range(0, len(found.sequences), ROWS_A_PART):
            some = found.sequences[start : start + ROWS_A_PART]
            await self.write_part(partial(self._blank, some))
        await self.write(partial(note_left, noted, found, before, told))
        return len(found.sequences)

    async def _read_all(self) -> None:
        """Read all of the journal before a copy goes: where it is damaged, the copy mends it."""
        after: int | None = 0
        while after is not None:
            after = await self.write_part(partial(read_on, after))

    def _blank(self, sequences: Sequence[int], connection: Connection) -> None:
        blank(sequences, connection)
        self._let_copies_go()

    def _let_copies_go(self) -> None:
        """Let go of what still says what was just blanked: the copies, and what is shown."""
        forget_copies(self.path)
        self.blanked += 1

    async def forget_before(self, at: int, now: int) -> int:
        """Forget what acts older than `at`, UTC seconds, say of people. Return how many acts.

        Raises NotKept where a copy cannot be removed now.
        """

        def begin(connection: Connection) -> tuple[Dates, int]:
            mark(now, connection)
            return dates(now, connection), forgotten(connection)

        told, start = await self.write(begin)
        looked, after = dict[int, Forgotten](), start
        while after is not None:
            ask = partial(forget_before, after, at, told, sends=self._sends(), only_look=True)
            looked[after] = await self.write_part(ask)
            after = looked[after].after
        if any(part.acts for part in looked.values()):
            await self._read_all()
        acts, clear = 0, start
        for after, look in looked.items():
            # What waited may have been sent since the look, and the other way round.
            forget = partial(self._forget, after, at, told)
            part = await self.write_part(forget) if look.acts else look
            acts += part.acts
            clear = part.clear if clear == after else clear
        if clear != start:
            await self.write(partial(note_forgotten, clear))
        return acts

    def _forget(self, after: int, at: int, told: Dates, connection: Connection) -> Forgotten:
        part = forget_before(after, at, told, connection, sends=self._sends(), only_look=False)
        if part.acts:
            self._let_copies_go()
        return part

    async def kept_work(self, since: int, now: int) -> tuple[Work | None, ...]:
        """Return the work collected since `since`, UTC seconds, and what waits for the school.

        None stands for each that cannot be read: it may be any.
        """
        told, sends = await self.write(partial(dates, now)), self._sends()
        works, after = list[Work | None](), 0
        while after is not None:
            part = await self.write_part(partial(kept_work, after, since, told, sends=sends))
            works += part.works
            after = part.after
        return tuple(works)

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
