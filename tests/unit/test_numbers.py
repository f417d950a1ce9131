"""Numbers that a copy of the database does not give again."""

from central_mdm.platform.numbers import STRETCH, number_after


def test_a_number_goes_by_the_clock_and_by_chance_where_the_clock_is_behind() -> None:
    assert number_after(100, 200) == 200
    drawn = {number_after(200, 100) for _ in range(100)}
    assert min(drawn) > 200
    assert max(drawn) <= 200 + STRETCH
    assert len(drawn) > 50, "a server that was set back counts on otherwise"
