"""Who we are and whose school this is: a key, its certificate, the pinned root; TLS from these.

One kind of key everywhere: Ed25519 (docs/decisions/0001). A certificate is issued by the school's
root directly and names its bearer by one URI (`central_mdm.contract.names`).
"""

import hashlib
import os
import secrets
import ssl
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from device_bridge.protocol.errors import NotPaired

NO_CHECK_TIME: Final = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which `ssl` does not name: a tablet that wakes in 1970 must
still be reached. `trust.accept` judges time, at the floor, at once after the handshake."""
KEY_FILE: Final = "key.pem"
CERTIFICATE_FILE: Final = "certificate.pem"
PEM_BYTES_MAX: Final = 64 * 1024
UNREADABLE: Final = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    InternalError,  # of an Ed448 key that is too short
    x509.DuplicateExtension,
    x509.InvalidVersion,
)
"""What `cryptography` raises for a certificate or a key that is not as ours are."""


RENEWED_BEFORE_SECONDS: Final = 60 * 24 * 3600
"""Of a certificate's end: from then on its bearer asks for the next one, with the same key."""


@dataclass(frozen=True)
class School:
    """A school as pinned at enrolment: its id and its root, whose key also signs grants."""

    id: str
    root: x509.Certificate

    @property
    def key(self) -> Ed25519PublicKey:
        key = self.root.public_key()
        if not isinstance(key, Ed25519PublicKey):
            raise NotPaired("the root's key is not Ed25519")
        return key

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def pin(cls, school: str, root_pem: bytes) -> "School":
        """Read and check a root. Raises NotPaired where it is not this school's own."""
        root = _certificate(root_pem)
        if f"pupitre://{school}" not in uris(root):
            raise NotPaired("the root names another school")
        try:
            root.verify_directly_issued_by(root)
        except UNREADABLE as error:
            raise NotPaired("the root is not its own") from error
        pinned = cls(school, root)
        _ = pinned.key
        return pinned


@dataclass(frozen=True)
class Identity:
    """A private key with its certificate. Its repr shows neither."""

    key: Ed25519PrivateKey
    certificate: x509.Certificate

    def __repr__(self) -> str:
        return f"Identity({thumbprint(self.certificate.public_key())[:8]})"

    @classmethod
    def of(cls, key: Ed25519PrivateKey, certificate_pem: bytes) -> "Identity":
        """Join both. Raises NotPaired where the certificate is another key's."""
        certificate = _certificate(certificate_pem)
        if thumbprint(certificate.public_key()) != thumbprint(key.public_key()):
            raise NotPaired("the certificate is another key's")
        return cls(key, certificate)

    @classmethod
    def load(cls, folder: Path) -> "Identity":
        """Read what `save` wrote. Raises NotPaired where there is none or it is spoilt."""
        try:
            key = key_of_pem((folder / KEY_FILE).read_bytes())
            return cls.of(key, (folder / CERTIFICATE_FILE).read_bytes())
        except FileNotFoundError as error:
            raise NotPaired("no identity yet") from error

    def save(self, folder: Path) -> None:
        """Write both files, 0600, each whole or not at all."""
        write_private(folder / KEY_FILE, key_to_pem(self.key))
        write_private(folder / CERTIFICATE_FILE, self.certificate_pem)

    @property
    def ends_at(self) -> float:
        """When the certificate ends, UTC seconds."""
        return self.certificate.not_valid_after_utc.timestamp()

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def new_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def csr(key: Ed25519PrivateKey, common_name: str) -> str:
    """Ask for a certificate (PKCS#10, PEM). The issuer sets the names that count."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    return request.public_bytes(serialization.Encoding.PEM).decode()


def key_to_pem(key: Ed25519PrivateKey, password: bytes = b"") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def key_of_pem(pem: bytes) -> Ed25519PrivateKey:
    """Read a key. Raises NotPaired for anything but an Ed25519 private key."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except UNREADABLE as error:
        raise NotPaired("the key's file is spoilt") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NotPaired("the key is not Ed25519")
    return key


def thumbprint(key: object) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, in hex. Raises NotPaired for other kinds of key."""
    if not isinstance(key, Ed25519PublicKey):
        raise NotPaired("the key is not Ed25519")
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


def uris(certificate: x509.Certificate) -> list[str]:
    """List the URIs of the subject alternative name (RFC 5280, 4.2.1.6); none: empty."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def listener_context(identity: Identity, school: School) -> ssl.SSLContext:
    """TLS for the end that listens: 1.3 only, the peer must show a certificate of the school."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # a resumed session would skip the peer's certificate
    return _ours(context, identity, school)


def dialler_context(identity: Identity, school: School) -> ssl.SSLContext:
    """TLS for the end that dials. Names are not host names here: `trust.accept` checks them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return _ours(context, identity, school)


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` with `content`, 0600, durable and whole: readers see the old or the new."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):  # what went wrong is the news
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` outlast a power cut, where the system can."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _ours(context: ssl.SSLContext, identity: Identity, school: School) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_COMPRESSION
    # Through the integer: the flag is not a member of the enum and some versions would refuse it.
    context.verify_flags = ssl.VerifyFlags(int(context.verify_flags) | NO_CHECK_TIME)
    context.load_verify_locations(cadata=school.root_pem.decode())
    _load(context, identity)
    return context


def _load(context: ssl.SSLContext, identity: Identity) -> None:
    """`ssl` reads keys from files only: it gets one under a password that lives for this call."""
    password = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="pupitre-") as folder:
        chain = Path(folder, "chain.pem")
        # In a folder of this user's only, and gone before a disk could be waited for.
        chain.write_bytes(key_to_pem(identity.key, password.encode()) + identity.certificate_pem)
        context.load_cert_chain(chain, password=password)


def _certificate(pem: bytes) -> x509.Certificate:
    if len(pem) > PEM_BYTES_MAX:
        raise NotPaired("too large for a certificate")
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.public_key()  # it is read now, or it raises where nobody expects it
    except UNREADABLE as error:
        raise NotPaired("no certificate") from error
    return certificate
