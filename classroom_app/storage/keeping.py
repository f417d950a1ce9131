"""All that the app keeps, joined to the ports that services and sync declare."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
from blake3 import blake3
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.exc import DatabaseError, OperationalError

from central_mdm.contract.checksum import checksum_of, mark_of
from central_mdm.contract.journal import Event, Outcome
from central_mdm.contract.partage import FileAnswer, FileOffered
from central_mdm.contract.roster import Change, ClassRow, DeviceRow, PupilRow
from classroom_app.domain.acts import Act, AnyAct, Declared, HandInKept, Kept, Resumed
from classroom_app.domain.errors import NotKept, StoreBroken, StoreFull, StoreReadOnly
from classroom_app.domain.lesson import (
    ClassId,
    Device,
    DeviceId,
    LessonId,
    Pupil,
    PupilId,
    Roster,
)
from classroom_app.domain.versions import STEP_AT_START
from classroom_app.papers import SignedPapers
from classroom_app.storage.chain import chained
from classroom_app.storage.engine import key_beside, open_engine
from classroom_app.storage.resuming import resumed
from classroom_app.storage.tables import (
    cursors,
    declarations,
    hand_ins,
    journal,
    personal,
    rows,
    settings,
)
from device_bridge.materials.library import Library

log = logging.getLogger(__name__)
T = TypeVar("T")
WAITING, APPLIED, REFUSED = "waiting", "applied", "refused"
Row = ClassRow | PupilRow | DeviceRow


def as_not_kept(error: DatabaseError) -> NotKept:
    """Name what the database refused by what a person can do."""
    words = str(error.orig).lower()
    if "full" in words:
        return StoreFull()
    if "readonly" in words or "unable to open" in words:
        return StoreReadOnly()
    return StoreBroken(words[:200])


class Keeping:
    """The store. One writer thread; what a call answered is on the disk.

    Raises `NotKept` where the disk or the file does not take it.
    """

    def __init__(self, engine: Engine, *, key_lies_beside: bool, library: Library) -> None:
        self._engine = engine
        self._library = library
        self.key_lies_beside = key_lies_beside
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._settings: dict[str, str] = {}

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction of its own."""

        def within() -> T:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except (OperationalError, DatabaseError) as error:
                raise as_not_kept(error) from error

        return await asyncio.get_running_loop().run_in_executor(self._writer, within)

    async def begin(self) -> None:
        """Read the settings, and take a million version numbers for this start."""

        def work(connection: Connection) -> dict[str, str]:
            found = connection.execute(select(settings.c.name, settings.c.value)).all()
            kept = {str(name): str(value) for name, value in found}
            kept["versions"] = str(int(kept.get("versions", "0")) + STEP_AT_START)
            kept.setdefault("origin", str(uuid4()))
            for name in ("versions", "origin"):
                _set(connection, name, kept[name])
            return kept

        self._settings = await self.write(work)

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.shutdown)
        self._engine.dispose()

    # settings

    def versions_above(self) -> int:
        return int(self._settings["versions"]) - STEP_AT_START

    def language(self) -> str:
        return self._settings.get("language", "")

    def theme(self) -> str:
        return self._settings.get("theme", "light")

    def server(self) -> str:
        return self._settings.get("server", "")

    def choose_language(self, language: str) -> None:
        self._choose("language", language)

    def choose_theme(self, theme: str) -> None:
        self._choose("theme", theme)

    def _choose(self, name: str, value: str) -> None:
        """Note a choice of look; written behind the teacher's back, lost by a crash at worst."""
        self._settings[name] = value
        self._writer.submit(self._choose_now, name, value)

    def _choose_now(self, name: str, value: str) -> None:
        try:
            with self._engine.begin() as connection:
                _set(connection, name, value)
        except DatabaseError as error:
            log.info("choice not kept", extra={"setting": name, "why": type(error).__name__})

    # the signed-in teacher

    async def papers(self) -> SignedPapers | None:
        raw = self._settings.get("papers", "")
        return msgspec.json.decode(raw, type=SignedPapers) if raw else None

    async def keep_papers(self, papers: SignedPapers) -> None:
        self._settings["papers"] = msgspec.json.encode(papers).decode()
        self._settings["server"] = papers.server
        kept = {name: self._settings[name] for name in ("papers", "server")}

        def work(connection: Connection) -> None:
            for name, value in kept.items():
                _set(connection, name, value)

        await self.write(work)

    async def keep_refresh(self, refresh: str) -> None:
        papers = await self.papers()
        if papers is not None and refresh:
            await self.keep_papers(msgspec.structs.replace(papers, refresh=refresh))

    # roster

    async def classes(self) -> tuple[Roster, ...]:
        def work(connection: Connection) -> tuple[Roster, ...]:
            query = select(rows.c.body)
            # A class stands in the scope of its teacher and in its own: once is enough.
            every = [_row(raw) for raw in connection.execute(query).scalars()]
            found = list({(type(row), row.id): row for row in every}.values())
            return tuple(_roster(row, found) for row in found if isinstance(row, ClassRow))

        return await self.write(work)

    async def roster(self, class_id: ClassId) -> Roster | None:
        return next((one for one in await self.classes() if one.id == class_id), None)

    # journal

    async def remember(self, act: Act, declared: Sequence[Declared] = ()) -> bool:
        """Keep an act and its declarations, both or neither. False: it was kept already."""

        def work(connection: Connection) -> bool:
            query = select(journal.c.id).where(journal.c.id == act.id)
            if connection.execute(query).first():
                return False
            newest = select(journal.c.sequence, journal.c.hash).order_by(journal.c.sequence.desc())
            last = connection.execute(newest.limit(1)).first()
            sequence, before = (int(last[0]) + 1, bytes(last[1])) if last else (1, b"")
            entry = chained(act, sequence, before)
            columns = ("sequence", "id", "lesson", "kind", "at", "body", "hash")
            values = {name: getattr(entry, name) for name in columns}
            connection.execute(insert(journal).values(**values, state=WAITING))
            connection.execute(
                insert(personal).values(id=act.id, salt=entry.salt, fields=entry.personal)
            )
            if isinstance(act, HandInKept):
                connection.execute(insert(hand_ins).values(id=act.id, state=WAITING))
            for each in declared:
                _declare(connection, act.lesson, each)
            return True

        return await self.write(work)

    async def acts(self, lesson: LessonId, limit: int) -> Sequence[Kept]:
        return await self.write(lambda connection: _acts(connection, lesson, limit))

    async def under_way(self) -> Resumed | None:
        """Return the lesson that had not ended when the app did."""

        def work(connection: Connection) -> Resumed | None:
            newest = select(journal.c.lesson).order_by(journal.c.sequence.desc()).limit(1)
            lesson = connection.execute(newest).scalar()
            if lesson is None:
                return None
            acts = [kept.act for kept in _acts(connection, LessonId(str(lesson)), 100_000)]
            held = select(declarations).where(declarations.c.lesson == lesson)
            told = tuple(
                Declared(DeviceId(row.device), row.feature, row.version, row.body)
                for row in connection.execute(held)
            )
            return resumed(acts, told)

        return await self.write(work)

    async def journal_ids(self) -> list[str]:
        query = select(journal.c.id).order_by(journal.c.sequence)
        return await self.write(lambda c: [str(one) for one in c.execute(query).scalars()])

    # the sync's side (cloud.ports.SyncStore)

    async def cursor(self, scope: str) -> tuple[str, int]:
        def work(connection: Connection) -> tuple[str, int]:
            query = select(cursors.c.epoch, cursors.c.last).where(cursors.c.scope == scope)
            found = connection.execute(query).first()
            return (str(found[0]), int(found[1])) if found else ("", 0)

        return await self.write(work)

    async def apply(
        self,
        scope: str,
        epoch: str,
        changes: tuple[Change, ...],
        last: int,
        count: int,
        checksum: str,
    ) -> bool:
        def work(connection: Connection) -> bool:
            known = select(cursors.c.epoch).where(cursors.c.scope == scope)
            if connection.execute(known).scalar() != epoch:
                connection.execute(delete(rows).where(rows.c.scope == scope))
            for change in changes:
                _apply(connection, scope, change)
            if checksum and not _adds_up(connection, scope, count, checksum):
                connection.execute(delete(rows).where(rows.c.scope == scope))
                connection.execute(delete(cursors).where(cursors.c.scope == scope))
                return False
            made = upsert(cursors).values(scope=scope, epoch=epoch, last=last)
            newer = {"epoch": epoch, "last": last}
            connection.execute(made.on_conflict_do_update(index_elements=["scope"], set_=newer))
            return True

        return await self.write(work)

    async def keep_scopes(self, scopes: tuple[str, ...]) -> None:
        def work(connection: Connection) -> None:
            for table in (rows, cursors):
                connection.execute(delete(table).where(table.c.scope.not_in(scopes)))

        await self.write(work)

    async def waiting_events(self, limit: int) -> tuple[Event, ...]:
        origin = self._settings["origin"]

        def work(connection: Connection) -> tuple[Event, ...]:
            query = (
                select(journal, personal.c.fields)
                .join(personal, personal.c.id == journal.c.id)
                .where(journal.c.state == WAITING)
                .order_by(journal.c.sequence)
                .limit(limit)
            )
            return tuple(_event(row, origin) for row in connection.execute(query))

        return await self.write(work)

    async def waiting_count(self) -> int:
        return await self._count(WAITING)

    async def refused_count(self) -> int:
        return await self._count(REFUSED)

    async def _count(self, state: str) -> int:
        def work(connection: Connection) -> int:
            tables = (journal, hand_ins)
            counts = [select(func.count()).where(table.c.state == state) for table in tables]
            return sum(int(connection.execute(count).scalar() or 0) for count in counts)

        return await self.write(work)

    async def settled(self, outcomes: tuple[Outcome, ...]) -> None:
        def work(connection: Connection) -> None:
            for outcome in outcomes:
                done = update(journal).where(journal.c.id == outcome.id)
                connection.execute(done.values(state=outcome.state, reason=outcome.reason))

        await self.write(work)

    async def waiting_files(self, limit: int) -> tuple[FileOffered, ...]:
        def work(connection: Connection) -> list[HandInKept]:
            query = (
                select(journal.c.body, personal.c.fields)
                .join(hand_ins, hand_ins.c.id == journal.c.id)
                .join(personal, personal.c.id == journal.c.id)
                .where(hand_ins.c.state == WAITING)
                .order_by(journal.c.sequence)
                .limit(limit)
            )
            acts = [_act(row.body, row.fields) for row in connection.execute(query)]
            return [act for act in acts if isinstance(act, HandInKept)]

        acts = await self.write(work)
        return await asyncio.to_thread(lambda: tuple(self._offered(act) for act in acts))

    def _offered(self, act: HandInKept) -> FileOffered:
        reading = self._library.open(bytes.fromhex(act.document))
        reading.close()
        return FileOffered(act.id, act.lesson, act.class_id, act.pupil, act.name, reading.raw)

    async def chunk(self, digest: bytes) -> bytes | None:
        files = await self.waiting_files(1000)
        return await asyncio.to_thread(self._chunk, digest, files)

    def _chunk(self, digest: bytes, files: tuple[FileOffered, ...]) -> bytes | None:
        for offered in files:
            reading = self._library.open(blake3(offered.manifest).digest())
            try:
                place = reading.places.get(digest)
                if place is not None:
                    return b"".join(reading.read(place, 0, place.size, 1))
            finally:
                reading.close()
        return None

    async def file_settled(self, file: str, answer: FileAnswer) -> None:
        state = APPLIED if answer.state == "kept" else REFUSED
        await self.write(
            lambda c: c.execute(update(hand_ins).where(hand_ins.c.id == file).values(state=state))
        )


def _set(connection: Connection, name: str, value: str) -> None:
    made = upsert(settings).values(name=name, value=value)
    connection.execute(made.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def _declare(connection: Connection, lesson: str, told: Declared) -> None:
    made = upsert(declarations).values(
        device=told.device,
        feature=told.feature,
        lesson=lesson,
        version=told.version,
        body=told.body,
    )
    newest = made.on_conflict_do_update(
        index_elements=["device", "feature"],
        set_={
            "version": made.excluded.version,
            "body": made.excluded.body,
            "lesson": made.excluded.lesson,
        },
        where=declarations.c.version < made.excluded.version,
    )
    connection.execute(newest)


def _act(body: bytes, fields: bytes) -> AnyAct:
    return msgspec.convert({**json.loads(body), **json.loads(fields)}, AnyAct)  # pyright: ignore[reportArgumentType]


def _acts(connection: Connection, lesson: LessonId, limit: int) -> list[Kept]:
    query = (
        select(journal.c.sequence, journal.c.body, journal.c.state, personal.c.fields)
        .join(personal, personal.c.id == journal.c.id)
        .where(journal.c.lesson == lesson)
        .order_by(journal.c.sequence.desc())
        .limit(limit)
    )
    kept = [
        Kept(row.sequence, _act(row.body, row.fields), row.state)
        for row in connection.execute(query)
    ]
    return kept[::-1]


def _event(row: Any, origin: str) -> Event:  # noqa: ANN401 - a result row has no type
    body = {**json.loads(row.body), **json.loads(row.fields)}
    return Event(
        row.id,
        origin,
        row.sequence,
        row.lesson,
        row.kind,
        row.at,
        row.hash.hex(),
        msgspec.Raw(msgspec.json.encode(body)),
    )


def _row(raw: bytes) -> Row:
    return msgspec.json.decode(raw, type=Row)


def _roster(row: ClassRow, found: Sequence[Row]) -> Roster:
    pupils = [one for one in found if isinstance(one, PupilRow) and one.class_id == row.id]
    devices = [one for one in found if isinstance(one, DeviceRow) and one.class_id == row.id]
    return Roster(
        ClassId(row.id),
        row.name,
        row.subject,
        tuple(
            Pupil(PupilId(one.id), one.display, one.given_name, one.family_name, one.seat)
            for one in sorted(pupils, key=lambda one: (one.seat, one.display))
        ),
        tuple(Device(DeviceId(one.id), one.name, one.kind, PupilId(one.pupil)) for one in devices),
    )


def _apply(connection: Connection, scope: str, change: Change) -> None:
    here = (rows.c.scope == scope, rows.c.entity == change.entity, rows.c.id == change.id)
    connection.execute(delete(rows).where(*here))
    if change.row is not None:
        connection.execute(
            insert(rows).values(
                scope=scope,
                entity=change.entity,
                id=change.id,
                sequence=change.sequence,
                body=msgspec.json.encode(change.row),
            )
        )


def _adds_up(connection: Connection, scope: str, count: int, checksum: str) -> bool:
    query = select(rows.c.entity, rows.c.id, rows.c.sequence).where(rows.c.scope == scope)
    marks = [mark_of(row.entity, row.id, row.sequence) for row in connection.execute(query)]
    total = checksum_of(blake3(mark).digest() for mark in marks)
    return len(marks) == count and total == checksum


async def open_keeping(home: Path) -> Keeping:
    """Open the store of this teacher's folder, made where there is none."""
    key = key_beside(home / "store.key")
    engine = await asyncio.to_thread(open_engine, home / "store.db", key)
    keeping = Keeping(engine, key_lies_beside=True, library=Library(home / "library"))
    await keeping.begin()
    return keeping
