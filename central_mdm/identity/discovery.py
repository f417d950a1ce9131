"""The school's discovery key: who has it knows the school's devices by their names of the day."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = b"pupitre discovery 1"
"""No JWS and no certificate begins like this, so no signature of one is ever given for it."""


def discovery_key(issuing: Ed25519PrivateKey) -> str:
    """Derive it, in hex, from what only the issuing key can say; a vault can, too.

    Ed25519 signs alike each time (RFC 8032), so nothing more is kept or backed up.
    """
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return kdf.derive(issuing.sign(_PURPOSE)).hex()
