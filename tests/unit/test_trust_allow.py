"""What a device obeys: certificates, papers, verbs, hours. No network, no real clock."""

import base64
import json
from typing import get_args

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from central_mdm.contract.grants import (
    GRANT_TYPE,
    MANDATE_SECONDS_MAX,
    MANDATE_TYPE,
    Grant,
    Verb,
)
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.protocol.hello import Hello, MandateShown, NotUnderstood
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import HandInAsked, HandInTaken, MaterialsDeclared
from device_bridge.protocol.messages import FromApp
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.trust.accept import Peer, accept
from device_bridge.trust.allow import FREE, VERBS, Standing, allow, check_grant, check_mandate
from device_bridge.trust.floor import CONFIRMED_SECONDS, FLOOR_HIGHEST, FLOOR_LOWEST, Floor
from device_bridge.trust.grants import read_assignment, read_grant, read_mandate, sign
from device_bridge.trust.identity import Identity, School, new_key
from device_bridge.trust.mandates import REMEMBERED_MAX, Mandates, SeenMandate
from tests.school import NOW, SmallSchool, mandate_for

SCHOOL = SmallSchool()
TEACHER = SCHOOL.identity("teacher", "teacher-1")
GRANT = read_grant(SCHOOL.grant(TEACHER), SCHOOL.school)
MANDATE = read_mandate(mandate_for(TEACHER), TEACHER.key.public_key())
SEEN = SeenMandate(MANDATE, 4600.0)
HERE = Standing(NOW, 1000.0, ("5B",))
LESSON = LessonDeclared(1, 600, "on", "lesson-1", "5B", "5e B", "Ms Vidal")
MESSAGES: dict[Verb, FromApp] = {
    "watch": WatchingDeclared(1, 600, "close"),
    "lock": LockDeclared(1, locked=True, lease_seconds=600),
    "handout": MaterialsDeclared(1, "lesson-1"),
    "collect": HandInAsked("t-1", 60, "lesson-1"),
    "message": MessageSaid("m-1", 60, "Hello"),
    "launch": PageOpened("p-1", 60, "https://example.org"),
}


def peer(identity: Identity, name: str = "teacher-1") -> Peer:
    found = accept(identity.certificate.public_bytes(Encoding.DER), SCHOOL.school, NOW, "teacher")
    assert found.party.id == name
    return found


@pytest.mark.parametrize("verb", MESSAGES)
def test_each_verb_needs_to_stand_in_grant_and_mandate(verb: Verb) -> None:
    allow(GRANT, SEEN, MESSAGES[verb], HERE)
    fewer = tuple(other for other in GRANT.verbs if other != verb)
    for grant, mandate in (
        (replace(GRANT, verbs=fewer), MANDATE),
        (GRANT, replace(MANDATE, verbs=fewer)),
    ):
        with pytest.raises(NotAllowed) as refused:
            allow(grant, SeenMandate(mandate, 4600.0), MESSAGES[verb], HERE)
        assert (refused.value.verb, refused.value.why) == (verb, "verb")


@pytest.mark.parametrize("message", [*MESSAGES.values(), LESSON])
@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("none", "no-lesson"),
        ("over", "lesson-ended"),
        ("grant", "grant-ended"),
        ("other-grant", "class"),
        ("grant-class", "class"),
        ("device-class", "class"),
    ],
)
def test_nothing_moves_a_device_outside_its_lesson(message: FromApp, case: str, why: str) -> None:
    grant, seen, here = {
        "none": (GRANT, None, HERE),
        "over": (GRANT, SEEN, replace(HERE, boot=4600.0)),
        "grant": (GRANT, SEEN, replace(HERE, floor=GRANT.ends_at)),
        "other-grant": (replace(GRANT, id="g-2"), SEEN, HERE),
        "grant-class": (replace(GRANT, classes=("6A",)), SEEN, HERE),
        "device-class": (GRANT, SEEN, replace(HERE, classes=("6A",))),
    }[case]
    with pytest.raises(NotAllowed) as refused:
        allow(grant, seen, message, here)
    assert refused.value.why == why


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (replace(LESSON, lesson="lesson-2"), "lesson"),
        (replace(LESSON, class_id="6A"), "class"),
        (MaterialsDeclared(1, "lesson-2"), "lesson"),
        (HandInAsked("t-1", 60, "lesson-2"), "lesson"),
    ],
)
def test_a_message_names_the_mandates_own_lesson(message: FromApp, why: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        allow(GRANT, SEEN, message, HERE)
    assert refused.value.why == why


def test_a_cart_serves_any_class() -> None:
    allow(GRANT, SEEN, LESSON, replace(HERE, classes=("*",)))


def test_the_links_own_talk_needs_no_lesson() -> None:
    for message in (Hello(1, 1, "a", ""), MandateShown("", ""), Heard("x"), NotUnderstood("x")):
        allow(GRANT, None, message, HERE)


def test_every_message_an_app_can_send_is_judged_by_the_table() -> None:
    judged = {*VERBS, *FREE, LessonDeclared}
    assert judged == set(get_args(FromApp))
    assert {HandInTaken, HandAnswered} <= set(VERBS)


def test_a_grant_is_its_own_teachers_by_key() -> None:
    check_grant(GRANT, peer(TEACHER), NOW)
    thief = SCHOOL.identity("teacher", "teacher-1")  # the same name, another key
    with pytest.raises(NotAllowed):
        check_grant(GRANT, peer(thief), NOW)
    with pytest.raises(NotAllowed):
        check_grant(GRANT, peer(TEACHER), GRANT.ends_at)


def test_a_mandate_only_narrows_and_an_old_one_is_no_use() -> None:
    check_mandate(GRANT, MANDATE, MANDATE.ends_at + 3600)  # a teacher's clock an hour slow
    for mandate in (
        replace(MANDATE, grant="g-2"),
        replace(MANDATE, school="s-2"),
        replace(MANDATE, class_id="6A"),
        replace(MANDATE, ends_at=NOW - 86_400),
    ):
        with pytest.raises(NotAllowed):
            check_mandate(GRANT, mandate, NOW)


def token(header: object, payload: bytes = b"{}", signature: bytes = bytes(64)) -> str:
    parts = (json.dumps(header).encode(), payload, signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.mark.parametrize(
    "forged",
    [
        token({"alg": "none", "typ": GRANT_TYPE}),
        token({"alg": "HS256", "typ": GRANT_TYPE}),
        token({"alg": "EdDSA", "typ": GRANT_TYPE}),
        token({"alg": "Ed25519", "typ": GRANT_TYPE}),
        token({"alg": "Ed25519", "typ": GRANT_TYPE, "jku": "https://example.org/keys"}),
        token({"alg": "Ed25519", "typ": GRANT_TYPE, "b64": False, "crit": ["b64"]}),
        token(["alg"]),
        "x" * 5000,
        "é.é.é",
        "..",
        "",
        mandate_for(TEACHER),
        ".".join((*SCHOOL.grant(TEACHER).split(".")[:2], "A" * 86)),
        SmallSchool().grant(TEACHER),
    ],
)
def test_a_grant_the_school_did_not_sign_is_refused(forged: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        read_grant(forged, SCHOOL.school)
    assert refused.value.verb == "grant"


def test_one_kind_of_statement_never_passes_for_another() -> None:
    as_mandate = sign(GRANT, MANDATE_TYPE, SCHOOL.key)
    with pytest.raises(NotAllowed):
        read_grant(as_mandate, SCHOOL.school)
    as_grant = sign(GRANT, GRANT_TYPE, TEACHER.key)
    with pytest.raises(NotAllowed):
        read_grant(as_grant, SCHOOL.school)


def signed(grant: Grant) -> str:
    return sign(grant, GRANT_TYPE, SCHOOL.key)


def test_a_statement_that_lives_too_long_is_refused_whoever_signed_it() -> None:
    with pytest.raises(NotAllowed):
        read_grant(signed(replace(GRANT, ends_at=GRANT.issued_at + 15 * 86_400)), SCHOOL.school)
    with pytest.raises(NotAllowed):
        read_grant(signed(replace(GRANT, school="school-2")), SCHOOL.school)
    long = mandate_for(TEACHER, seconds=MANDATE_SECONDS_MAX + 1)
    with pytest.raises(NotAllowed):
        read_mandate(long, TEACHER.key.public_key())


def test_an_assignment_is_its_own_devices() -> None:
    assert read_assignment(SCHOOL.assignment("dev-1"), SCHOOL.school, "dev-1").classes == ("5B",)
    with pytest.raises(NotAllowed):
        read_assignment(SCHOOL.assignment("dev-1"), SCHOOL.school, "dev-2")


def test_a_mandate_lives_from_its_first_sight_on_the_boot_clock() -> None:
    clock = [100.0]
    mandates = Mandates(lambda: clock[0])
    assert mandates.see(MANDATE).ends_at == 3700.0
    clock[0] = 2000.0
    assert mandates.see(MANDATE).ends_at == 3700.0
    assert mandates.remaining() == {MANDATE.id: 1700.0}
    after_reboot = Mandates(lambda: 5.0, mandates.remaining())
    assert after_reboot.see(MANDATE).ends_at == 1705.0
    clock[0] = 9000.0
    assert Mandates(lambda: 5.0, mandates.remaining()).see(MANDATE).ends_at == 5.0


def test_mandates_remember_a_bounded_number() -> None:
    mandates = Mandates(lambda: 0.0)
    for number in range(REMEMBERED_MAX + 50):
        mandates.see(replace(MANDATE, id=f"m-{number}"))
    assert len(mandates.remaining()) == REMEMBERED_MAX


def test_a_lesson_is_the_first_teachers_who_named_it_and_no_flood_makes_that_forgotten() -> None:
    """Its id is no secret; a colleague under it would see the class, named on no bar."""
    mandates = Mandates(lambda: 0.0)
    mandates.see(MANDATE, "claire")
    mandates.see(replace(MANDATE, id="m-2"), "claire")
    for number in range(REMEMBERED_MAX + 50):
        mandates.see(replace(MANDATE, id=f"m{number}", lesson=f"l{number}"), "zoe")
    with pytest.raises(NotAllowed):
        mandates.see(replace(MANDATE, id="m-3"), "zoe")
    again = Mandates(lambda: 0.0, owners={MANDATE.lesson: "claire"})
    with pytest.raises(NotAllowed):
        again.see(MANDATE, "zoe")


def test_the_floor_rises_by_the_schools_signature_and_never_falls() -> None:
    floor = Floor(NOW, 10.0)
    assert floor.at(70.0) == NOW + 60
    assert floor.raised(NOW + 1000, 70.0, NOW).at(80.0) == NOW + 1010
    assert floor.raised(NOW - 1000, 70.0, NOW).at(70.0) == NOW + 60
    assert floor.raised(FLOOR_HIGHEST + 1, 70.0, NOW).at(70.0) == NOW + 60
    assert Floor().at(0.0) == FLOOR_LOWEST


def test_a_server_whose_clock_leapt_raises_no_floor_where_a_clock_disagrees() -> None:
    floor, year = Floor(NOW, 10.0), 365 * 86_400
    right = NOW + 5
    assert floor.raised(NOW + year, 10.0, right).at(10.0) == NOW
    assert floor.raised(NOW + 86_400, 10.0, right).at(10.0) == NOW + 86_400, "a time zone, a drift"
    assert floor.raised(NOW + year, 10.0, NOW - 5).at(10.0) == NOW, "a second slower: a witness"
    leapt = floor.raised(NOW + year, 10.0, right)
    assert leapt.raised(NOW + 60, 70.0, NOW + 65).at(70.0) == NOW + 60, "it was one hour"
    later = 10.0 + CONFIRMED_SECONDS
    for of_then in (NOW + year, NOW + year + 60):
        shown = leapt.raised(of_then, later, right)
        assert shown.at(later) < NOW + year, "shown again, what was signed in that hour is no more"
    goes_on = NOW + year + CONFIRMED_SECONDS
    assert leapt.raised(goes_on, later - 1, right).at(later) < NOW + year, "not for hours"
    assert leapt.raised(goes_on, later, right).at(later) == goes_on, "the school goes on to say so"
    further = leapt.raised(NOW + 3 * year, later, right)
    assert further.at(later) < NOW + year, "it leaps on"
    woke_in_1970 = 1000.0
    assert floor.raised(NOW + year, 10.0, woke_in_1970).at(10.0) == NOW + year, "no witness"


def test_an_expired_identity_ends_at_the_floor_and_a_future_one_is_taken() -> None:
    der = TEACHER.certificate.public_bytes(Encoding.DER)
    with pytest.raises(NotPaired):
        accept(der, SCHOOL.school, NOW + 395 * 86_400, "teacher")
    accept(der, SCHOOL.school, FLOOR_LOWEST, "teacher")  # issued long after this floor
    for bad in (None, b"", b"\x30\x00", der[:-1]):
        with pytest.raises(NotPaired):
            accept(bad, SCHOOL.school, NOW, "teacher")


def test_an_identity_is_refused_for_its_role_its_school_and_its_length() -> None:
    other = SmallSchool()
    for der_of, role in (
        (TEACHER, "device"),
        (SCHOOL.identity("teacher", "t", days=800), "teacher"),
        (SCHOOL.identity("teacher", "t", uris=("pupitre://other/teacher/t",)), "teacher"),
        (SCHOOL.identity("teacher", "t", uris=("pupitre://school-1/teacher/a/b",)), "teacher"),
        (SCHOOL.identity("teacher", "t", uris=("https://school-1/teacher/a",)), "teacher"),
        (Identity(SCHOOL.key, SCHOOL.school.root), "teacher"),
        (other.identity("teacher", "t"), "teacher"),
    ):
        der = der_of.certificate.public_bytes(Encoding.DER)
        with pytest.raises(NotPaired):
            accept(der, SCHOOL.school, NOW, "device" if role == "device" else "teacher")


def test_a_root_is_pinned_for_its_own_school_only() -> None:
    assert School.pin("school-1", SCHOOL.school.root_pem).id == "school-1"
    for pem in (b"", b"x" * 100_000, TEACHER.certificate_pem):
        with pytest.raises(NotPaired):
            School.pin("school-1", pem)
    with pytest.raises(NotPaired):
        School.pin("school-2", SCHOOL.school.root_pem)
    with pytest.raises(NotPaired):
        Identity.of(new_key(), TEACHER.certificate_pem)
