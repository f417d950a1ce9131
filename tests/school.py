"""A small school for tests: its root, and whatever certificates and statements it signs.

`SmallSchool` can also sign what no honest school would: other roles, ended times, other keys.

One rule of time holds for all tests: `NOW` never meets this machine's clock. `SmallSchool()` is of
`NOW`, for tests that hold every clock in their hand. Where a program, an app or a device lives by
this machine's clock, its papers are of today: `tests.teaching` makes them so, and a test that
signs for itself takes `SmallSchool(now=now())`. What must hold on any day says no date at all.
`make test-later` runs the tests as on a later day.
"""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from central_mdm.contract.grants import (
    ASSIGNMENT_TYPE,
    DENY_TYPE,
    GRANT_TYPE,
    Assignment,
    DenyList,
    Grant,
    Mandate,
    Verb,
)
from central_mdm.contract.leaving import RELEASE_TYPE, Release
from central_mdm.contract.names import Party, Role, uri_of
from device_bridge.trust.grants import sign, sign_mandate
from device_bridge.trust.identity import Identity, School, new_key, thumbprint

NOW = 1_795_510_000  # 2026-11-24, past like any day: see above
VERBS: tuple[Verb, ...] = ("watch", "control", "lock", "handout", "collect", "message", "launch")
_PURPOSE = {
    "device": ExtendedKeyUsageOID.SERVER_AUTH,
    "teacher": ExtendedKeyUsageOID.CLIENT_AUTH,
}


def now() -> int:
    """Tell the time by this machine's clock, UTC seconds."""
    return int(time.time())


@dataclass
class SmallSchool:
    """The school's own side: the root's private key stays here.

    `now`, UTC seconds: its certificates begin a day before, its statements are of then.
    """

    id: str = "school-1"
    key: Ed25519PrivateKey = field(default_factory=new_key)
    discovery: str = "5c" * 32
    now: int = NOW

    def __post_init__(self) -> None:
        self.school = School.pin(self.id, self._root())

    def identity(  # noqa: PLR0913 - each is a way to be another
        self,
        role: Role,
        name: str,
        *,
        begins: float | None = None,
        days: int = 395,
        uris: tuple[str, ...] | None = None,
        key: Ed25519PrivateKey | None = None,
        public: Ed25519PublicKey | None = None,
    ) -> Identity:
        """Certify a new key, or `key`; of another's, `public`, the certificate is what counts."""
        key = key or new_key()
        names = (uri_of(Party(self.id, role, name)),) if uris is None else uris
        builder = (
            _builder(name, self.now - 86_400 if begins is None else begins, days)
            .issuer_name(self.school.root.subject)
            .public_key(public or key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([_PURPOSE[role]]), critical=False)
        )
        if names:
            general = [x509.UniformResourceIdentifier(uri) for uri in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        return Identity(key, builder.sign(self.key, None))

    def grant(  # noqa: PLR0913 - each is a way to be another grant
        self,
        teacher: Identity,
        *,
        name: str = "teacher-1",
        teacher_name: str = "Ms Vidal",
        classes: tuple[str, ...] = ("5B",),
        verbs: tuple[Verb, ...] = VERBS,
        issued_at: int | None = None,
        days: float = 7,
        devices: tuple[str, ...] = (),
        generation: int = 0,
        deny_list: int = 0,
    ) -> str:
        issued_at = self._or_now(issued_at)
        return sign(
            Grant(
                id=f"grant-{name}",
                school=self.id,
                teacher=name,
                teacher_name=teacher_name,
                thumbprint=thumbprint(teacher.key.public_key()),
                classes=classes,
                verbs=verbs,
                issued_at=issued_at,
                ends_at=issued_at + int(days * 86_400),
                devices=devices,
                generation=generation,
                deny_list=deny_list,
            ),
            GRANT_TYPE,
            self.key,
        )

    def assignment(  # noqa: PLR0913, PLR0917 - what a school may rule
        self,
        device: str,
        classes: tuple[str, ...] = ("5B",),
        version: int = 1,
        issued_at: int | None = None,
        networks: tuple[str, ...] = (),
        gateways: tuple[str, ...] = (),
        private_seconds: int = 0,
    ) -> str:
        at = self._or_now(issued_at)
        statement = Assignment(
            device, self.id, version, classes, at, networks, gateways, private_seconds
        )
        return sign(statement, ASSIGNMENT_TYPE, self.key)

    def release(self, device: str, identity: Identity, issued_at: int | None = None) -> str:
        """Let a device go."""
        key = thumbprint(identity.key.public_key())
        told = Release(self.id, device, key, self._or_now(issued_at))
        return sign(told, RELEASE_TYPE, self.key)

    def deny_list(
        self,
        number: int,
        *denied: Identity,
        grants: tuple[str, ...] = (),
        generation: int = 0,
        issued_at: int | None = None,
    ) -> str:
        keys = tuple(thumbprint(each.key.public_key()) for each in denied)
        told = DenyList(self.id, number, self._or_now(issued_at), generation, keys, grants)
        return sign(told, DENY_TYPE, self.key)

    def _or_now(self, at: int | None) -> int:
        return self.now if at is None else at

    def _root(self) -> bytes:
        builder = (
            _builder("root", self.now - 86_400, 3650)
            .issuer_name(_name("root"))
            .public_key(self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.UniformResourceIdentifier(f"pupitre://{self.id}")]
                ),
                critical=False,
            )
        )
        return builder.sign(self.key, None).public_bytes(serialization.Encoding.PEM)


def mandate_for(  # noqa: PLR0913 - each is a way to be wrong
    teacher: Identity,
    *,
    name: str = "mandate-1",
    grant: str = "grant-teacher-1",
    lesson: str = "lesson-1",
    class_id: str = "5B",
    verbs: tuple[Verb, ...] = VERBS,
    issued_at: int = NOW,
    seconds: int = 3600,
    school: str = "school-1",
) -> str:
    ends_at = issued_at + seconds
    mandate = Mandate(name, grant, school, lesson, class_id, verbs, issued_at, ends_at)
    return sign_mandate(mandate, teacher.key)


def spoilt(token: str) -> str:
    """Change a signature's first letter: the last one has bits that say nothing."""
    told, _, signature = token.rpartition(".")
    return f"{told}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(name: str, begins: float, days: int) -> x509.CertificateBuilder:
    start = datetime.fromtimestamp(begins, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
