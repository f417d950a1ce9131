"""A secret as a file that one passphrase opens; the form is `central_mdm.contract.sealed`'s."""

import secrets

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from central_mdm.contract.sealed import (
    COST,
    NONCE_BYTES,
    PASSPHRASE_MIN,
    SALT_BYTES,
    SEALED_BYTES_MAX,
    Kind,
    Sealed,
    about,
)
from device_bridge.protocol.errors import Broken


class WrongPassphrase(Broken):
    """The file does not open: another passphrase, or somebody changed it."""


def seal_content(kind: Kind, school: str, content: bytes, passphrase: str) -> bytes:
    """Write `content` as one sealed file; takes about 0.2 s.

    Raises WrongPassphrase for one that is too short.
    """
    if len(passphrase) < PASSPHRASE_MIN:
        raise WrongPassphrase("too short")
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    box = ChaCha20Poly1305(_key(passphrase, salt)).encrypt(nonce, content, about(kind, school))
    sealed = Sealed("pupitre-sealed-1", kind, school, salt, nonce, box)
    return msgspec.json.format(msgspec.json.encode(sealed))


def open_content(raw: bytes, kind: Kind, passphrase: str) -> bytes:
    """Read what `seal_content` wrote. Raises WrongPassphrase, or Broken for no such file."""
    try:
        sealed = msgspec.json.decode(raw[: 2 * SEALED_BYTES_MAX], type=Sealed)
    except (ValueError, RecursionError) as error:
        raise Broken("no such file of ours") from error
    if sealed.kind != kind:
        raise Broken("a sealed file of another kind")
    box = ChaCha20Poly1305(_key(passphrase, sealed.salt))
    try:
        return box.decrypt(sealed.nonce, sealed.box, about(kind, sealed.school))
    except InvalidTag as error:
        raise WrongPassphrase("it does not open") from error


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=COST, r=8, p=1).derive(passphrase.encode())
