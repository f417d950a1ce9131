"""The codes of RFC 6238, appendix B, which are of eight digits, and how near they must be."""

import pytest

from central_mdm.identity.second_factor import STEP_SECONDS, code_at, step_of

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert code_at(SECRET, at // STEP_SECONDS, digits=8) == code


def test_a_code_fits_one_step_before_and_after_and_never_the_last_one_again() -> None:
    now = 1_111_111_109
    here = now // STEP_SECONDS
    taken = [step_of(SECRET, code_at(SECRET, here + away), now, [0]) for away in range(-2, 3)]
    assert taken == [0, here - 1, here, here + 1, 0]
    assert step_of(SECRET, code_at(SECRET, here), now, [0, here]) == 0
    assert step_of(SECRET, code_at(SECRET, here - 1), now, [0, here]) == 0, "older than the last"


def test_what_a_clock_ahead_has_spent_keeps_out_itself_alone() -> None:
    now = 1_111_111_109
    here = now // STEP_SECONDS
    far = here + 2 * 365 * 2880
    spent = [here - 40, here, far]

    def taken(step: int, at: int) -> int:
        return step_of(SECRET, code_at(SECRET, step), at * STEP_SECONDS, spent)

    assert [taken(here + away, here) for away in (-1, 0, 1)] == [0, 0, here + 1]
    assert [taken(far + away, far) for away in (-1, 0, 1)] == [0, 0, far + 1], "when it comes"
    assert taken(here - 40, here - 40) == 0, "a clock that is set back brings no code back"
    assert taken(here - 50, here - 50) == 0, "nor one of before all that are known"
