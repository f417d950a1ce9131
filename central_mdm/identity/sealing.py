"""The key by which the school's MDM is written to, and writing to a device, by others' hands."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = b"pupitre sealing 1"
"""No JWS and no certificate begins like this, so no signature of one is ever given for it."""
_SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


def sealing_key(issuing: Ed25519PrivateKey) -> X25519PrivateKey:
    """Derive it from what only the issuing key can say, as `discovery_key`; it ends with it."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return X25519PrivateKey.from_private_bytes(kdf.derive(issuing.sign(_PURPOSE)))


def unseal(sealed: bytes, key: X25519PrivateKey, info: bytes) -> bytes | None:
    """Open what was sealed for us; None for anything else."""
    try:
        return _SUITE.decrypt(sealed, key, info)
    except (InvalidTag, ValueError):
        return None


def seal(raw: bytes, box: str, info: bytes) -> bytes | None:
    """Seal for the one whose key (X25519, hex) `box` is; None for a key of no good."""
    try:
        return _SUITE.encrypt(raw, X25519PublicKey.from_public_bytes(bytes.fromhex(box)), info)
    except ValueError:
        return None
