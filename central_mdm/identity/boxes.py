"""Secrets that the database keeps and cannot read: sealed by a key that lies with the others."""

import secrets
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from central_mdm.platform.keys import Keys

NONCE_BYTES: Final = 12


def seal(keys: Keys, school: str, about: str, content: bytes) -> bytes:
    """Seal for this school and this use; another row's box does not open in its place."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(keys, school).encrypt(nonce, content, _bound(school, about))


def open_box(keys: Keys, school: str, about: str, box: bytes) -> bytes:
    """Open what `seal` made. Raises InvalidTag for anything else."""
    nonce, sealed = box[:NONCE_BYTES], box[NONCE_BYTES:]
    return _cipher(keys, school).decrypt(nonce.ljust(NONCE_BYTES), sealed, _bound(school, about))


def _cipher(keys: Keys, school: str) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(keys.sealing(school))


def _bound(school: str, about: str) -> bytes:
    return f"{school}\0{about}".encode()
