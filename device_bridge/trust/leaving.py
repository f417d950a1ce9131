"""The school's release of a device and the device's receipt, written and read with no server."""

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from central_mdm.contract.leaving import (
    RECEIPT_TYPE,
    RELEASE_TYPE,
    Receipt,
    Release,
    SignedReceipt,
)
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.grants import read_statement, sign
from device_bridge.trust.identity import Identity, School, thumbprint

PAIRED: Final = "d-"
"""Before the beginning of its key's thumbprint: the id of a device that an app has paired."""
# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_signed: Final = msgspec.json.Decoder(SignedReceipt)


def read_release(token: str, school: School, device: str, identity: Identity) -> Release:
    """Read that the school lets this very device go. Raises NotAllowed("release", why)."""
    release = read_statement(token, "release", (Release, RELEASE_TYPE), school.key)
    if (release.school, release.device) != (school.id, device):
        raise NotAllowed("release", "another-device")
    if not thumbprint(identity.key.public_key()).startswith(release.thumbprint):
        raise NotAllowed("release", "another-key")
    return release


def sign_receipt(release: Release, identity: Identity, now: float) -> SignedReceipt:
    """Sign that the device has left at `now` (UTC seconds)."""
    left_at = max(release.issued_at, int(now))
    key = thumbprint(identity.key.public_key())
    said = Receipt(release.school, release.device, key, left_at)
    certificate = identity.certificate.public_bytes(Encoding.DER)
    return SignedReceipt(sign(said, RECEIPT_TYPE, identity.key), certificate)


def sign_release(school: str, device: str, key: Ed25519PrivateKey, now: int) -> str:
    """Let a device go as the authority of its school, whose devices have ids of their keys."""
    return sign(Release(school, device, device.removeprefix(PAIRED), now), RELEASE_TYPE, key)


def read_receipt(raw: bytes, school: School) -> Receipt:
    """Read what a device of `school` signed when it left. Raises NotAllowed("receipt", why)."""
    try:
        signed = _signed.decode(raw)
        peer = accept(signed.certificate, school, 0.0, "device")
    except (ValueError, RecursionError, NotPaired) as error:
        raise NotAllowed("receipt", "malformed") from error
    said = read_statement(signed.receipt, "receipt", (Receipt, RECEIPT_TYPE), peer.key)
    if (said.school, said.device, said.thumbprint) != (
        school.id,
        peer.party.id,
        thumbprint(peer.key),
    ):
        raise NotAllowed("receipt", "another-device")
    return said
