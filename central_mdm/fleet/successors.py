"""Papers under the school's new root for a device that only teachers' apps meet."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central_mdm.contract.fleet import PapersGiven
from central_mdm.fleet.enrolment import signed_assignment
from central_mdm.identity.renewal import party_of, renew_once
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import NotAllowed
from central_mdm.platform.ground import Ground


async def papers_for(ground: Ground, caller: Caller, key: str) -> PapersGiven:
    """Certify the key that a device has; whoever carries it there can do nothing else with it.

    Under the old root anybody may have shown it, so it counts as far as it is registered here.
    Raises Missing, NotAllowed, Refused or TryAgain.
    """
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    async with ground.database.writing(caller.school) as connection:
        party = await party_of(connection, caller.school, public)
        if party.role != "device":
            raise NotAllowed("no-device")
        certificate = await renew_once(connection, ground, party, public)
        assignment = await signed_assignment(connection, ground, caller.school, party.id)
    return PapersGiven(certificate, assignment)
