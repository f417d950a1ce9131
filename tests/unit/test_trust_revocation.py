"""Whom the school has ended: lists that only go forward, and what they end."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from central_mdm.contract.grants import DENIED_MAX
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.allow import Standing, allow
from device_bridge.trust.grants import DENY_BYTES_MAX, read_grant, read_mandate
from device_bridge.trust.identity import thumbprint
from device_bridge.trust.mandates import SeenMandate
from device_bridge.trust.revocation import ENDED_SECONDS, DenyLists, Forgotten
from tests.school import NOW, SmallSchool, mandate_for

SCHOOL = SmallSchool()
TEACHER = SCHOOL.identity("teacher", "teacher-1")
OTHER = SCHOOL.identity("teacher", "teacher-2")
STRANGER = SCHOOL.identity("teacher", "teacher-3")
SEEN = SeenMandate(read_mandate(mandate_for(TEACHER), TEACHER.key.public_key()), 4600.0)
LOCK = LockDeclared(1, locked=True, lease_seconds=60)
LISTS = [SCHOOL.deny_list(number, *([TEACHER] if number % 2 else [])) for number in range(1, 7)]


def judged(grant: str, lists: DenyLists) -> None:
    here = Standing(NOW, 1000.0, ("5B",), "dev-1", lists.denied)
    allow(read_grant(grant, SCHOOL.school), SEEN, LOCK, here)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5)))
def test_however_lists_come_the_highest_holds(order: list[int]) -> None:
    lists = DenyLists(SCHOOL.school)
    for place in order:
        newer = place + 1 > lists.denied.number
        assert lists.take(LISTS[place]) == newer
    assert lists.denied.number == max(order, default=-1) + 1
    assert lists.token == (LISTS[max(order)] if order else "")


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        ({"grants": ("grant-teacher-1",)}, "revoked"),
        ({"generation": 1}, "revoked"),
        ({}, ""),
    ],
)
def test_a_list_ends_grants_by_name_and_by_generation(ending: dict[str, object], why: str) -> None:
    lists = DenyLists(SCHOOL.school, SCHOOL.deny_list(1, OTHER, **ending))  # pyright: ignore[reportArgumentType] - a row's own
    grant = SCHOOL.grant(TEACHER)
    if not why:
        judged(grant, lists)
        return
    with pytest.raises(NotAllowed) as refused:
        judged(grant, lists)
    assert (refused.value.verb, refused.value.why) == ("lock", why)


def test_a_key_on_the_list_is_nobodys_at_the_door_and_moves_nothing_inside() -> None:
    lists = DenyLists(SCHOOL.school, SCHOOL.deny_list(1, TEACHER))
    der = TEACHER.certificate.public_bytes(Encoding.DER)
    assert accept(der, SCHOOL.school, NOW, "teacher").party.id == "teacher-1"
    with pytest.raises(NotPaired, match="revoked"):
        accept(der, SCHOOL.school, NOW, "teacher", lists.denied.keys)
    with pytest.raises(NotAllowed) as refused:
        judged(SCHOOL.grant(TEACHER), lists)
    assert refused.value.why == "revoked"


def test_a_grant_is_honoured_under_the_list_it_names_or_a_newer_one() -> None:
    lists, grant = DenyLists(SCHOOL.school), SCHOOL.grant(TEACHER, deny_list=2)
    for list_ in (SCHOOL.deny_list(2, OTHER), LISTS[3]):
        lists.take(list_)
        judged(grant, lists)
    behind = DenyLists(SCHOOL.school, SCHOOL.deny_list(1, OTHER))
    with pytest.raises(NotAllowed) as refused:
        judged(grant, behind)
    assert refused.value.why == "deny-list"


def test_a_grant_and_a_mandate_may_name_the_only_devices() -> None:
    grant = read_grant(SCHOOL.grant(TEACHER, devices=("dev-1", "dev-2")), SCHOOL.school)
    fewer = SeenMandate(replace(SEEN.mandate, devices=("dev-2", "dev-3")), SEEN.ends_at)
    for seen, device, may in (
        (SEEN, "dev-1", True),
        (SEEN, "dev-3", False),
        (fewer, "dev-1", False),
        (fewer, "dev-2", True),
        (fewer, "dev-3", False),  # a mandate cannot widen its grant
    ):
        here = Standing(NOW, 1000.0, ("5B",), device)
        if may:
            allow(grant, seen, LOCK, here)
        else:
            with pytest.raises(NotAllowed) as refused:
                allow(grant, seen, LOCK, here)
            assert refused.value.why == "device"


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (SmallSchool().deny_list(9, TEACHER), "forged"),
        (SCHOOL.grant(TEACHER), "malformed"),
        ("x" * (DENY_BYTES_MAX + 1), "malformed"),
        ("", "none"),
    ],
)
def test_what_the_school_has_not_signed_as_a_list_changes_nothing(token: str, why: str) -> None:
    lists = DenyLists(SCHOOL.school, LISTS[0])
    with pytest.raises(NotAllowed) as refused:
        lists.take(token)
    assert (refused.value.verb, refused.value.why) == ("deny-list", why)
    assert lists.token == LISTS[0]


def test_whom_a_list_has_ended_stays_refused_under_a_newer_one_that_has_forgotten_it() -> None:
    lists = DenyLists(SCHOOL.school, SCHOOL.deny_list(5, TEACHER, grants=("grant-teacher-2",)))
    assert lists.take(SCHOOL.deny_list(8, OTHER))
    assert lists.denied.keys >= {thumbprint(one.key.public_key()) for one in (TEACHER, OTHER)}
    for grant in (SCHOOL.grant(TEACHER), SCHOOL.grant(STRANGER, name="teacher-2")):
        with pytest.raises(NotAllowed, match="revoked"):
            judged(grant, lists)
    again = DenyLists(SCHOOL.school, lists.token, lists.denied.forgotten)
    assert again.denied == lists.denied, "as it was kept over the machine's death"
    assert again.take(SCHOOL.deny_list(9, TEACHER, OTHER, grants=("grant-teacher-2",)))
    assert again.denied.forgotten == Forgotten(), "the school knows it again"


def test_grants_of_a_generation_that_a_set_back_school_forgot_are_those_given_before() -> None:
    lists = DenyLists(SCHOOL.school, SCHOOL.deny_list(5, generation=3))
    lists.take(SCHOOL.deny_list(8, generation=2))
    lists.take(SCHOOL.deny_list(9, generation=2))
    for given_under, why in ((0, "revoked"), (4, "revoked"), (5, ""), (8, "")):
        grant = SCHOOL.grant(TEACHER, generation=2, deny_list=given_under)
        if why:
            with pytest.raises(NotAllowed, match=why):
                judged(grant, lists)
        else:
            judged(grant, lists)
    assert lists.take(SCHOOL.deny_list(10, generation=3))
    assert lists.denied.forgotten == Forgotten()


def test_whom_a_list_has_dropped_is_forgotten_once_no_certificate_of_then_can_be_good() -> None:
    lists = DenyLists(SCHOOL.school, SCHOOL.deny_list(1, TEACHER))
    assert lists.take(SCHOOL.deny_list(2, issued_at=NOW + ENDED_SECONDS - 1))
    assert lists.denied.keys
    assert lists.take(SCHOOL.deny_list(3, issued_at=NOW + ENDED_SECONDS))
    assert (lists.denied.keys, lists.denied.forgotten) == (frozenset(), Forgotten())


def test_a_full_list_fits_into_one_message() -> None:
    many = SCHOOL.identity("teacher", "teacher-9")
    full = SCHOOL.deny_list(1, *[many] * DENIED_MAX, grants=("g" * 36,) * DENIED_MAX)
    assert len(full) <= DENY_BYTES_MAX
    assert DenyLists(SCHOOL.school).take(full)
