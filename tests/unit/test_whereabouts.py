"""A tile says "other network" with evidence: a device's own word, or a place that was tried."""

import pytest
from msgspec.structs import replace

from classroom_app.domain.evidence import Evidence
from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.room import LockWanted, Place, tile_of
from classroom_app.domain.tile import State, Tile
from classroom_app.domain.whereabouts import (
    TOLD_SECONDS,
    Elsewhere,
    Sight,
    Told,
    elsewhere,
    told_here,
)
from device_bridge.agent.guard.inventory import networks_of
from device_bridge.discovery.interfaces import OwnAddress

ONE = DeviceId("d1")
NOW = 5000.0
SCHOOL, GUEST = "10.7.0.0/16", "192.168.4.0/24"
NAMES = {SCHOOL: "School", GUEST: ""}
MET = Sight(own=(GUEST,), names=NAMES, last={ONE: "10.7.0.20"})


def where(sight: Sight) -> Elsewhere | None:
    return elsewhere(sight, [ONE], NOW).get(ONE)


def test_where_a_device_was_last_is_named_as_that_network_was_called() -> None:
    assert where(MET) == Elsewhere("School")
    assert where(replace(MET, names={SCHOOL: ""})) == Elsewhere(SCHOOL)
    assert where(replace(MET, names={})) == Elsewhere("10.7.0.20")


@pytest.mark.parametrize(
    "sight",
    [
        replace(MET, own=()),  # this computer is on no network at all
        replace(MET, own=(GUEST, "10.7.0.0/24")),
        replace(MET, last={}),
        replace(MET, last={ONE: "tablet-1.school.example"}),
        replace(MET, linked=("10.7.9.9",)),  # a router leads there, so the device is off
        replace(MET, names={}, linked=("10.7.0.99",)),
    ],
)
def test_what_proves_nothing_says_nothing(sight: Sight) -> None:
    assert where(sight) is None


def test_a_link_into_a_third_network_proves_nothing_of_the_second() -> None:
    assert where(replace(MET, linked=("10.9.0.4",))) == Elsewhere("School")


def test_what_a_device_told_the_school_lately_is_believed_more_than_where_it_was() -> None:
    told = replace(MET, told={ONE: Told(("10.9.0.0/24",), NOW - 60)})
    assert where(told) == Elsewhere("School", "10.9.0.0/24", NOW - 60)
    named = replace(told, names={"10.9.0.0/24": "Cart"}, last={})
    assert where(named) == Elsewhere("", "Cart", NOW - 60)
    here = replace(MET, told={ONE: Told(("172.17.0.0/16", "192.168.4.0/24"), NOW - 60)})
    assert where(here) is None
    old = replace(MET, told={ONE: Told(("10.9.0.0/24",), NOW - TOLD_SECONDS - 1)})
    assert where(old) == Elsewhere("School")


def test_a_device_that_said_lately_that_it_is_here_and_is_not_reached_is_a_sign() -> None:
    here = replace(MET, told={ONE: Told((GUEST,), NOW - 60)})
    assert told_here(here, ONE, NOW)
    assert not told_here(here, ONE, NOW + TOLD_SECONDS)
    assert not told_here(MET, ONE, NOW)
    assert not told_here(replace(here, own=(SCHOOL,)), ONE, NOW)


def test_garbled_and_mixed_ranges_are_no_evidence() -> None:
    assert where(replace(MET, told={ONE: Told(("x/24", "10.0.0.0/99"), NOW)})) == Elsewhere(
        "School"
    )
    six = replace(MET, own=("2001:db8:1::/64",), told={ONE: Told(("10.9.0.0/24",), NOW)})
    assert where(replace(six, last={})) == Elsewhere("", "10.9.0.0/24", NOW)
    assert where(replace(six, last={ONE: "fe80::1%eth0"}, told={})) is None


def test_a_device_tells_ranges_and_no_names_and_leaves_out_what_all_have() -> None:
    own = [
        OwnAddress("lo", "127.0.0.1", 8),
        OwnAddress("w", "2001:db8::5", 64),
        OwnAddress("w", "10.7.3.4", 16),
        OwnAddress("w", "10.7.3.5", 16),
        OwnAddress("w", "fe80::1", 64, 2),
        OwnAddress("e", "169.254.2.2", 16),
    ]
    assert networks_of(own) == "10.7.0.0/16 2001:db8::/64"


# what a tile makes of it

PLACE = Place(PupilId("p1"), ONE, "Lina", 1)
LAST, SAID, BOTH = (
    Elsewhere("School"),
    Elsewhere("", "Cart", 4000.0),
    Elsewhere("School", "Cart", 4000.0),
)
TRIED = Evidence(ONE, why_gone="unreachable")
GONE = Evidence(ONE, gone_since=3000.0, why_gone="lost")


def tile(seen: Evidence | None, there: Elsewhere | None) -> Tile:
    return tile_of(PLACE, seen, LockWanted(), others_locked=False, now=NOW, elsewhere=there)


@pytest.mark.parametrize(
    ("seen", "there", "state", "reason", "since"),
    [
        (None, None, State.NOT_HERE, "", 0.0),
        (None, LAST, State.NOT_HERE, "", 0.0),  # not tried yet
        (TRIED, LAST, State.OTHER_NETWORK, "School", 0.0),
        (None, SAID, State.OTHER_NETWORK, "Cart", 4000.0),
        (TRIED, None, State.NOT_HERE, "unreachable", 0.0),
        (Evidence(ONE, why_gone="not-paired"), SAID, State.NOT_HERE, "not-paired", 0.0),
        (GONE, LAST, State.OTHER_NETWORK, "School", 0.0),
        (GONE, SAID, State.OTHER_NETWORK, "Cart", 4000.0),
        (replace(GONE, gone_since=4500.0), BOTH, State.OTHER_NETWORK, "School", 0.0),
        (replace(GONE, gone_since=4500.0), SAID, State.GONE, "lost", 4500.0),
        (replace(GONE, why_gone="not-paired"), SAID, State.GONE, "not-paired", 3000.0),
    ],
)
def test_a_tile_says_other_network_with_evidence_only(
    seen: Evidence | None, there: Elsewhere | None, state: State, reason: str, since: float
) -> None:
    shown = tile(seen, there)
    assert (shown.state, shown.reason, shown.since) == (state, reason, since)


def test_who_is_here_is_here_whatever_the_school_was_told() -> None:
    here = Evidence(ONE, up_since=4990.0, heard_at=4999.0)
    assert tile(here, SAID).state is State.WAITING
