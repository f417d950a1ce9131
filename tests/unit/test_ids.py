"""Ids rise with time, and no two are alike."""

import time
from uuid import RFC_4122, UUID

from classroom_app.ids import new_id


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_it() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(new_id())
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_no_two_of_many_ids_are_alike_and_later_ones_are_greater() -> None:
    earlier = [new_id() for _ in range(5000)]
    assert len(set(earlier)) == 5000
    clock = time.time_ns()
    while time.time_ns() - clock < 2_000_000:
        pass
    assert min(new_id() for _ in range(100)) > max(earlier)
