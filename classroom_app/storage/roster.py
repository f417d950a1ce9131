"""The roster as last pulled: rows by scope, read as classes."""

from collections.abc import Sequence
from typing import Final

import msgspec
from blake3 import blake3
from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from central_mdm.contract.checksum import checksum_of, mark_of
from central_mdm.contract.roster import (
    OWN_SCOPE,
    Change,
    ClassRow,
    DeviceRow,
    PupilRow,
    Row,
)
from classroom_app.domain.lesson import ClassId, Device, DeviceId, Pupil, PupilId, Roster
from classroom_app.storage.erasing import note_erased
from classroom_app.storage.store import Store
from classroom_app.storage.tables import cursors, rows
from device_bridge.protocol.plain import plain

NAME_MAX: Final = 64  # the contract's
DOUBTED: Final = "?"
"""Stands for the epoch of a scope whose rows do not add up; no server has it."""
# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_rows: Final[msgspec.json.Decoder[Row]] = msgspec.json.Decoder(Row)


class KeepsRoster(Store):
    async def classes(self) -> tuple[Roster, ...]:
        return await self.write(classes)

    async def roster(self, class_id: ClassId) -> Roster | None:
        return next((one for one in await self.classes() if one.id == class_id), None)

    async def cursor(self, scope: str) -> tuple[str, str]:
        epoch, cursor = await self.write(lambda connection: cursor_of(connection, scope))
        return ("", "") if epoch == DOUBTED else (epoch, cursor)

    async def last_number(self, scope: str) -> int:
        """Return the highest number of the scope's rows; 0 where it has none."""
        query = select(func.max(rows.c.sequence)).where(rows.c.scope == scope)
        return await self.write(lambda connection: connection.execute(query).scalar() or 0)

    async def apply(
        self,
        scope: str,
        epoch: str,
        changes: tuple[Change, ...],
        cursor: str,
        count: int,
        checksum: str,
    ) -> bool:
        def work(connection: Connection) -> bool:
            known, _ = cursor_of(connection, scope)
            if known and known != epoch:  # none is known of rows that a repair has found
                _drop(connection, scope)
            for change in changes:
                _change(connection, scope, change)
            if scope.startswith(OWN_SCOPE):
                gone = {one.id for one in changes if one.entity == "pupil" and one.row is None}
                note_erased(gone, connection)
            if checksum and not _adds_up(connection, scope, count, checksum):
                # The class stays for the lesson: only what is told in its place takes it away.
                _move(connection, scope, DOUBTED, "")
                return False
            _move(connection, scope, epoch, cursor)
            return True

        whole = await self.write(work)
        self.roster_changed()
        return whole

    async def keep_scopes(self, scopes: tuple[str, ...]) -> None:
        def work(connection: Connection) -> int:
            gone = [delete(table).where(table.c.scope.not_in(scopes)) for table in (rows, cursors)]
            return max(connection.execute(one).rowcount for one in gone)

        if await self.write(work):
            self.roster_changed()


def cursor_of(connection: Connection, scope: str) -> tuple[str, str]:
    query = select(cursors.c.epoch, cursors.c.cursor).where(cursors.c.scope == scope)
    found = connection.execute(query).first()
    return (str(found[0]), str(found[1])) if found else ("", "")


def classes(connection: Connection) -> tuple[Roster, ...]:
    query = select(rows.c.body).order_by(rows.c.sequence)
    # A class stands in the scope of its teacher and in its own: once is enough.
    every = [_row(raw) for raw in connection.execute(query).scalars()]
    found = list({(type(row), row.id): row for row in every}.values())
    rosters = [_roster(row, found) for row in found if isinstance(row, ClassRow)]
    # Each scope counts for itself: between two, numbers say nothing that a teacher could follow.
    return tuple(sorted(rosters, key=lambda one: (one.name.casefold(), one.id)))


def _row(raw: bytes) -> Row:
    return _rows.decode(raw)


def _roster(row: ClassRow, found: Sequence[Row]) -> Roster:
    pupils = [one for one in found if isinstance(one, PupilRow) and one.class_id == row.id]
    devices = [one for one in found if isinstance(one, DeviceRow) and one.class_id == row.id]
    return Roster(
        ClassId(row.id),
        plain(row.name, NAME_MAX) or row.id,
        row.subject,
        tuple(
            Pupil(PupilId(one.id), _named(one), one.given_name, one.family_name, one.seat)
            for one in sorted(pupils, key=lambda one: (one.seat, one.display))
        ),
        tuple(Device(DeviceId(one.id), one.name, one.kind, PupilId(one.pupil)) for one in devices),
    )


def _named(row: PupilRow) -> str:
    """One line for a tile, of whatever a school's import brought; never empty."""
    return plain(row.display, NAME_MAX) or row.id


def _drop(connection: Connection, scope: str) -> None:
    for table in (rows, cursors):
        connection.execute(delete(table).where(table.c.scope == scope))


def _change(connection: Connection, scope: str, change: Change) -> None:
    here = (rows.c.scope == scope, rows.c.entity == change.entity, rows.c.id == change.id)
    connection.execute(delete(rows).where(*here))
    if change.row is not None:
        named = {"scope": scope, "entity": change.entity, "id": change.id}
        body = msgspec.json.encode(change.row)
        connection.execute(insert(rows).values(**named, sequence=change.sequence, body=body))


def _adds_up(connection: Connection, scope: str, count: int, checksum: str) -> bool:
    query = select(rows.c.entity, rows.c.id, rows.c.sequence).where(rows.c.scope == scope)
    marks = [mark_of(row.entity, row.id, row.sequence) for row in connection.execute(query)]
    total = checksum_of(blake3(mark).digest() for mark in marks)
    return len(marks) == count and total == checksum


def _move(connection: Connection, scope: str, epoch: str, cursor: str) -> None:
    made = upsert(cursors).values(scope=scope, epoch=epoch, cursor=cursor)
    newer = {"epoch": epoch, "cursor": cursor}
    connection.execute(made.on_conflict_do_update(index_elements=["scope"], set_=newer))
