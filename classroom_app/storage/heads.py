"""Signed heads: our own newest, devices', and who still owes one; lines of the settings."""

from collections.abc import Collection
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, update

from central_mdm.contract.heads import Alarm, Head, Mark, SignedHead, fault_of
from central_mdm.contract.journal import OF_THE_MOMENT
from classroom_app.storage.outbox import SETTLED
from classroom_app.storage.settings import keep
from classroom_app.storage.store import APPLIED, WAITING, Store
from classroom_app.storage.tables import journal, settings

OWN: Final = "head-own"
DEVICE: Final = "head:"
OWED: Final = "owed-head:"
ALARMS: Final = "journal-alarms"
DEVICES_MAX: Final = 500
"""Of which a head is kept: more than any teacher's classes have."""


class KeptHead(Struct, frozen=True):
    """`told`: the central side has answered it. `refused`: it contradicts an older one, kept here.

    A head that contradicts goes to the central side as well: it is the evidence.
    """

    signed: SignedHead
    head: Head
    told: bool = False
    refused: SignedHead | None = None


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_head: Final = msgspec.json.Decoder(KeptHead)


class KeepsHeads(Store):
    @property
    def origin(self) -> str:
        """The id of this journal, as its events bear it."""
        return self.chosen["origin"]

    async def own_marks(self) -> tuple[Mark, Mark]:
        """Return the newest mark, and what stands now where our last signed head ended."""

        def work(connection: Connection) -> tuple[Mark, Mark]:
            signed = _kept(OWN, connection)
            return _mark(None, connection), _mark(
                signed.head.newest.count if signed else 0, connection
            )

        return await self.write(work)

    async def keep_own(self, signed: SignedHead, head: Head, owing: Collection[str]) -> None:
        """Keep our newest head, and note who owes theirs for its lesson, in one transaction."""
        rows = {OWN: _text(KeptHead(signed, head))}
        rows |= {OWED + device: head.lesson for device in owing}
        await self.write(partial(keep, rows))

    async def own_head(self) -> KeptHead | None:
        return await self.write(partial(_kept, OWN))

    async def head_of(self, device: str) -> KeptHead | None:
        return await self.write(partial(_kept, DEVICE + device))

    async def owed_by(self, device: str) -> str:
        """Return the lesson of which a device has yet to give account, or ""."""
        query = select(settings.c.value).where(settings.c.name == OWED + device)
        return str(await self.write(lambda c: c.execute(query).scalar()) or "")

    async def keep_head(self, signed: SignedHead, head: Head) -> str:
        """Keep a device's head where it goes on from the one held; return what is wrong, or ""."""
        return await self.write(partial(_take, signed, head))

    async def waiting_heads(self, limit: int) -> tuple[SignedHead, ...]:
        """Return what the central side has not answered yet."""

        def work(connection: Connection) -> tuple[SignedHead, ...]:
            rows = [row for _, row in _all(connection) if not row.told]
            told = [one for row in rows for one in (row.refused, row.signed) if one is not None]
            return tuple(told[:limit])

        return await self.write(work)

    async def heads_told(self, heads: Collection[SignedHead]) -> None:
        tokens = {one.head for one in heads}

        def work(connection: Connection) -> None:
            rows = {name: row for name, row in _all(connection) if not row.told}
            told = {n: replace(r, told=True) for n, r in rows.items() if r.signed.head in tokens}
            if told:
                keep({name: _text(row) for name, row in told.items()}, connection)

        await self.write(work)

    async def alarmed(self, alarms: tuple[Alarm, ...]) -> bool:
        """Keep which alarms the central side tells of; return whether one of them is new."""
        told = {f"{one.journal}/{one.lesson}/{one.code}" for one in alarms}
        before = set(self.chosen.get(ALARMS, "").split())
        if told != before:
            self.chosen[ALARMS] = " ".join(sorted(told))
            await self.write(partial(keep, {ALARMS: self.chosen[ALARMS]}))
        return bool(told - before)

    async def lost(self, held: int) -> int:
        """Return how many acts `unsettle` would send again."""
        return await self.write(partial(_count_lost, held))

    async def unsettle(self, held: int) -> int:
        """Send again the acts that a restored central side has lost, after sequence `held`.

        Return how many. Of the work see `hand_ins.doubt_work`.

        Those too that it had refused for what the school was then: it counts them as missing, and
        may decide otherwise now. What it still has it answers as before.
        """

        def work(connection: Connection) -> int:
            number = _count_lost(held, connection)
            if number:
                # Why an act was refused is asked anew; of one that was kept it is its file's.
                why = case((journal.c.state == APPLIED, journal.c.reason), else_="")
                again = update(journal).where(*_lost(held)).values(state=WAITING, reason=why)
                connection.execute(again)
                keep({SETTLED: str(held)}, connection)
            return number

        return await self.write(work)


def _lost(held: int) -> tuple[ColumnElement[bool], ...]:
    refused = and_(journal.c.state != WAITING, journal.c.reason.in_(OF_THE_MOMENT))
    return journal.c.sequence > held, or_(journal.c.state == APPLIED, refused)


def _count_lost(held: int, connection: Connection) -> int:
    number = select(func.count()).where(*_lost(held))
    return int(connection.execute(number).scalar_one())


def signed_marks(connection: Connection) -> tuple[Mark, ...]:
    """Return what was signed of this journal, for a look at the whole of it."""
    own = _kept(OWN, connection)
    return (own.head.newest,) if own else ()


def _take(signed: SignedHead, head: Head, connection: Connection) -> str:
    name = DEVICE + head.journal
    kept = _kept(name, connection)
    if kept is None and len(_all(connection)) >= DEVICES_MAX:
        return ""
    fault = fault_of(kept.head if kept else None, head)
    if kept and fault:
        row = replace(kept, told=False, refused=signed)
    elif kept and head.newest.count < kept.head.newest.count:
        row = kept  # an old one that came late
    else:
        row = KeptHead(signed, head)
    keep({name: _text(row)}, connection)
    owed = (settings.c.name == OWED + head.journal, settings.c.value == head.lesson)
    connection.execute(delete(settings).where(*owed))
    return fault or ""


def _mark(count: int | None, connection: Connection) -> Mark:
    query = select(journal.c.sequence, journal.c.hash)
    if count is None:
        query = query.order_by(journal.c.sequence.desc()).limit(1)
    else:
        query = query.where(journal.c.sequence == count)
    row = connection.execute(query).first()
    return Mark(int(row[0]), bytes(row[1]).hex()) if row else Mark()


def _kept(name: str, connection: Connection) -> KeptHead | None:
    raw = connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
    return _head.decode(raw) if raw else None


def _all(connection: Connection) -> list[tuple[str, KeptHead]]:
    """Read our own head first, then the devices'."""
    mine = (settings.c.name == OWN) | settings.c.name.startswith(DEVICE)
    query = select(settings.c.name, settings.c.value).where(mine).order_by(settings.c.name)
    found = [(str(n), _head.decode(v)) for n, v in connection.execute(query)]
    return sorted(found, key=lambda row: row[0] != OWN)


def _text(kept: KeptHead) -> str:
    return msgspec.json.encode(kept).decode()
