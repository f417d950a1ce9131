"""What pairing needs of cryptography: a PAKE over the code, TLS that proves keys without names.

An unpaired device knows no school, yet both ends must show a key in TLS, so that the PAKE's
transcript can bind both. Python's `ssl` asks a peer for a certificate only where it knows an
issuer: so there is one that is nobody's. Its key is printed below; whatever it signs says nothing
but "the peer holds this key". No other context of ours knows it.
"""

import base64
import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from central_mdm.contract.names import Party, Role
from device_bridge.protocol.errors import Malformed, NotPaired
from device_bridge.protocol.pairing import Bound, End
from device_bridge.trust.accept import Peer
from device_bridge.trust.identity import (
    UNREADABLE,
    Identity,
    School,
    dialler_context,
    listener_context,
    thumbprint,
)

NOBODY: Final = Ed25519PrivateKey.from_private_bytes(
    hashlib.sha256(b"pupitre: nobody's key, which proves nothing").digest()
)
SECRET_BYTES: Final = 16
SECRET_FORM: Final = "PUPITRE:PAIR:"  # noqa: S105 - what stands before one
"""Upper case: a QR code then holds it in its denser, alphanumeric form (ISO/IEC 18004, 7.4.4)."""
_BEGINS: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""Nobody looks at its time: a tablet that wakes in 1970 pairs as well."""


class Pake:
    """One end of SPAKE2 (the library `spake2`, Ed25519 group). Used once; `share` goes out."""

    def __init__(self, end: End, code: bytes, bound: Bound) -> None:
        # Its tables take 20 ms to make, and hardly any start of an agent or an app pairs.
        from spake2 import SPAKE2_A, SPAKE2_B  # noqa: PLC0415

        side = SPAKE2_A if end == "app" else SPAKE2_B
        self._side = side(code, bound.app.encode(), bound.device.encode())
        self.share = self._side.start()

    def agree(self, theirs: bytes) -> bytes:
        """Make the key; takes about 9 ms. Raises Malformed for a share that is none."""
        try:
            return self._side.finish(theirs)
        except Exception as error:
            # Its own errors have no common base, and `NotOnCurve` is not exported.
            raise Malformed("no share of a PAKE") from error


@dataclass(frozen=True)
class Secret:
    """What a QR code tells a device: 128 bits in the code's place, and whose key to expect."""

    secret: bytes
    app: str

    def text(self) -> str:
        app = base64.b32encode(bytes.fromhex(self.app)).decode().rstrip("=")
        return f"{SECRET_FORM}{base64.b32encode(self.secret).decode().rstrip('=')}:{app}"

    @classmethod
    def read(cls, text: str) -> "Secret":
        """Read what was scanned, typed or pasted. Raises Malformed."""
        told = "".join(text.split()).upper()
        parts = told.removeprefix(SECRET_FORM).split(":")
        if not told.startswith(SECRET_FORM) or len(parts) != 2:  # noqa: PLR2004 - secret, key
            raise Malformed("no pairing secret")
        secret, app = (_bytes(part) for part in parts)
        if len(secret) != SECRET_BYTES or len(app) != hashlib.sha256().digest_size:
            raise Malformed("no pairing secret")
        return cls(secret, app.hex())


def for_pairing(key: Ed25519PrivateKey, role: Role) -> Identity:
    """Make the certificate that an end shows while it pairs: its own key, by nobody."""
    return Identity(key, _certificate(key.public_key(), role, ca=False))


def pairing_context(identity: Identity, end: End) -> ssl.SSLContext:
    """TLS 1.3 in which both ends prove a key. Who holds it, only the PAKE says."""
    nobody = School("nobody", _certificate(NOBODY.public_key(), "nobody", ca=True))
    return (dialler_context if end == "app" else listener_context)(identity, nobody)


def stranger(der: bytes | None) -> Peer:
    """Take any peer that showed a key of our kind; it is nobody yet. Raises NotPaired."""
    if not der:
        raise NotPaired("no certificate")
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except UNREADABLE as error:
        raise NotPaired("no certificate") from error
    if not isinstance(key, Ed25519PublicKey):
        raise NotPaired("the key is not Ed25519")
    return Peer(Party("", "device", thumbprint(key)), key)


def _certificate(
    key: Ed25519PublicKey, name: Literal["device", "teacher", "nobody"], *, ca: bool
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_called(name))
        .issuer_name(_called("nobody"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_BEGINS + timedelta(days=50 * 365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
    )
    return builder.sign(NOBODY, None)


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"pupitre pairing {name}")])


def _bytes(text: str) -> bytes:
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError as error:  # letters beyond ASCII are one, and no `binascii.Error`
        raise Malformed("no pairing secret") from error
