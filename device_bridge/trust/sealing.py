"""Writing to the school's MDM by others' hands, and reading what it has written to this device."""

import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from central_mdm.contract.carried import (
    ARRIVED_TYPE,
    SEALING_TYPE,
    TOLD_TYPE,
    Arrived,
    Sealing,
    Signed,
    Told,
    down_info,
    up_info,
)
from device_bridge.protocol.errors import NotAllowed
from device_bridge.trust.grants import read_statement, sign
from device_bridge.trust.identity import School

_VERB: Final = "carried"
_PURPOSE: Final = b"pupitre box 1"
"""No JWS and no certificate begins like this, so no signature of one is ever given for it."""
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
# Read now: msgspec 0.22 crashes where two threads are the first to read a struct.
for _kind in (Arrived, Sealing):
    msgspec.json.Decoder(_kind)


def read_sealing(token: str, school: School) -> Sealing:
    """Read by which key the MDM is written to, and when. Raises NotAllowed("carried", why)."""
    told = read_statement(token, _VERB, (Sealing, SEALING_TYPE), school.key)
    if told.school != school.id:
        raise NotAllowed(_VERB, "another-school")
    return told


def read_arrived(token: str, school: School, device: str) -> Arrived:
    """Read what the MDM holds of what `device` has told. Raises NotAllowed("carried", why)."""
    told = read_statement(token, _VERB, (Arrived, ARRIVED_TYPE), school.key)
    if (told.school, told.device) != (school.id, device):
        raise NotAllowed(_VERB, "another-device")
    return told


def box_key(own: Ed25519PrivateKey) -> X25519PrivateKey:
    """Derive the key by which this device is written to from its own, which nobody else has."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return X25519PrivateKey.from_private_bytes(kdf.derive(own.sign(_PURPOSE)))


def seal_told(told: Told, own: Ed25519PrivateKey, sealing: str) -> tuple[bytes, str]:
    """Sign it, and seal it for the MDM; return it with its digest. Raises NotAllowed."""
    token = sign(told, TOLD_TYPE, own)
    raw = msgspec.json.encode(Signed(own.public_key().public_bytes_raw().hex(), token))
    try:
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(sealing))
        sealed = _SUITE.encrypt(raw, key, up_info(told.school, told.device))
    except ValueError as error:
        raise NotAllowed(_VERB, "no-key") from error
    return sealed, hashlib.sha256(token.encode()).hexdigest()


def unseal_wanted(sealed: bytes, own: Ed25519PrivateKey, school: School, device: str) -> str:
    """Open a signed `Wanted`. Raises NotAllowed: another device's, or altered."""
    try:
        return _SUITE.decrypt(sealed, box_key(own), down_info(school.id, device)).decode("ascii")
    except (InvalidTag, ValueError) as error:
        raise NotAllowed(_VERB, "sealed") from error
