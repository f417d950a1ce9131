"""Sealing and opening the files that `central_mdm.contract.sealed` describes."""

import secrets

from cryptography.exceptions import InternalError, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import json

from central_mdm.contract.sealed import (
    COST,
    NONCE_BYTES,
    PASSPHRASE_MIN,
    SALT_BYTES,
    SEALED_BYTES_MAX,
    Kept,
    Kind,
    Sealed,
    about,
)
from central_mdm.platform.errors import Malformed


def seal_standby(school: str, key: Ed25519PrivateKey, passphrase: str) -> bytes:
    """Write the standby's key as the file for the safe. Raises Malformed for a short passphrase."""
    if len(passphrase) < PASSPHRASE_MIN:
        raise Malformed("passphrase", f"A passphrase has {PASSPHRASE_MIN} characters or more.")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    box = ChaCha20Poly1305(key_from(passphrase, salt)).encrypt(nonce, pem, about("standby", school))
    return json.format(json.encode(Sealed("pupitre-sealed-1", "standby", school, salt, nonce, box)))


def open_standby(raw: bytes, passphrase: str) -> tuple[str, Ed25519PrivateKey]:
    """Return whose standby it is, and its key. Raises Malformed."""
    school, pem = _open(raw, "standby", passphrase)
    return school, key_of(pem)


def open_authority(raw: bytes, passphrase: str) -> Kept:
    """Read the backup of a school's authority. Raises Malformed."""
    _, content = _open(raw, "authority", passphrase)
    try:
        return json.decode(content, type=Kept)
    except (ValueError, RecursionError):
        raise Malformed("no-sealed-file", "This is no backup of ours.") from None


def key_of(pem: bytes) -> Ed25519PrivateKey:
    """Read a key from PEM. Raises Malformed."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm, InternalError):
        # The last is what cryptography says of an Ed448 key that is too short.
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Malformed("no-sealed-file", "There is no key in it.")
    return key


def _open(raw: bytes, kind: Kind, passphrase: str) -> tuple[str, bytes]:
    try:
        sealed = json.decode(raw[: 2 * SEALED_BYTES_MAX], type=Sealed)
    except (ValueError, RecursionError):
        raise Malformed("no-sealed-file", "This is no sealed file of ours.") from None
    if sealed.kind != kind:
        raise Malformed("no-sealed-file", f"This is the {sealed.kind}, not the {kind}.")
    try:
        box = ChaCha20Poly1305(key_from(passphrase, sealed.salt))
        return sealed.school, box.decrypt(sealed.nonce, sealed.box, about(kind, sealed.school))
    except InvalidTag:
        raise Malformed("passphrase", "It does not open with this passphrase.") from None


def key_from(passphrase: str, salt: bytes) -> bytes:
    """Make the key of a sealed file, as `contract.sealed` says."""
    return Scrypt(salt=salt, length=32, n=COST, r=8, p=1).derive(passphrase.encode())
