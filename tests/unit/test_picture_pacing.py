"""How much a class's pictures may take, and how a device keeps to its share."""

from classroom_app.domain import budget
from device_bridge.agent.seat.pacing import GOOD_FRAMES, QUALITIES, SLOW_SECONDS, Pacing
from device_bridge.protocol.seat import Look

CLOSE = Look(1, "close", 1920, 1080, pace=30)


def test_few_tiles_are_asked_for_twice_a_second_and_a_hundred_still_each_second() -> None:
    assert [budget.pace(count) for count in (0, 1, 40, 100)] == [2.0, 2.0, 2.0, 1.25]


def test_shares_overlap_while_few_screens_change_and_never_less_than_evenly() -> None:
    limit = budget.WALL_BYTES_PER_SECOND
    assert budget.share(40, 1.0) * 40 == limit
    assert budget.next_spread(4.0, limit * 2) == 2.0
    assert budget.next_spread(1.0, limit * 2) == 1.0
    assert budget.next_spread(4.0, limit / 2) == 4.0
    assert budget.next_spread(4.0, limit / 10) == 8.0
    assert budget.next_spread(budget.SPREAD_MAX, 1.0) == budget.SPREAD_MAX


def test_a_weak_link_makes_pictures_coarser_and_a_good_one_fine_again() -> None:
    pacing, slow = Pacing(CLOSE), SLOW_SECONDS["close"]
    qualities = QUALITIES["close"]
    for worse in (*qualities[1:], qualities[-1]):
        pacing.sent(100_000, 10.0)
        pacing.taken(10.0 + 2 * slow)
        assert pacing.quality == worse
    for _ in range(GOOD_FRAMES * len(qualities)):
        pacing.sent(100_000, 20.0)
        pacing.taken(20.0 + slow / 10)
    assert pacing.quality == qualities[0]


def test_a_large_frame_is_paid_for_by_a_longer_rest_and_a_small_one_is_not() -> None:
    pacing = Pacing(Look(1, "overview", 320, 180, pace=2.0, bytes_per_second=10_000))
    pacing.sent(40_000, 0.0)
    assert pacing.rest_seconds() == 4.0
    assert pacing.rest_seconds() == 0.5, "it is paid once"
    pacing.sent(1_000, 0.0)
    assert pacing.rest_seconds() == 0.5
    free = Pacing(Look(1, "overview", 320, 180, pace=2.0))
    free.sent(40_000, 0.0)
    assert free.rest_seconds() == 0.5
