"""The one door: a peer must be of our school, in the role we expect, and not past its time.

Both ends call `accept` at once after the TLS handshake and before they read a byte. OpenSSL has
proved that the peer holds the key and that the school's root signed; it looks at no clock here
(see `identity.NO_CHECK_TIME`), so whoever skips this function lets ended identities in.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from central_mdm.contract.names import Party, Role, party_of
from device_bridge.protocol.errors import NotPaired
from device_bridge.trust.identity import UNREADABLE, School, thumbprint, uris

LIFE_MAX: Final = timedelta(days=400)
"""13 months and a few days: an identity outlives the summer, not the pupil's time at school."""
REVOKED: Final = "revoked"
_PURPOSES: Final = {
    "device": ExtendedKeyUsageOID.SERVER_AUTH,
    "teacher": ExtendedKeyUsageOID.CLIENT_AUTH,
}
_UNDERSTOOD: Final = (
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
)


@dataclass(frozen=True)
class Peer:
    """Who is at the other end, proved; `key` is what their mandates are signed with.

    `ends_at`: when the certificate ends, UTC seconds.
    """

    party: Party
    key: Ed25519PublicKey
    ends_at: float = 0.0


def accept(
    der: bytes | None,
    school: School,
    floor_seconds: float,
    role: Role,
    denied: Container[str] = (),
) -> Peer:
    """Judge a peer's certificate at the time floor (UTC seconds). Raises NotPaired.

    `denied`: thumbprints of the keys that the school's newest deny list has ended.
    Not-before is not judged against the floor: a certificate issued after the device was last
    online looks like tomorrow's. So the moment is max(floor, not-before).
    """
    if not der:
        raise NotPaired("no certificate")
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.verify_directly_issued_by(school.root)
        _check_extensions(certificate, role)
        key = certificate.public_key()
    except UNREADABLE as error:
        raise NotPaired("not of our school") from error
    _check_time(certificate, floor_seconds)
    if not isinstance(key, Ed25519PublicKey):
        raise NotPaired("the key is not Ed25519")
    if thumbprint(key) in denied:
        raise NotPaired(REVOKED)
    ends_at = certificate.not_valid_after_utc.timestamp()
    return Peer(_party(certificate, school, role), key, ends_at)


def _party(certificate: x509.Certificate, school: School, role: Role) -> Party:
    names = uris(certificate)
    party = party_of(names[0]) if len(names) == 1 else None
    if party is None:
        raise NotPaired("the certificate does not say whose it is")
    if party.school != school.id:
        raise NotPaired("another school")
    if party.role != role:
        raise NotPaired(f"not a {role}")
    return party


def _check_extensions(certificate: x509.Certificate, role: Role) -> None:
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            raise NotPaired("a critical extension we do not know")
        match extension.value:
            case x509.BasicConstraints(ca=True):
                raise NotPaired("an authority is nobody's identity")
            case x509.ExtendedKeyUsage() as purposes if _PURPOSES[role] not in purposes:
                raise NotPaired(f"not a {role}")
            case _:
                pass  # the others are read where they are needed


def _check_time(certificate: x509.Certificate, floor_seconds: float) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends - begins > LIFE_MAX:
        raise NotPaired("the certificate lives too long")
    if max(floor_seconds, begins.timestamp()) > ends.timestamp():
        raise NotPaired("the certificate has ended")
