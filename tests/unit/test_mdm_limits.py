"""Token buckets: a burst, then a pace; each for itself, in bounded memory."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central_mdm.platform.errors import TooFast
from central_mdm.platform.limits import Buckets, Limits, Rate, Rates


class Ticks:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def passes(buckets: Buckets, whose: str) -> bool:
    try:
        buckets.take(whose)
    except TooFast:
        return False
    return True


def test_a_burst_passes_and_then_one_each_pause() -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(3, 0.5), ticks)
    assert [passes(buckets, "one") for _ in range(5)] == [True] * 3 + [False] * 2
    assert passes(buckets, "another"), "each has a bucket of its own"
    ticks.at += 2
    assert [passes(buckets, "one") for _ in range(2)] == [True, False]
    ticks.at += 60
    assert [passes(buckets, "one") for _ in range(4)] == [True] * 3 + [False]


def test_who_is_refused_is_told_when_it_will_pass() -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(1, 0.1), ticks)
    buckets.take("one")
    with pytest.raises(TooFast) as refused:
        buckets.take("one")
    assert (refused.value.status, refused.value.after_seconds) == (429, 10)
    ticks.at += refused.value.after_seconds
    assert passes(buckets, "one")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 3)), max_size=80))
def test_no_more_ever_pass_than_burst_and_pace_allow(asked: list[tuple[str, float]]) -> None:
    ticks = Ticks()
    buckets = Buckets(Rate(4, 2), ticks)
    passed: dict[str, list[float]] = {"a": [], "b": []}
    for whose, pause in asked:
        ticks.at += pause
        if passes(buckets, whose):
            passed[whose].append(ticks.at)
    for times in passed.values():
        for first in range(len(times)):
            for last in range(first, len(times)):
                allowed = 4 + 2 * (times[last] - times[first])
                assert last - first + 1 <= allowed + 1e-6


def test_made_up_names_fill_no_memory() -> None:
    buckets = Buckets(Rate(3, 1), Ticks(), held_max=100)
    for number in range(1000):
        buckets.take(f"made-up-{number}")
    assert len(buckets) == 100


def test_a_hasty_device_takes_nothing_from_its_school_and_a_school_nothing_from_another() -> None:
    rates = Rates(device=Rate(2, 1), school=Rate(5, 1))
    limits = Limits(Ticks(), rates)

    def passing(school: str, device: str, times: int) -> int:
        passed = 0
        for _ in range(times):
            try:
                limits.holder(school, "device", device)
            except TooFast:
                continue
            passed += 1
        return passed

    assert passing("tilleuls", "hasty", 100) == 2
    assert passing("tilleuls", "calm", 2) == 2
    assert passing("tilleuls", "third", 2) == 1, "five is what the school has"
    assert passing("elsewhere", "hasty", 2) == 2


def test_who_makes_refresh_tokens_up_keeps_nobody_from_signing_in_nor_another_address() -> None:
    limits = Limits(Ticks(), Rates(strangers=Rate(5, 1), renewals=Rate(5, 1)))
    for number in range(100):
        limits.shown("refresh", f"made-up-{number}")
        with suppress(TooFast):
            limits.renewal("tilleuls", "10.0.0.66")
    with pytest.raises(TooFast):
        limits.renewal("tilleuls", "10.0.0.66")
    limits.renewal("tilleuls", "10.0.0.7")
    limits.shown("login", "tilleuls/lambert")
    limits.stranger("tilleuls", "code")


def test_who_makes_logins_up_takes_nothing_from_who_comes_by_an_account_or_a_code() -> None:
    limits = Limits(Ticks(), Rates(strangers=Rate(5, 1), made_up=Rate(5, 1)))
    for _ in range(5):
        limits.made_up("tilleuls")
    with pytest.raises(TooFast):
        limits.made_up("tilleuls")
    limits.made_up("elsewhere")
    limits.stranger("tilleuls", "code")


def test_who_floods_one_way_in_keeps_nobody_out_who_comes_by_another() -> None:
    limits = Limits(Ticks(), Rates(strangers=Rate(5, 1)))
    for _ in range(5):
        limits.stranger("tilleuls", "account-begun")
    with pytest.raises(TooFast):
        limits.stranger("tilleuls", "account-begun")
    limits.stranger("tilleuls", "code")
    limits.stranger("tilleuls", "account-done")
    limits.stranger("elsewhere", "account-begun")
