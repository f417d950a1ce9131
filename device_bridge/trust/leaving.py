"""Reading the school's release of a device and signing the device's receipt, with no server."""

from cryptography.hazmat.primitives.serialization import Encoding

from central_mdm.contract.leaving import (
    RECEIPT_TYPE,
    RELEASE_TYPE,
    Receipt,
    Release,
    SignedReceipt,
)
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.grants import read_statement, sign
from device_bridge.trust.identity import Identity, School, thumbprint


def read_release(token: str, school: School, device: str, identity: Identity) -> Release:
    """Read that the school lets this very device go. Raises NotAllowed("release", why)."""
    release = read_statement(token, "release", (Release, RELEASE_TYPE), school.key)
    if (release.school, release.device) != (school.id, device):
        raise NotAllowed("release", "another-device")
    if release.thumbprint != thumbprint(identity.key.public_key()):
        raise NotAllowed("release", "another-key")
    return release


def sign_receipt(release: Release, identity: Identity, now: float) -> SignedReceipt:
    """Sign that the device has left at `now` (UTC seconds)."""
    left_at = max(release.issued_at, int(now))
    said = Receipt(release.school, release.device, release.thumbprint, left_at)
    certificate = identity.certificate.public_bytes(Encoding.DER)
    return SignedReceipt(sign(said, RECEIPT_TYPE, identity.key), certificate)
