"""A device shows that it has its key, and is known by its pass for a day at most."""

from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.fleet import PROOF_TYPE, KeyShown, Passed, Proof
from central_mdm.fleet.certified import Certificates, Certified, certified
from central_mdm.fleet.standing import Standings
from central_mdm.identity.certificates import thumbprint_of
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
    return _secret_of(await certified(connection, school, device), key)


def _secret_of(known: Certified | None, key: Ed25519PublicKey) -> str:
    """Say the same of a device that is not here as of one whose key is another."""
    if known is None or not known.is_known_by(thumbprint_of(key)):
        raise NotAllowed("another-key")
    return known.token_hash


async def prove(ground: Ground, certificates: Certificates, shown: Proof) -> Passed:
    """Give a pass to whoever signed a nonce of ours by the key that is certified for the device.

    Raises Unproven, with a new nonce, for one that is too old, NotAllowed for any other fault;
    TooFast, Busy, and what the database raises.
    """
    now, school = ground.clock(), shown.school
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(shown.key))
    said = read(shown.proof, PROOF_TYPE, KeyShown, key)
    if said is None or said.school != school:
        raise NotAllowed("forged")
    if not is_fresh(ground.keys.passes(), said.nonce, now):
        raise Unproven(new_nonce(ground.keys.passes(), now))
    token_hash = _secret_of(await certificates.ask((school, said.device)), key)
    # Not before: whoever names others' devices would use up what those may ask.
    ground.limits.proof(school, said.device)
    return new_pass(ground, school, said.device, token_hash)
