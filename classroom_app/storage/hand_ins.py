"""Collected work that the central side does not have yet (cloud.ports.SyncStore)."""

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import closing
from functools import partial
from typing import Final

from blake3 import blake3
from sqlalchemy import ColumnElement, Connection, bindparam, func, not_, select, update

from central_mdm.contract.partage import FileAnswer, FileOffered
from classroom_app.domain.acts import HandInKept
from classroom_app.domain.errors import NotKept
from classroom_app.storage.acts import act_in
from classroom_app.storage.erasing import erased
from classroom_app.storage.outbox import KEPT_AT, WORK_WAITS
from classroom_app.storage.settings import keep
from classroom_app.storage.store import (
    APPLIED,
    FOLLOWED,
    KEPT,
    LOST,
    REFUSED,
    SUSPECTED,
    WAITING,
    Store,
)
from classroom_app.storage.tables import HAND_IN_PLACE, hand_ins, journal
from device_bridge.materials.errors import DiskFull, Unreadable, Withheld

log = logging.getLogger(__name__)
IDS_A_STATEMENT: Final = 500


class KeepsHandIns(Store):
    async def waiting_files(self, limit: int) -> tuple[FileOffered, ...]:
        """Return collected work, smallest first; what the library has lost waits no more.

        Nor does what the journal cannot tell of any more: nobody knows which document it is. What
        the disk does not give now waits on and holds up no other. Raises NotKept where nothing else
        waits.
        """
        acts, untold = await self.write(_smallest_first)
        offered, lost, unread = await asyncio.to_thread(self._look_for, acts, limit)
        for work in (*untold, *lost):
            log.warning("work lost here", extra={"hand_in": work})
            await self._settle(work, REFUSED, LOST)
        if unread and not offered:
            raise unread[0]
        return tuple(offered)

    async def waiting_work(self) -> tuple[int, int]:
        def work(connection: Connection) -> tuple[int, int]:
            acts, _ = _all_waiting(connection)
            return len(acts), sum(act.size for act in acts)

        return await self.write(work)

    async def unsure_files(self, *, all_of_them: bool) -> tuple[str, ...]:
        states = (KEPT, FOLLOWED) if all_of_them else (FOLLOWED,)
        query = select(hand_ins.c.id).where(hand_ins.c.state.in_(states))
        return await self.write(
            lambda one: tuple(one.execute(query.order_by(hand_ins.c.sequence)).scalars())
        )

    async def sure_files(self, files: Collection[str]) -> None:
        done = update(hand_ins).where(hand_ins.c.id == bindparam("file"))
        sure = done.where(hand_ins.c.state == FOLLOWED).values(state=APPLIED)
        each = [{"file": file} for file in files]
        await self.write(lambda one: each and one.execute(sure, each))

    async def lacking_files(self, files: Collection[str]) -> int:
        """Let kept work wait again that is not there; return how much.

        Not the work of who is erased: the school has removed that.
        """
        named = sorted(files)
        parts = [named[at : at + IDS_A_STATEMENT] for at in range(0, len(named), IDS_A_STATEMENT)]
        return await self.write(
            lambda connection: sum(_lacking(some, connection) for some in parts)
        )

    async def doubt_work(self) -> int:
        """Let all work that was answered wait again, as far as it is here; return how much.

        For a central side that was set back to a copy: it may have the act and not the work, and
        may take now what it had refused.
        """
        doubted, after = 0, 0
        while after is not None:
            acts, after = await self.write_part(partial(_answered, after))
            here = await asyncio.to_thread(self._here, acts)
            doubted += await self.write(partial(_wait_again, here))
        return doubted

    def _here(self, acts: Iterable[HandInKept]) -> list[str]:
        return [act.id for act in acts if self._offered(act) is not None]

    async def chunk(self, manifest: bytes, digest: bytes) -> bytes | None:
        return await asyncio.to_thread(self._chunk, manifest, digest)

    async def suspected_files(self) -> frozenset[str]:
        query = select(hand_ins.c.id).where(hand_ins.c.state == SUSPECTED)
        return await self.write(lambda one: frozenset(one.execute(query).scalars()))

    async def suspect_file(self, file: str) -> None:
        mine = update(hand_ins).where(hand_ins.c.id == file, WORK_WAITS)

        def work(connection: Connection) -> None:
            connection.execute(mine.values(state=SUSPECTED))

        await self.write(work)

    async def file_settled(self, file: str, answer: FileAnswer) -> None:
        await self._settle(file, KEPT if answer.state == "kept" else REFUSED, answer.reason)

    async def _settle(self, file: str, state: str, reason: str) -> None:
        done = update(hand_ins).where(hand_ins.c.id == file).values(state=state)
        its = select(hand_ins.c.sequence).where(hand_ins.c.id == file).scalar_subquery()
        # The act's row has the reason of both; where the act itself was refused, its own stands.
        why = update(journal).where(journal.c.sequence == its, journal.c.state != REFUSED)

        def work(connection: Connection) -> None:
            connection.execute(done)
            if state == KEPT:
                newest = connection.execute(select(func.max(journal.c.sequence))).scalar_one()
                keep({KEPT_AT: str(newest)}, connection)
            if reason:
                connection.execute(why.values(reason=reason))

        await self.write(work)

    def _look_for(
        self, acts: Iterable[HandInKept], limit: int
    ) -> tuple[list[FileOffered], list[str], list[NotKept]]:
        """Return the first works that can be read.

        Beside them, of those that come before: which are lost, and why the others cannot be read.
        """
        offered, lost, unread = list[FileOffered](), list[str](), list[NotKept]()
        for act in acts:
            match self._offered(act):
                case None:
                    lost.append(act.id)
                case NotKept() as error:
                    unread.append(error)
                case FileOffered() as work:
                    offered.append(work)
            if len(offered) == limit:
                break
        return offered, lost, unread

    def _offered(self, act: HandInKept) -> FileOffered | NotKept | None:
        """Return a work as it is offered; None: it is lost; an error: it cannot be read now."""
        try:
            reading = self.library.open(bytes.fromhex(act.document))
        except Withheld:
            return None
        except (DiskFull, Unreadable) as error:
            return NotKept(*error.args)
        reading.close()
        return FileOffered(act.id, act.lesson, act.class_id, act.pupil, act.name, reading.raw)

    def _chunk(self, manifest: bytes, digest: bytes) -> bytes | None:
        try:
            with closing(self.library.open(blake3(manifest).digest())) as reading:
                place = reading.places.get(digest)
                found = b"".join(reading.read(place, 0, place.size, 1)) if place else b""
        except Withheld:
            return None
        except (DiskFull, Unreadable) as error:
            raise NotKept(*error.args) from error
        # A disk lets bytes rot, or a file be cut: no server would take these under that name.
        return found if blake3(found).digest() == digest else None


def _lacking(files: Collection[str], connection: Connection) -> int:
    gone = erased(connection)
    acts, untold = _in(hand_ins.c.id.in_(files), connection)
    again = [*untold, *(act.id for act in acts if act.pupil not in gone)]
    kept = update(hand_ins).where(hand_ins.c.state.in_((KEPT, FOLLOWED)))
    rest = set(files).difference(again)
    connection.execute(kept.where(hand_ins.c.id.in_(rest)).values(state=APPLIED))
    wait = kept.where(hand_ins.c.id.in_(again)).values(state=WAITING)
    return connection.execute(wait).rowcount


def _answered(after: int, connection: Connection) -> tuple[list[HandInKept], int | None]:
    """Return of the next works after `after` those that do not wait, and where to go on."""
    query = select(HAND_IN_PLACE, hand_ins.c.id).where(after < HAND_IN_PLACE, not_(WORK_WAITS))
    part = connection.execute(query.order_by(HAND_IN_PLACE).limit(IDS_A_STATEMENT)).all()
    acts, _ = _in(hand_ins.c.id.in_([row.id for row in part]), connection)
    return acts, part[-1][0] if len(part) == IDS_A_STATEMENT else None


def _wait_again(files: Collection[str], connection: Connection) -> int:
    some = update(hand_ins).where(hand_ins.c.id.in_(files), not_(WORK_WAITS))
    return connection.execute(some.values(state=WAITING)).rowcount


def _smallest_first(connection: Connection) -> tuple[list[HandInKept], list[str]]:
    acts, untold = _all_waiting(connection)
    # Stable: as old as large.
    return sorted(acts, key=lambda act: act.size), untold


def _all_waiting(connection: Connection) -> tuple[list[HandInKept], list[str]]:
    return _in(WORK_WAITS, connection)


def _in(state: ColumnElement[bool], connection: Connection) -> tuple[list[HandInKept], list[str]]:
    """Return all work that stands so, oldest first; beside it, of which no act can be read."""
    acts, untold = list[HandInKept](), list[str]()
    query = (
        select(journal, hand_ins.c.id.label("work"))
        .join(hand_ins, hand_ins.c.sequence == journal.c.sequence)
        .where(state)
        .order_by(journal.c.sequence)
    )
    for row in connection.execute(query):
        if isinstance(act := act_in(row), HandInKept):
            acts.append(act)
        else:
            untold.append(row.work)
    return acts, untold
