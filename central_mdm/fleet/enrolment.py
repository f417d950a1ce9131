"""Codes to enrol by, and what a device gets for one."""

from collections.abc import Collection
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import Enrol, Enrolled, Inventory
from central_mdm.contract.grants import ASSIGNMENT_TYPE, Assignment
from central_mdm.contract.names import Party
from central_mdm.contract.roster import DeviceRow
from central_mdm.fleet.groups import raise_wanted
from central_mdm.fleet.house_rules import read_house_rules
from central_mdm.fleet.model import codes, devices, doors, inventories
from central_mdm.fleet.proving import new_pass
from central_mdm.fleet.urgent import end_of_before
from central_mdm.fleet.wanted_model import carried
from central_mdm.identity.certificates import Issued, key_of_request, thumbprint_of
from central_mdm.identity.discovery import discovery_key
from central_mdm.identity.model import certificates
from central_mdm.identity.renewal import newest_key
from central_mdm.identity.revocation import is_ended
from central_mdm.identity.rules import register, school_row
from central_mdm.identity.statements import sign
from central_mdm.platform.ahead import AHEAD_SECONDS
from central_mdm.platform.authentication import hash_of
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import NotAllowed
from central_mdm.platform.ground import Ground
from central_mdm.platform.pace import next_check_in
from central_mdm.roster.feed import publish
from central_mdm.roster.model import classes, placements
from central_mdm.roster.model import devices as roster_devices
from central_mdm.roster.rules import put_device

CODE_SECONDS: Final = 24 * 3600


class Code(msgspec.Struct, frozen=True):
    """`device` empty: a class code, good for any device; else for that one known device."""

    class_id: str
    ends_at: int
    uses: int = 1
    device: str = ""


def _folded(code: str) -> str:
    """People type codes: case, spaces and dashes do not count."""
    return "".join(code.split()).replace("-", "").upper()


async def make_code(
    connection: AsyncConnection, school: str, code: str, made: Code, now: int
) -> None:
    """Let devices enrol by `code`; only its hash is kept."""
    key = hash_of(_folded(code))
    await connection.execute(upsert(connection, doors).values(code_hash=key, school=school))
    row = {"school": school, "code_hash": key, "class_id": made.class_id, "device": made.device}
    row_rest = {"ends_at": made.ends_at, "uses_left": made.uses, "made_at": now}
    await connection.execute(upsert(connection, codes).values(row | row_rest))


async def revoke_code(connection: AsyncConnection, school: str, code: str) -> bool:
    """End a code before its time; False where there is none."""
    mine = (codes.c.school == school, codes.c.code_hash == hash_of(_folded(code)))
    done = await connection.execute(update(codes).where(*mine).values(revoked=True))
    return bool(done.rowcount)


async def enrol(ground: Ground, asked: Enrol) -> Enrolled:
    """Spend one use of a code: certificate, token and assignment, or nothing at all."""
    key = key_of_request(asked.csr)
    code_hash = hash_of(_folded(asked.code))
    ground.limits.shown("code", code_hash)
    async with ground.database.reading("") as connection:
        door = select(doors.c.school).where(doors.c.code_hash == code_hash)
        school = (await connection.execute(door)).scalar()
    if school is None:
        raise NotAllowed("bad-code", "This code is not known, has ended or is used up.")
    ground.limits.stranger(school, "code")
    async with ground.database.writing(school) as connection:
        if await is_ended(connection, school, thumbprint_of(key)):
            raise NotAllowed("ended", "The school has ended this key, or let its device go.")
        device = await _again(connection, school, code_hash, thumbprint_of(key), ground.clock())
        class_id = ""
        if not device:
            class_id, device = await _spend(connection, school, code_hash, ground.clock())
            device = device or await _paired(connection, school, thumbprint_of(key))
        if not device:
            device = f"dev-{ground.new_id()}"
            kind = asked.inventory.kind
            row = DeviceRow(device, class_id, f"{kind} {device[-4:]}"[:64], kind)
            news = await put_device(connection, school, row, ground.clock())
            await publish(connection, school, news)
        issued = await _certified(connection, ground, Party(school, "device", device), key)
        given = hash_of(ground.new_secret())
        await _keep(connection, school, device, given, ground.clock())
        await keep_inventory(connection, school, device, "", asked.inventory, ground.clock())
        about = await school_row(connection, school)
        assignment = await signed_assignment(connection, ground, school, device)
    return Enrolled(
        device=device,
        school=school,
        school_name=about.name,
        certificate=issued.pem,
        root=about.root,
        token=new_pass(ground, school, device, given).token,
        assignment=assignment,
        next_check_in_seconds=next_check_in(device, ground.clock()),
        discovery=discovery_key(ground.keys.key(school)),
        standby=about.standby,
        epoch=about.succession,
        first_seconds=ground.first_seconds,
    )


async def signed_assignment(
    connection: AsyncConnection, ground: Ground, school: str, device: str
) -> str:
    """Sign which classes the device serves now; "" where the roster does not know it."""
    wanted = select(roster_devices.c.assignment_version).where(
        roster_devices.c.school == school, roster_devices.c.id == device
    )
    version = (await connection.execute(wanted)).scalar()
    if version is None:
        return ""
    found = await _places(connection, school, device)
    rules = await read_house_rules(connection, school)
    statement = Assignment(
        device,
        school,
        version,
        tuple(sorted(found)),
        ground.clock(),
        networks=rules.networks,
        gateways=rules.gateways,
        private_seconds=rules.private_seconds,
        close_seconds=rules.close_seconds,
    )
    return sign(ground.keys.key(school), ASSIGNMENT_TYPE, statement)


async def keep_inventory(
    connection: AsyncConnection,
    school: str,
    device: str,
    inventory_hash: str,
    inventory: Inventory,
    now: int,
) -> None:
    facts = {"hash": inventory_hash, "body": msgspec.json.encode(inventory), "kept_at": now}
    row = {"school": school, "device": device, **facts}
    await connection.execute(
        upsert(connection, inventories)
        .values(row)
        .on_conflict_do_update(index_elements=["school", "device"], set_=facts)
    )
    await connection.execute(
        update(devices)
        .where(devices.c.school == school, devices.c.id == device)
        .values(inventory_hash=inventory_hash)
    )


def _standing(school: str, code_hash: str, now: int) -> tuple[ColumnElement[bool], ...]:
    return (
        codes.c.school == school,
        codes.c.code_hash == code_hash,
        codes.c.ends_at > now,
        # One that was made by a clock ahead is not yet.
        codes.c.made_at <= now + AHEAD_SECONDS,
        codes.c.revoked.is_(False),
    )


async def _again(
    connection: AsyncConnection, school: str, code_hash: str, thumbprint: str, now: int
) -> str:
    """Return the device this key enrolled as before: an answer was lost, no use is spent.

    Raises NotAllowed where the code is for another device, or for a class that this one is not in.
    """
    known = (certificates.c.role == "device", certificates.c.thumbprint == thumbprint)
    wanted = (
        select(certificates.c.party, codes.c.class_id, codes.c.device)
        .join(codes, codes.c.school == certificates.c.school)
        .where(*known, *_standing(school, code_hash, now))
    )
    row = (await connection.execute(wanted.limit(1))).first()
    if row is None:
        return ""
    held = await _places(connection, school, row.party)
    # A device that was paired keeps the class it had, by whatever class code it enrols.
    paired = row.party == _paired_id(thumbprint)
    if row.device == row.party or (not row.device and (paired or row.class_id in held)):
        return row.party
    names = await _names(connection, school, {*held, row.class_id})
    mine = ", ".join(sorted(names.get(one, one) for one in held)) or "none"
    other = f"device {row.device}" if row.device else names.get(row.class_id, row.class_id)
    raise NotAllowed(
        "other-place",
        f"This device is {row.party} (class: {mine}), and the code is for {other}. Nothing was "
        "changed. An administrator gives it another class: "
        f"pupitre-mdm admin place --device {row.party} --from … --to ….",
    )


async def _places(connection: AsyncConnection, school: str, device: str) -> frozenset[str]:
    """Return the ids of the classes that a device serves."""
    mine = (placements.c.school == school, placements.c.device == device)
    found = await connection.execute(select(placements.c.class_id).where(*mine))
    return frozenset(found.scalars())


async def _names(connection: AsyncConnection, school: str, ids: Collection[str]) -> dict[str, str]:
    """Return what classes are called, by their ids."""
    named = (classes.c.school == school, classes.c.id.in_(ids))
    found = await connection.execute(select(classes.c.id, classes.c.name).where(*named))
    return {row.id: row.name for row in found}


def _paired_id(thumbprint: str) -> str:
    """Return the id that a teacher's app gives to a device whose key has this thumbprint."""
    return f"d-{thumbprint[:24]}"


async def _paired(connection: AsyncConnection, school: str, thumbprint: str) -> str:
    """Return the device that a teacher's app had paired by this key: its id is of the key."""
    mine = (roster_devices.c.school == school, roster_devices.c.id == _paired_id(thumbprint))
    return (await connection.execute(select(roster_devices.c.id).where(*mine))).scalar() or ""


async def _certified(
    connection: AsyncConnection, ground: Ground, party: Party, key: Ed25519PublicKey
) -> Issued:
    """Certify the key of a device; of one that was set up anew the key of before is no more.

    What apps carry is sealed for that one, and only a higher version takes its place.
    """
    before, _ = await newest_key(connection, party.school, party.role, party.id)
    if before not in {"", thumbprint_of(key)}:
        mine = (carried.c.school == party.school, carried.c.device == party.id)
        await connection.execute(delete(carried).where(*mine))
        await raise_wanted(connection, party.school, [party.id], ground.clock())
    return await register(connection, ground, party, key)


async def _spend(
    connection: AsyncConnection, school: str, code_hash: str, now: int
) -> tuple[str, str]:
    """One statement, so that a code for one device is good for one, however many ask at once."""
    spent = await connection.execute(
        update(codes)
        .where(*_standing(school, code_hash, now), codes.c.uses_left > 0)
        .values(uses_left=codes.c.uses_left - 1)
        .returning(codes.c.class_id, codes.c.device)
    )
    row = spent.first()
    if row is None:
        raise NotAllowed("bad-code", "This code is not known, has ended or is used up.")
    await end_of_before(connection, school, row.device)
    return row.class_id, row.device


async def _keep(
    connection: AsyncConnection, school: str, device: str, token_hash: str, now: int
) -> None:
    """Keep the token; that of an earlier enrolment ends. A new device holds version 0 of all."""
    facts = {"token_hash": token_hash, "enrolled_at": now, "inventory_hash": ""}
    await connection.execute(
        upsert(connection, devices)
        .values({"school": school, "id": device, "wanted_version": 1, **facts})
        .on_conflict_do_update(index_elements=["school", "id"], set_=facts)
    )
