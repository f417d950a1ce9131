"""A device leaves the school: released by a statement, gone for good by its own receipt."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.leaving import (
    RECEIPT_TYPE,
    RELEASE_TYPE,
    Left,
    Receipt,
    Release,
    SignedReceipt,
)
from central_mdm.fleet.model import devices, releases
from central_mdm.identity.certificates import bearer_of, thumbprint_of
from central_mdm.identity.model import revocations
from central_mdm.identity.renewal import newest_key, newest_keys
from central_mdm.identity.rules import one_by_one, school_row
from central_mdm.identity.statements import read, sign
from central_mdm.platform.acting import about
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Missing, NotAllowed, Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import Told, publish
from central_mdm.roster.model import devices as roster_devices
from central_mdm.roster.model import placements
from central_mdm.roster.rules import hold_rows, remove_device


async def release(
    connection: AsyncConnection, ground: Ground, school: str, wanted: Sequence[str]
) -> dict[str, str]:
    """Let devices go: each hears so at its next check-in, or by its statement as a file.

    Who may is for `acts.py` to say. Raises Missing, or Refused for one that has left.
    """
    keys = await keys_of(connection, school, wanted)
    mine = (releases.c.school == school, releases.c.device.in_(wanted))
    await connection.execute(delete(releases).where(*mine, releases.c.receipt == ""))
    gone = await connection.execute(select(releases.c.device, releases.c.thumbprint).where(*mine))
    if left := [row.device for row in gone if keys[row.device] == row.thumbprint]:
        raise Refused("has-left", f"{left[0]} has left the school already.")
    key, now = ground.keys.key(school), ground.clock()
    signed = {
        device: sign(key, RELEASE_TYPE, Release(school, device, keys[device], now))
        for device in wanted
    }
    rows = [
        {"school": school, "device": device, "thumbprint": keys[device], "statement": statement}
        for device, statement in signed.items()
    ]
    await connection.execute(insert(releases), rows)
    return signed


async def keys_of(
    connection: AsyncConnection, school: str, wanted: Sequence[str]
) -> dict[str, str]:
    """Return the newest key's thumbprint of each device. Raises Missing where one has none."""
    keys = await newest_keys(connection, school, "device", wanted)
    if unknown := [device for device in wanted if device not in keys]:
        raise Missing("no-device", f"There is no device {unknown[0]}.")
    return keys


async def take_receipt(ground: Ground, school: str, signed: SignedReceipt) -> Left:
    """Keep what a device signed when it left; its token ends, and no class has it any more.

    Raises NotAllowed for a device that was not released, or another's receipt.
    """
    async with ground.database.writing(school) as connection:
        bearer = bearer_of(signed.certificate, (await school_row(connection, school)).root)
        if bearer is None:
            raise NotAllowed("forged")
        party, key = bearer
        about(party.id)
        said, thumbprint = read(signed.receipt, RECEIPT_TYPE, Receipt, key), thumbprint_of(key)
        if said is None or (said.school, said.device) != (school, party.id):
            raise NotAllowed("forged")
        # First of all: who places it meanwhile has done so, or sees that it has left.
        await hold_rows(connection, school, roster_devices.c.id == said.device)
        kept = await connection.execute(
            update(releases)
            .where(
                releases.c.school == school,
                releases.c.device == said.device,
                releases.c.thumbprint == thumbprint,
            )
            .values(receipt=signed.receipt)
        )
        if said.thumbprint != thumbprint or not kept.rowcount:
            raise NotAllowed("not-released")
        # Enrolled anew meanwhile it is another device by its key, and stays.
        if (await newest_key(connection, school, "device", said.device))[0] == thumbprint:
            mine = (placements.c.school == school, placements.c.device == said.device)
            # Of no use any more, so on no list that goes round: only here it is refused.
            await connection.execute(
                upsert(connection, revocations)
                .values(school=school, thumbprint=thumbprint, ends_at=0)
                .on_conflict_do_nothing()
            )
            found = (await connection.execute(select(placements.c.class_id).where(*mine))).scalars()
            news: list[Told] = []
            for class_id in found.all():
                news += await remove_device(
                    connection, school, class_id, said.device, ground.clock()
                )
            await publish(connection, school, news)
            # Last, as by all who change where devices are: told, the school's row, the device's.
            await one_by_one(connection, school)
            await connection.execute(
                delete(devices).where(devices.c.school == school, devices.c.id == said.device)
            )
    return Left(said.device)
