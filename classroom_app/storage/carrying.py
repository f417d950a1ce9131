"""What is carried between devices and the MDM: one of each way a device, a line of the settings."""

from collections.abc import Collection
from functools import partial
from random import sample
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, delete, select

from central_mdm.contract.carried import Answered, Bundle, Carried, Held
from classroom_app.storage.settings import keep
from classroom_app.storage.store import Store
from classroom_app.storage.tables import rows, settings

SEALING: Final = "carry-sealing"
DEVICE: Final = "carry:"
DEVICES_MAX: Final = 500
"""More than any teacher's classes have; a bundle of one more is given to another app."""


class CarriedHere(Struct, frozen=True):
    """`wanted` (of `version`) and `arrived` are for the device, `bundle` is for the MDM."""

    version: int = 0
    wanted: bytes = b""
    arrived: str = ""
    bundle: bytes = b""


NOTHING: Final = CarriedHere()
# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_carried: Final = msgspec.json.Decoder(CarriedHere)


class KeepsCarried(Store):
    async def carried_for(self, device: str) -> tuple[str, CarriedHere]:
        """Return the school's signed key to write to the MDM by, and what a device is to have."""

        def work(connection: Connection) -> tuple[str, CarriedHere]:
            return _sealing(connection), _kept(connection, device)

        return await self.write(work)

    async def keep_bundle(self, device: str, sealed: bytes) -> None:
        """Keep what a device has given, in the place of what it gave before."""

        def work(connection: Connection) -> None:
            kept = _all(connection)
            if device in kept or len(kept) < DEVICES_MAX:
                row = replace(kept.get(device, NOTHING), bundle=sealed)
                keep({DEVICE + device: _text(row)}, connection)

        await self.write(work)

    async def to_carry(
        self, bundles_max: int, held_max: int
    ) -> tuple[tuple[Bundle, ...], tuple[Held, ...]]:
        """Return what was given, and of each device of the roster which version is held for it.

        What is of a device that is in no class any more goes.
        """

        def work(connection: Connection) -> tuple[tuple[Bundle, ...], tuple[Held, ...]]:
            query = select(rows.c.id).where(rows.c.entity == "device").distinct()
            mine = sorted(str(each) for each in connection.execute(query).scalars())
            kept = _all(connection)
            _drop(connection, [each for each in kept if each not in mine])
            given = [Bundle(one, row.bundle) for one, row in kept.items() if row.bundle]
            # Of more than are asked for at once, others each time.
            asked = sample(mine, min(len(mine), held_max))
            held = [Held(one, kept.get(one, NOTHING).version) for one in sorted(asked)]
            return tuple(given[:bundles_max]), tuple(held)

        return await self.write(work)

    async def carried(self, sent: Collection[Bundle], back: Carried) -> None:
        """Keep what the MDM gave; what was sent is kept no more, refused or not."""
        await self.write(partial(_take, {one.device: one.sealed for one in sent}, back))


def _take(sent: dict[str, bytes], back: Carried, connection: Connection) -> None:
    kept = _all(connection)
    changed: dict[str, CarriedHere] = {}
    for answer in back.answers:
        changed[answer.device] = _answered(kept.get(answer.device, NOTHING), answer, sent)
    for told in back.wanted:
        row = changed.get(told.device, kept.get(told.device, NOTHING))
        if told.version > row.version:
            changed[told.device] = replace(row, version=told.version, wanted=told.sealed)
    new = {device: row for device, row in changed.items() if device not in kept}
    room = DEVICES_MAX - len(kept)
    for device in list(new)[max(0, room) :]:
        del changed[device]
    lines = {DEVICE + device: _text(row) for device, row in changed.items()}
    keep(lines | {SEALING: back.sealing}, connection)


def _answered(row: CarriedHere, answer: Answered, sent: dict[str, bytes]) -> CarriedHere:
    if row.bundle == sent.get(answer.device):  # else it has given a newer one meanwhile
        row = replace(row, bundle=b"")
    return replace(row, arrived=answer.arrived) if answer.arrived else row


def _sealing(connection: Connection) -> str:
    query = select(settings.c.value).where(settings.c.name == SEALING)
    return str(connection.execute(query).scalar() or "")


def _kept(connection: Connection, device: str) -> CarriedHere:
    query = select(settings.c.value).where(settings.c.name == DEVICE + device)
    raw = connection.execute(query).scalar()
    return _carried.decode(raw) if raw else NOTHING


def _all(connection: Connection) -> dict[str, CarriedHere]:
    query = select(settings.c.name, settings.c.value).where(settings.c.name.startswith(DEVICE))
    rows_ = connection.execute(query.order_by(settings.c.name))
    return {str(name).removeprefix(DEVICE): _carried.decode(value) for name, value in rows_}


def _drop(connection: Connection, devices: Collection[str]) -> None:
    names = [DEVICE + device for device in devices]
    connection.execute(delete(settings).where(settings.c.name.in_(names)))


def _text(row: CarriedHere) -> str:
    return msgspec.json.encode(row).decode()
