"""The CA in the teacher's app: what it issues is taken, and its key leaves only sealed."""

from datetime import timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from central_mdm.contract.names import Party, Role
from central_mdm.identity import certificates
from device_bridge.protocol.errors import Broken, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.authority import (
    Teacher,
    found,
    key_of_request,
    seal,
    seal_standby,
    unseal,
    unseal_standby,
)
from device_bridge.trust.grants import read_assignment, read_grant
from device_bridge.trust.identity import School, csr, new_key, thumbprint
from device_bridge.trust.sealed import WrongPassphrase
from tests.school import NOW

PASSPHRASE = "three white goats ate"  # noqa: S105 - seals what a test made


def der(pem: str) -> bytes:
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def form(pem: str) -> list[tuple[str, bool, str]]:
    """Tell a certificate's extensions apart from the keys in them, and its life."""
    read = x509.load_pem_x509_certificate(pem.encode())
    keyed = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    told = [
        (one.oid.dotted_string, one.critical, "" if isinstance(one.value, keyed) else repr(one))
        for one in read.extensions
    ]
    return [*sorted(told), (str(read.not_valid_after_utc - read.not_valid_before_utc), False, "")]


@pytest.mark.parametrize("role", ["device", "teacher"])
def test_the_app_and_the_mdm_issue_certificates_of_one_form_and_accept_takes_both(
    role: Role,
) -> None:
    authority, _ = found("school-1", "Collège", NOW)
    key, party = new_key().public_key(), Party("school-1", role, "party-1")
    ours = authority.certify(key, party, NOW)
    root = certificates.make_root("school-1", authority.key, NOW)
    theirs = certificates.issue(root, authority.key, key, party, NOW).pem
    for pem, school in (
        (ours, authority.school),
        (theirs, authority.school),
        (ours, School.pin("school-1", root.encode())),
    ):
        peer = accept(der(pem), school, NOW, role)
        assert (peer.party, thumbprint(peer.key)) == (party, thumbprint(key))
    assert form(ours) == form(theirs)
    assert form(authority.school.root_pem.decode()) == form(root)


def test_what_the_app_signs_is_read_as_the_schools() -> None:
    authority, _ = found("school-1", "Collège", NOW)
    key = new_key().public_key()
    grant = read_grant(
        authority.grant(Teacher("t-1", "Ms Vidal", key), ("5B",), "g-1", NOW), authority.school
    )
    assert (grant.thumbprint, grant.classes) == (thumbprint(key), ("5B",))
    assert grant.ends_at - grant.issued_at == timedelta(days=14).total_seconds()
    token = authority.assign("dev-1", ("5B",), 3, NOW)
    assert read_assignment(token, authority.school, "dev-1").version == 3


def test_a_school_certifies_nobody_of_another() -> None:
    authority, _ = found("school-1", "Collège", NOW)
    with pytest.raises(NotPaired):
        authority.certify(new_key().public_key(), Party("school-2", "device", "x"), NOW)


def test_a_backup_opens_with_its_passphrase_and_makes_the_same_school() -> None:
    authority, _ = found("school-1", "Collège", NOW)
    file = seal(authority, PASSPHRASE)
    assert unseal(file, PASSPHRASE).kept() == authority.kept()
    with pytest.raises(WrongPassphrase):
        unseal(file, PASSPHRASE + "!")
    with pytest.raises(WrongPassphrase):
        seal(authority, "short")
    assert b"PRIVATE" not in file


def test_the_standby_is_in_its_own_file_only() -> None:
    authority, standby = found("school-1", "Collège", NOW)
    file = seal_standby(authority, standby, PASSPHRASE)
    assert thumbprint(unseal_standby(file, PASSPHRASE).public_key()) == authority.standby
    with pytest.raises(Broken):
        unseal(file, PASSPHRASE)
    with pytest.raises(NotPaired):
        seal_standby(authority, new_key(), PASSPHRASE)


def test_a_changed_or_foreign_file_is_refused() -> None:
    authority, _ = found("school-1", "Collège", NOW)
    read = msgspec.json.decode(seal(authority, PASSPHRASE))
    for raw in (b"", b"{}", b"[" * 5000, msgspec.json.encode({**read, "school": "school-2"})):
        with pytest.raises(Broken):
            unseal(raw, PASSPHRASE)


def test_an_authority_is_not_made_of_parts_that_do_not_fit() -> None:
    one, other = found("school-1", "A", NOW)[0], found("school-1", "A", NOW)[0]
    mixed = msgspec.structs.replace(one.kept(), key=other.kept().key)
    with pytest.raises(NotPaired):
        type(one).of(mixed)


def test_a_request_gives_its_key_and_nothing_else() -> None:
    key = new_key()
    asked = csr(key, "pupitre://school-1/teacher/head")
    assert thumbprint(key_of_request(asked)) == thumbprint(key.public_key())
    spoilt = asked.replace("A", "B")
    for bad in ("", "x" * 100_000, spoilt):
        with pytest.raises(NotPaired):
            key_of_request(bad)


def test_its_key_stands_in_no_repr() -> None:
    authority, _ = found("school-1", "Collège", NOW)
    assert repr(authority) == "Authority(school-1)"
