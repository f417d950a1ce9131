"""The teacher's papers at a start of the app: what time it is at least."""

from dataclasses import dataclass, field

from msgspec.structs import replace

from classroom_app.papers import Papers
from classroom_app.succession import heir_to
from device_bridge.trust.floor import AHEAD_SECONDS, FLOOR_LOWEST
from tests.papers import signed_papers
from tests.school import NOW, SmallSchool

DAY = 24 * 3600
YEAR = 365 * DAY


@dataclass
class Laptop:
    """A teacher's; the test holds both clocks."""

    school: SmallSchool = field(default_factory=SmallSchool)
    boot: float = 50.0
    wall: float = NOW

    def __post_init__(self) -> None:
        teacher = self.school.identity("teacher", "teacher-1")
        self.kept = signed_papers(self.school, teacher, grant=self.school.grant(teacher))

    def started(self) -> Papers:
        return Papers(self.kept, lambda: self.boot, lambda: self.wall)


def test_who_gets_no_grant_any_more_knows_the_time_by_the_list_that_was_kept() -> None:
    laptop = Laptop()
    assert laptop.started().floor() == NOW
    laptop.wall += YEAR
    newer = laptop.school.deny_list(7, issued_at=NOW + 200 * DAY)
    laptop.kept = replace(laptop.kept, deny_list=newer)
    assert laptop.started().floor() == NOW + 200 * DAY
    laptop.kept = replace(laptop.kept, grant="")
    assert laptop.started().floor() == NOW + 200 * DAY


def test_time_goes_on_from_what_was_kept_and_a_new_sign_in_keeps_it() -> None:
    laptop = Laptop()
    assert replace(laptop.kept, grant="").floor == 0
    laptop.kept = replace(laptop.kept, floor=NOW + 100 * DAY)
    laptop.wall = NOW + 101 * DAY
    papers = laptop.started()
    laptop.boot += 3600
    assert papers.floor() == NOW + 100 * DAY + 3600
    fresh = replace(laptop.kept, floor=0)
    assert heir_to(fresh, laptop.kept).floor == NOW + 100 * DAY
    assert heir_to(fresh, replace(laptop.kept, school="another")).floor == 0


def test_what_was_kept_while_the_own_clock_was_ahead_ends_nothing_once_it_is_right() -> None:
    laptop = Laptop()
    laptop.kept = replace(laptop.kept, floor=NOW + 30 * DAY)
    assert laptop.started().floor() == NOW


def test_a_list_that_was_signed_in_a_leap_raises_nothing_at_a_start_either() -> None:
    laptop = Laptop()
    leapt = laptop.school.deny_list(7, issued_at=NOW + AHEAD_SECONDS + 1)
    laptop.kept = replace(laptop.kept, deny_list=leapt)
    assert laptop.started().floor() == NOW
    laptop.kept = replace(laptop.kept, grant="")
    assert laptop.started().floor() == FLOOR_LOWEST
