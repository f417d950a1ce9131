"""The school's CA: an Ed25519 root, and certificates of 13 months for devices and teachers.

Who somebody is stands in the URI of the subject alternative name (RFC 5280, 4.2.1.6; the form is
`central_mdm.contract.names`). The request gives the key and nothing else: what it claims about
its subject is not read.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from central_mdm.contract.names import Party, party_of, uri_of
from central_mdm.platform.errors import Busy, Malformed

# Long enough to outlive the summer, so that nobody stands before a dead device in September.
LEAF: Final = timedelta(days=396)
ROOT: Final = timedelta(days=20 * 365)
# A device's clock may be behind ours when its certificate is fresh.
EARLIER: Final = timedelta(hours=1)
UNREADABLE: Final = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.InvalidVersion,
)
"""What `cryptography` raises for a certificate or a request that is not as ours are."""
_NO_USE: Final = dict.fromkeys(
    (
        "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "encipher_only", "decipher_only",
    ),
    False,
)  # fmt: skip


class Issued(Struct, frozen=True):
    """A certificate in PEM, with what the register keeps of it."""

    pem: str
    serial: str
    thumbprint: str
    ends_at: int


def thumbprint_of(key: Ed25519PublicKey) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, in hex."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def key_of_request(pem: str) -> Ed25519PublicKey:
    """Return the key that a PKCS#10 request proves to hold. Raises Malformed."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        valid = request.is_signature_valid
        key = request.public_key()
    except UNREADABLE:
        raise Malformed("bad-csr", "The certificate request cannot be read.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Malformed("bad-csr", "The key must be Ed25519.")
    if not valid:
        raise Malformed("bad-csr", "The request is not signed by its own key.")
    return key


def ends_at_of(pem: str) -> int:
    """Return when a certificate of ours ends, UTC seconds."""
    return int(x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp())


def make_root(school: str, key: Ed25519PrivateKey, now: int) -> str:
    """Return the self-signed root of a school, in PEM. It bears `pupitre://<school>`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Pupitre {school}"[:64])])
    begins = datetime.fromtimestamp(now, UTC) - EARLIER
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + ROOT)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_san(f"pupitre://{school}"), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, None).public_bytes(Encoding.PEM).decode()


def key_of_root(pem: str, school: str) -> Ed25519PublicKey:
    """Return the key of a school's own root. Raises Malformed for anything else."""
    try:
        root = x509.load_pem_x509_certificate(pem.encode())
        root.verify_directly_issued_by(root)
        key = root.public_key()
        names = root.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except UNREADABLE:
        raise Malformed("no-root", "The root cannot be read.") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if uris != [f"pupitre://{school}"] or not isinstance(key, Ed25519PublicKey):
        raise Malformed("no-root", "The root is another school's.")
    return key


def issue(
    root_pem: str, root_key: Ed25519PrivateKey, key: Ed25519PublicKey, party: Party, now: int
) -> Issued:
    """Certify `key` as `party`: a device may serve TLS, a teacher may be a client.

    Raises Busy in the moment in which the school's next root is taken up.
    """
    root = x509.load_pem_x509_certificate(root_pem.encode())
    if root.public_key() != root_key.public_key():
        raise Busy("succession", 1)
    begins = datetime.fromtimestamp(now, UTC) - EARLIER
    ends = datetime.fromtimestamp(now, UTC) + LEAF
    role = party.role == "device"
    use = ExtendedKeyUsageOID.SERVER_AUTH if role else ExtendedKeyUsageOID.CLIENT_AUTH
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, party.id)]))
        .issuer_name(root.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(_san(uri_of(party)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, None)
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()
    serial = f"{certificate.serial_number:x}"
    return Issued(pem, serial, thumbprint_of(key), int(ends.timestamp()))


def bearer_of(der: bytes, root_pem: str) -> tuple[Party, Ed25519PublicKey] | None:
    """Return whose certificate of this root it is, and the key; None for any other.

    When it ends is not looked at: what was signed while it held still counts.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root_pem.encode()))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        key = certificate.public_key()
    except UNREADABLE:
        return None
    party = party_of(uris[0]) if len(uris) == 1 else None
    return (party, key) if party and isinstance(key, Ed25519PublicKey) else None


def _san(uri: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        **_NO_USE,
    )
