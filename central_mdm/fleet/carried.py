"""Devices that meet only teachers: what they tell is taken, what is wanted of them is given along.

A bundle is believed by the device's own signature, whoever brings it; the highest counter holds.
`Urgent` is not given: nobody but the device's own connection brings what locks or erases it.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import DecodeError, Struct, json
from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.carried import (
    ARRIVED_TYPE,
    BROUGHT_MAX,
    SEALED_BYTES_MAX,
    SEALING_TYPE,
    TOLD_TYPE,
    Answered,
    Arrived,
    Bundle,
    Carried,
    Carry,
    Held,
    Sealing,
    Signed,
    Told,
    WantedSealed,
    down_info,
    up_info,
)
from central_mdm.contract.names import Party
from central_mdm.contract.wanted import STATEMENT_MAX, WANTED_TYPE, Reports
from central_mdm.fleet.enrolment import keep_inventory, signed_assignment
from central_mdm.fleet.groups import raise_wanted
from central_mdm.fleet.model import devices
from central_mdm.fleet.proving import enrolled_by
from central_mdm.fleet.wanted import keep_carried, look_anew, wanted_of
from central_mdm.fleet.wanted_model import carried
from central_mdm.identity.certificates import ends_at_of, key_of_request
from central_mdm.identity.renewal import renew_once, renewed_last
from central_mdm.identity.sealing import seal, sealing_key, unseal
from central_mdm.identity.statements import read, sign
from central_mdm.journal.heads import newest_count, take
from central_mdm.platform.authentication import Caller
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import NotAllowed, Refusal
from central_mdm.platform.ground import Ground
from central_mdm.roster.model import placements
from central_mdm.roster.reading import classes_now

log = logging.getLogger(__name__)
_signed: Final = json.Decoder(Signed)


class Newest(Struct, frozen=True):
    """The newest bundle of a device that is held."""

    counter: int
    digest: str
    head_count: int


async def carry(ground: Ground, caller: Caller, asked: Carry) -> Carried:
    """Take each bundle for itself; give what is newer for devices of this teacher's classes.

    And for those whose bundle was just brought: this teacher has met them.
    """
    school, now = caller.school, ground.clock()
    key = ground.keys.key(school)
    answers = [await _answered(ground, caller, bundle) for bundle in asked.bundles]
    met = {answer.device for answer in answers if answer.arrived}
    public = sealing_key(key).public_key().public_bytes_raw().hex()
    sealing = sign(key, SEALING_TYPE, Sealing(school, public, now))
    async with ground.database.reading(school) as connection:
        mine = met | await _devices_of(connection, caller, now)
        asks = [one for one in asked.held if one.device in mine]
        return Carried(sealing, tuple(answers), await _newer(connection, ground, school, asks))


async def _answered(ground: Ground, caller: Caller, bundle: Bundle) -> Answered:
    try:
        newest = await _take(ground, caller, bundle)
    except Refusal as error:
        return Answered(bundle.device, refused=error.code)
    school, now = caller.school, ground.clock()
    facts = (newest.counter, newest.digest, now, newest.head_count)
    held = Arrived(bundle.device, school, *facts)
    return Answered(bundle.device, sign(ground.keys.key(school), ARRIVED_TYPE, held))


async def _take(ground: Ground, caller: Caller, bundle: Bundle) -> Newest:
    """Keep what is newer than what is held; return what is held then. Raises NotAllowed."""
    school, now = caller.school, ground.clock()
    signed, key = _opened(ground, school, bundle)
    told = read(signed.told, TOLD_TYPE, Told, key)
    if told is None or (told.school, told.device) != (school, bundle.device):
        raise NotAllowed("forged")
    async with ground.database.writing(school) as connection:
        await enrolled_by(connection, school, told.device, key)
        if await _is_newest(connection, told, signed, caller.id, now):
            found = told.inventory_hash, told.inventory, now
            await keep_inventory(connection, school, told.device, *found)
            await keep_carried(connection, school, told.device, told.reports, told.issued_at, now)
            rest = told.reports != Reports()
            held = told.wanted
            version = await look_anew(connection, school, told.device, held, now, owes=rest)
            if told.csr and await _renewed(connection, ground, told) and told.wanted == version:
                await raise_wanted(connection, school, [told.device], now)
            # As the device itself would bring them: no alarm is its carrier's to silence.
            await take(connection, Caller(school, "device", told.device), told.heads, now)
        mine = (carried.c.school == school, carried.c.device == told.device)
        held = select(carried.c.counter, carried.c.digest).where(*mine)
        row = (await connection.execute(held)).one()
        count = await newest_count(connection, school, told.device)
        return Newest(row.counter, row.digest, count)


async def _renewed(connection: AsyncConnection, ground: Ground, told: Told) -> bool:
    """Renew its certificate; say whether it lacks the new one. Where that may not be, all else is.

    A device whose clock is ahead asks for ever, and has it.
    """
    party = Party(told.school, "device", told.device)
    try:
        renewed = await renew_once(connection, ground, party, key_of_request(told.csr))
    except Refusal as error:
        log.info("not renewed", extra={"device": told.device, "why": error.code})
        return False
    return ends_at_of(renewed) > told.certificate_ends_at


def _opened(ground: Ground, school: str, bundle: Bundle) -> tuple[Signed, Ed25519PublicKey]:
    """Open a bundle. Raises NotAllowed: for another school, another device, or altered."""
    own = sealing_key(ground.keys.key(school))
    raw = unseal(bundle.sealed, own, up_info(school, bundle.device))
    try:
        signed = _signed.decode(raw or b"")
        return signed, Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.key))
    except (DecodeError, ValueError, RecursionError):
        raise NotAllowed("forged") from None


async def _is_newest(
    connection: AsyncConnection, told: Told, signed: Signed, carried_by: str, now: int
) -> bool:
    """Note it as the newest, in one statement: two apps may bring the same at once."""
    digest = hashlib.sha256(signed.told.encode()).hexdigest()
    facts = {"counter": told.counter, "digest": digest, "box": told.box}
    facts |= {"carried_by": carried_by, "arrived_at": now}
    kept = upsert(connection, carried).values(school=told.school, device=told.device, **facts)
    kept = kept.on_conflict_do_update(
        index_elements=["school", "device"], set_=facts, where=carried.c.counter < told.counter
    )
    return bool((await connection.execute(kept)).rowcount)


async def _devices_of(connection: AsyncConnection, caller: Caller, now: int) -> set[str]:
    classes, _ = await classes_now(connection, caller.school, caller.id, now)
    wanted = select(placements.c.device).where(
        placements.c.school == caller.school, placements.c.class_id.in_(classes)
    )
    return set((await connection.execute(wanted)).scalars())


async def _newer(
    connection: AsyncConnection, ground: Ground, school: str, asks: Sequence[Held]
) -> tuple[WantedSealed, ...]:
    """Sign and seal what these devices lack; one that has never told its key is left out."""
    held = {one.device: one.version for one in asks}
    told = (carried.c.school == devices.c.school) & (carried.c.device == devices.c.id)
    wanted = select(devices.c.id, devices.c.wanted_version, carried.c.box).join(carried, told)
    wanted = wanted.where(devices.c.school == school, devices.c.id.in_(held))
    rows = await connection.execute(wanted.order_by(devices.c.id))
    lacking = {row.id: row.box for row in rows if row.wanted_version > held[row.id]}
    found: list[WantedSealed] = []
    for device, box in list(lacking.items())[:BROUGHT_MAX]:
        newest = await wanted_of(connection, school, device, ground.clock())
        renewed = await renewed_last(connection, Party(school, "device", device), ground.clock())
        assigned = await signed_assignment(connection, ground, school, device)
        certificate = renewed.body.decode() if renewed else ""
        if len(assigned) > STATEMENT_MAX:  # a device of so many classes has to come by itself
            log.error("assignment too large to be carried", extra={"device": device})
            assigned = ""
        newest = replace(newest, certificate=certificate, assignment=assigned)
        raw = sign(ground.keys.key(school), WANTED_TYPE, newest).encode()
        sealed = seal(raw, box, down_info(school, device))
        if sealed is None:
            continue
        if len(sealed) > SEALED_BYTES_MAX:  # what is declared and ordered is bounded: a bug
            log.error("too large to be carried", extra={"device": device, "bytes": len(sealed)})
            continue
        found.append(WantedSealed(device, newest.version, sealed))
    return tuple(found)
