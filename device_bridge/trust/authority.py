"""A school's CA where there is no MDM: the first teacher's app makes it and signs with it.

Certificates have the form that the MDM's have (a test compares both through `trust.accept`). Two
roots are made: one that issues, and a standby whose key leaves this computer at once, in a file to
be kept in the safe; only its thumbprint stays.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from central_mdm.contract.grants import (
    ASSIGNMENT_TYPE,
    GRANT_SECONDS_MAX,
    GRANT_TYPE,
    Assignment,
    Grant,
    Verb,
)
from central_mdm.contract.names import Party, uri_of
from central_mdm.contract.roster import Row
from central_mdm.contract.sealed import Former, Kept
from central_mdm.contract.succession import SUCCESSIONS_MAX
from device_bridge.protocol.errors import Broken, NotPaired
from device_bridge.trust.grants import sign
from device_bridge.trust.identity import (
    PEM_BYTES_MAX,
    UNREADABLE,
    School,
    key_of_pem,
    key_to_pem,
    new_key,
    thumbprint,
)
from device_bridge.trust.sealed import open_content, seal_content
from device_bridge.trust.succession import Line, succeed

LEAF: Final = timedelta(days=396)
"""13 months: long enough to outlive the summer."""
ROOT: Final = timedelta(days=20 * 365)
EARLIER: Final = timedelta(hours=1)
"""A device's clock may be behind ours when its certificate is fresh."""
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
_NO_USE: Final = dict.fromkeys(
    (
        "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "encipher_only", "decipher_only",
    ),
    False,
)  # fmt: skip


@dataclass(frozen=True)
class Authority:
    """Whoever holds this is the school. Its repr shows no key.

    `successions` are what made its root the school's, and `former` what reaches the devices that
    have not heard of them.
    """

    school: School
    name: str
    key: Ed25519PrivateKey
    standby: str
    epoch: int = 0
    successions: tuple[str, ...] = ()
    former: tuple[Former, ...] = ()

    def __repr__(self) -> str:
        return f"Authority({self.school.id})"

    @classmethod
    def of(cls, kept: Kept) -> "Authority":
        """Take up a kept authority. Raises NotPaired where its parts do not belong together."""
        school, key = School.pin(kept.school, kept.root.encode()), key_of_pem(kept.key.encode())
        if thumbprint(key.public_key()) != thumbprint(school.key):
            raise NotPaired("the key is another school's")
        of = kept.epoch, kept.successions, kept.former
        return cls(school, kept.name, key, kept.standby, *of)

    def kept(self, rows: Sequence[Row] = ()) -> Kept:
        return Kept(
            self.school.id,
            self.name,
            self.school.root_pem.decode(),
            key_to_pem(self.key).decode(),
            self.standby,
            self.epoch,
            self.successions,
            tuple(rows),
            self.former,
        )

    def succeed(
        self, standby: Ed25519PrivateKey, former: Former, now: int
    ) -> tuple["Authority", Ed25519PrivateKey]:
        """Make the school's next authority by its standby; the next standby is to be sealed.

        `former` is what a teacher has under this root. Raises NotPaired for another school's.
        """
        after, next_standby = found(self.school.id, self.name, now)
        line = Line(self.school, self.standby, self.epoch)
        root = after.school.root_pem.decode()
        told = succeed(line, standby, root, after.standby, now)
        return dataclasses.replace(
            after,
            epoch=self.epoch + 1,
            successions=(*self.successions, told)[-SUCCESSIONS_MAX:],
            former=(former, *self.former)[:SUCCESSIONS_MAX],
        ), next_standby

    def certify(self, key: Ed25519PublicKey, party: Party, now: int) -> str:
        """Certify `key` as `party` of this school from `now` (UTC seconds); PEM."""
        if party.school != self.school.id:
            raise NotPaired("another school")
        device = party.role == "device"
        use = ExtendedKeyUsageOID.SERVER_AUTH if device else ExtendedKeyUsageOID.CLIENT_AUTH
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            _builder(party.id, key, now, LEAF)
            .issuer_name(self.school.root.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(_names(uri_of(party)), critical=False)
            .add_extension(issuer, critical=False)
        )
        return _pem(builder.sign(self.key, None))

    def grant(self, teacher: "Teacher", classes: tuple[str, ...], id_: str, now: int) -> str:
        """Sign for a fortnight what a teacher may do in `classes`."""
        statement = Grant(
            id=id_,
            school=self.school.id,
            teacher=teacher.id,
            teacher_name=teacher.name,
            thumbprint=thumbprint(teacher.key),
            classes=classes,
            verbs=VERBS,
            issued_at=now,
            ends_at=now + GRANT_SECONDS_MAX,
        )
        return sign(statement, GRANT_TYPE, self.key)

    def assign(self, device: str, classes: tuple[str, ...], version: int, now: int) -> str:
        """Sign which classes a device serves; the highest `version` holds."""
        statement = Assignment(device, self.school.id, version, classes, now)
        return sign(statement, ASSIGNMENT_TYPE, self.key)


@dataclass(frozen=True)
class Teacher:
    """A teacher as a grant names them."""

    id: str
    name: str
    key: Ed25519PublicKey


def found(school: str, name: str, now: int) -> tuple[Authority, Ed25519PrivateKey]:
    """Make a school: its authority, and the standby's key, which the caller seals and forgets."""
    key, standby = new_key(), new_key()
    root = School.pin(school, root_for(school, key, now).encode())
    return Authority(root, name, key, thumbprint(standby.public_key())), standby


def root_for(school: str, key: Ed25519PrivateKey, now: int) -> str:
    """Make the self-signed root of a school, in PEM; the standby's is made when it is needed."""
    name = f"Pupitre {school}"
    builder = (
        _builder(name, key.public_key(), now, ROOT - EARLIER)
        .issuer_name(_called(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_names(f"pupitre://{school}"), critical=False)
    )
    return _pem(builder.sign(key, None))


def key_of_request(pem: str) -> Ed25519PublicKey:
    """Return the key that a PKCS#10 request proves to hold; nothing else of it is read.

    Raises NotPaired.
    """
    if len(pem) > PEM_BYTES_MAX:
        raise NotPaired("too large for a request")
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        valid, key = request.is_signature_valid, request.public_key()
    except UNREADABLE as error:
        raise NotPaired("no certificate request") from error
    if not valid or not isinstance(key, Ed25519PublicKey):
        raise NotPaired("the request is not signed by an Ed25519 key")
    return key


def seal(authority: Authority, passphrase: str, rows: Sequence[Row] = ()) -> bytes:
    """Write the authority as one file: a backup, or for a second teacher. Takes about 0.2 s.

    `rows` are the classes, pupils and devices that come with it. Raises WrongPassphrase for one
    that is too short.
    """
    kept = msgspec.json.encode(authority.kept(rows))
    return seal_content("authority", authority.school.id, kept, passphrase)


def unseal(raw: bytes, passphrase: str) -> Authority:
    """Read what `seal` wrote. Raises WrongPassphrase, Broken (no such file) or NotPaired."""
    return Authority.of(unseal_kept(raw, passphrase))


def unseal_kept(raw: bytes, passphrase: str) -> Kept:
    """Read all of a backup, its rows too. Raises WrongPassphrase or Broken."""
    try:
        return msgspec.json.decode(open_content(raw, "authority", passphrase), type=Kept)
    except (ValueError, RecursionError) as error:
        raise Broken("no such file of ours") from error


def seal_standby(authority: Authority, standby: Ed25519PrivateKey, passphrase: str) -> bytes:
    """Write the standby's key as the file for the safe. Raises NotPaired for another key."""
    if thumbprint(standby.public_key()) != authority.standby:
        raise NotPaired("another school's standby")
    return seal_content("standby", authority.school.id, key_to_pem(standby), passphrase)


def unseal_standby(raw: bytes, passphrase: str) -> Ed25519PrivateKey:
    """Read what `seal_standby` wrote. Raises as `unseal`."""
    return key_of_pem(open_content(raw, "standby", passphrase))


def _builder(
    name: str, key: Ed25519PublicKey, now: int, life: timedelta
) -> x509.CertificateBuilder:
    at = datetime.fromtimestamp(now, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_called(name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - EARLIER)
        .not_valid_after(at + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _names(uri: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        **_NO_USE,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
