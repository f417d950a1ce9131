"""A device leaves the school: released by a statement, gone for good by its own receipt."""

from sqlalchemy import delete, insert, select, update

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
from central_mdm.identity.renewal import newest_key
from central_mdm.identity.rules import school_row
from central_mdm.identity.statements import read, sign
from central_mdm.platform.database import upsert
from central_mdm.platform.errors import Missing, NotAllowed
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import publish
from central_mdm.roster.model import placements
from central_mdm.roster.rules import remove_device


async def release(ground: Ground, school: str, device: str) -> str:
    """Let a device go: it hears so at its next check-in, or by this statement as a file.

    Raises Missing.
    """
    async with ground.database.writing(school) as connection:
        thumbprint, _ = await newest_key(connection, school, "device", device)
        if not thumbprint:
            raise Missing("no-device")
        told = Release(school, device, thumbprint, ground.clock())
        statement = sign(ground.keys.key(school), RELEASE_TYPE, told)
        mine = (releases.c.school == school, releases.c.device == device)
        await connection.execute(delete(releases).where(*mine, releases.c.receipt == ""))
        row = {"school": school, "device": device, "thumbprint": thumbprint}
        await connection.execute(insert(releases).values(row | {"statement": statement}))
    return statement


async def take_receipt(ground: Ground, school: str, signed: SignedReceipt) -> Left:
    """Keep what a device signed when it left; its token ends, and no class has it any more.

    Raises NotAllowed for a device that was not released, or another's receipt.
    """
    async with ground.database.writing(school) as connection:
        bearer = bearer_of(signed.certificate, (await school_row(connection, school)).root)
        if bearer is None:
            raise NotAllowed("forged")
        party, key = bearer
        said, thumbprint = read(signed.receipt, RECEIPT_TYPE, Receipt, key), thumbprint_of(key)
        if said is None or (said.school, said.device) != (school, party.id):
            raise NotAllowed("forged")
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
            await connection.execute(
                delete(devices).where(devices.c.school == school, devices.c.id == said.device)
            )
            mine = (placements.c.school == school, placements.c.device == said.device)
            # Of no use any more, so on no list that goes round: only here it is refused.
            await connection.execute(
                upsert(connection, revocations)
                .values(school=school, thumbprint=thumbprint, ends_at=0)
                .on_conflict_do_nothing()
            )
            found = (await connection.execute(select(placements.c.class_id).where(*mine))).scalars()
            for class_id in found.all():
                news = await remove_device(connection, school, class_id, said.device)
                await publish(connection, school, news)
    return Left(said.device)
