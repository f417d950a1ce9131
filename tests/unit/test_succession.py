"""A school's new root is taken where the pinned standby says so, and nothing else is."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from central_mdm.contract.succession import (
    STANDBY_TYPE,
    SUCCESSION_TYPE,
    StandbyNamed,
    Succession,
)
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import SchoolKept, read_enrolment, read_school, write_school
from device_bridge.agent.guard.succession import follow, pin_standby
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.grants import read_grant, sign
from device_bridge.trust.identity import new_key, thumbprint, write_private
from device_bridge.trust.succession import Line, succeed
from tests.school import NOW, SmallSchool, spoilt
from tests.successions import Standby

OLD, NEW, NEWER = SmallSchool(), SmallSchool(), SmallSchool()
FIRST, SECOND, THIRD = Standby(), Standby(), Standby()
LINE = Line(OLD.school, FIRST.thumbprint)
ONE = FIRST.names(LINE, NEW, SECOND)
TWO = SECOND.names(LINE.after(ONE), NEWER, THIRD)


def test_a_new_root_is_taken_from_the_standby_and_named_anew_by_the_next() -> None:
    after = LINE.after(ONE)
    assert (after.school.root, after.epoch) == (NEW.school.root, 1)
    assert LINE.after_all([ONE, TWO]).school.root == NEWER.school.root
    assert LINE.after_all([ONE, TWO]) == after.after(TWO)


def test_what_is_known_or_older_changes_nothing() -> None:
    newest = LINE.after_all([ONE, TWO])
    for told in ([ONE], [TWO], [ONE, TWO], [TWO, ONE]):
        assert newest.after_all(told) is newest


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (TWO, "forged"),  # by a standby that nobody here has heard of yet
        (Standby().names(LINE, NEW, SECOND, force=True), "forged"),
        (Standby(OLD.key).names(LINE, NEW, SECOND, force=True), "forged"),  # the stolen root's
        (
            FIRST.names(Line(SmallSchool("b").school, FIRST.thumbprint), NEW, SECOND),
            "another-school",
        ),
        (FIRST.names(LINE, SmallSchool("b"), SECOND), "no-root"),
        (spoilt(ONE), "forged"),
        (OLD.grant(OLD.identity("teacher", "t")), "malformed"),
        ("", "malformed"),
        ("a.b.c", "malformed"),
    ],
)
def test_nobody_else_names_a_root(token: str, why: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        LINE.after_all([token])
    assert refused.value.why == why


def test_a_school_without_a_standby_has_one_root_for_good() -> None:
    with pytest.raises(NotAllowed, match="no-standby"):
        Line(OLD.school, "").after(ONE)


def test_another_school_s_standby_says_nothing() -> None:
    with pytest.raises(NotPaired):
        succeed(LINE, new_key(), NEW.school.root_pem.decode(), SECOND.thumbprint, NOW)


def test_a_signer_that_is_named_and_did_not_sign_is_a_forger() -> None:
    root = NEW.school.root_pem.decode()
    told = Succession("school-1", 1, root, SECOND.thumbprint, FIRST.public, NOW)
    with pytest.raises(NotAllowed, match="forged"):
        LINE.after(sign(told, SUCCESSION_TYPE, new_key()))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "device")
    folder.make()
    OLD.identity("device", "d-1").save(folder.root)
    write_private(folder.assignment, OLD.assignment("d-1").encode())
    root = OLD.school.root_pem.decode()
    write_school(folder, SchoolKept("school-1", "S", "d-1", root, "5c" * 32, FIRST.thumbprint))
    return folder


def certified(folder: Folder, school: SmallSchool) -> str:
    """Certify under `school` the key that the device has."""
    key = read_enrolment(folder).identity.key
    return school.identity("device", "d-1", key=key).certificate_pem.decode()


def test_a_device_ends_its_old_root_at_once_and_waits_for_its_papers(folder: Folder) -> None:
    news = follow(folder, [ONE])
    assert news is not None
    assert (news.school.root, news.epoch, news.outdated) == (NEW.school.root, 1, True)
    assert (news.assignment, news.discovery) == (None, b"")
    with pytest.raises(NotAllowed):
        read_grant(OLD.grant(OLD.identity("teacher", "t")), news.school)
    assert follow(folder, [ONE]) is None
    again = read_enrolment(folder)  # as after a restart
    assert (again.epoch, again.outdated) == (1, True)
    news = follow(folder, (), certified(folder, NEW), NEW.assignment("d-1"))
    assert news is not None
    assert (news.outdated, news.assignment and news.assignment.classes) == (False, ("5B",))
    assert news.identity.key.private_bytes_raw() == again.identity.key.private_bytes_raw()


def test_a_device_that_missed_one_root_still_knows_what_its_papers_are_of(folder: Folder) -> None:
    follow(folder, [ONE])
    news = follow(folder, [TWO], certified(folder, NEW))
    assert news is not None
    assert (news.epoch, news.outdated) == (2, True)
    news = follow(folder, [ONE, TWO], certified(folder, NEWER))
    assert news is not None
    assert not news.outdated


def test_papers_of_another_key_or_root_are_refused_and_the_old_ones_stay(folder: Folder) -> None:
    before = folder.certificate.read_bytes()
    for certificate in (
        NEW.identity("device", "d-1").certificate_pem.decode(),
        certified(folder, NEWER),
        "no certificate",
    ):
        follow(folder, [ONE])
        with pytest.raises(NotAllowed, match="another-device"):
            follow(folder, (), certificate)
    assert folder.certificate.read_bytes() == before
    assert follow(folder, (), certified(folder, NEW)) is not None
    assert follow(folder, (), certified(folder, NEW)) is None  # it has one already


def test_a_power_cut_between_the_files_leaves_a_device_of_the_school(folder: Folder) -> None:
    certificate = certified(folder, NEW)
    follow(folder, [ONE])
    write_private(folder.certificate, certificate.encode())  # and no assignment
    assert not read_enrolment(folder).outdated
    assert thumbprint(read_enrolment(folder).school.key) == thumbprint(NEW.key.public_key())


def test_a_device_that_joined_before_there_was_a_standby_pins_it_once(folder: Folder) -> None:
    def named(school: SmallSchool, standby: Standby, epoch: int = 0, id_: str = "") -> str:
        told = StandbyNamed(id_ or school.id, epoch, standby.thumbprint, NOW)
        return sign(told, STANDBY_TYPE, school.key)

    write_school(folder, replace(read_school(folder), standby=""))
    for bad in (
        named(NEW, FIRST),
        named(OLD, FIRST, 1),
        named(OLD, FIRST, 0, "b"),
        OLD.assignment("d-1"),
        "",
    ):
        with pytest.raises(NotAllowed):
            pin_standby(folder, bad)
    pin_standby(folder, named(OLD, FIRST))
    with pytest.raises(NotAllowed, match="pinned"):  # a thief of the root comes too late
        pin_standby(folder, named(OLD, SECOND))
    news = follow(folder, [ONE])
    assert news is not None
    assert news.school.root == NEW.school.root
