"""A device shows that it has its key, and is known by its pass for a day at most."""

from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import PROOF_TYPE, KeyShown, Passed, Proof
from central_mdm.fleet.model import devices
from central_mdm.fleet.standing import Standings
from central_mdm.identity.certificates import thumbprint_of
from central_mdm.identity.renewal import newest_key
from central_mdm.identity.revocation import is_ended
from central_mdm.identity.statements import read
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import NotAllowed, Unproven
from central_mdm.platform.ground import Ground
from central_mdm.platform.passes import (
    MARK_CHARS,
    Pass,
    ends_at,
    is_fresh,
    new_nonce,
    read_pass,
    write_pass,
)


def new_pass(ground: Ground, school: str, device: str, token_hash: str) -> Passed:
    """Give the device that was given this secret last a pass."""
    now = ground.clock()
    held = Pass(device, token_hash[:MARK_CHARS], ends_at(device, now))
    token = write_pass(ground.keys.passes(), school, held)
    return Passed(token, held.ends_at - now, ground.first_seconds)


def by_pass(
    ground: Ground, standings: Standings
) -> Callable[[str, str, int], Awaitable[Caller | None]]:
    """Make a `Bearers` of the passes that these servers gave."""

    async def bearer(school: str, token: str, now: int) -> Caller | None:
        held = read_pass(ground.keys.passes(), school, token, now)
        standing = await standings.ask((school, held.device)) if held else None
        if held is None or standing is None or not standing.token_hash.startswith(held.mark):
            return None
        return Caller(school, "device", held.device, standing)

    return bearer


async def enrolled_by(
    connection: AsyncConnection, school: str, device: str, key: Ed25519PublicKey
) -> str:
    """Return the hash of the secret given last to the device whose newest certified key this is.

    Raises NotAllowed for any other key, one that was ended, and a device that is not enrolled.
    """
    newest, _ = await newest_key(connection, school, "device", device)
    thumbprint = thumbprint_of(key)
    if newest != thumbprint or await is_ended(connection, school, thumbprint):
        raise NotAllowed("another-key")
    mine = (devices.c.school == school, devices.c.id == device)
    token_hash = (await connection.execute(select(devices.c.token_hash).where(*mine))).scalar()
    if token_hash is None:
        raise NotAllowed("not-enrolled")
    return token_hash


async def prove(ground: Ground, shown: Proof) -> Passed:
    """Give a pass to whoever signed a nonce of ours by the key that is certified for the device.

    Raises Unproven, with a new nonce, for one that is too old, NotAllowed for any other fault.
    """
    now, school = ground.clock(), shown.school
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(shown.key))
    said = read(shown.proof, PROOF_TYPE, KeyShown, key)
    if said is None or said.school != school:
        raise NotAllowed("forged")
    if not is_fresh(ground.keys.passes(), said.nonce, now):
        raise Unproven(new_nonce(ground.keys.passes(), now))
    async with ground.database.reading(school) as connection:
        token_hash = await enrolled_by(connection, school, said.device, key)
    ground.limits.holder(school, "device", said.device)
    return new_pass(ground, school, said.device, token_hash)
