"""The discovery key of a school without a server; the MDM derives the same (a test compares)."""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE: Final = b"pupitre discovery 1"
KEY_BYTES: Final = 32


def discovery_key(issuing: Ed25519PrivateKey) -> str:
    """Return it in hex: derived from the issuing key, so that it need not be kept (decision 11)."""
    secret = issuing.sign(_PURPOSE)
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=_PURPOSE).derive(secret).hex()
