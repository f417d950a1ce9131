"""Where a screen changed, in few boxes, none of it lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.agent.areas import cut, few, packed
from device_bridge.agent.capabilities import AREAS_MAX, Area

MONITOR = Area(1280, 0, 1920, 1080)
AREAS = st.lists(
    st.builds(
        Area,
        x=st.integers(-200, 3500),
        y=st.integers(-200, 1300),
        width=st.integers(1, 2000),
        height=st.integers(1, 1200),
    ),
    max_size=60,
)


def test_only_what_lies_on_the_monitor_is_told_from_its_own_corner() -> None:
    drawn = [Area(1270, -5, 20, 10), Area(0, 0, 1280, 1080), Area(3190, 1070, 50, 50)]
    assert cut(drawn, MONITOR) == [Area(0, 0, 10, 5), Area(1910, 1070, 10, 10)]


def test_two_far_corners_do_not_become_the_whole_screen() -> None:
    drawn = [Area(x, y, 4, 4) for at in range(20) for x, y in ((at, 0), (1900 - at, 1070))]
    assert set(few(drawn, Area(0, 0, 1920, 1080))) == {
        Area(0, 0, 23, 4),
        Area(1881, 1070, 23, 4),
    }


@settings(max_examples=40, deadline=None)
@given(AREAS)
def test_however_much_was_drawn_it_is_in_few_boxes(drawn: list[Area]) -> None:
    seen = cut(drawn, MONITOR)
    boxes = few(seen, MONITOR)
    assert len(boxes) <= AREAS_MAX
    assert all(any(box.holds(area) for box in boxes) for area in seen)
    assert all(Area(0, 0, MONITOR.width, MONITOR.height).holds(box) for box in boxes)


def test_the_padding_behind_each_row_is_left_out() -> None:
    rows = memoryview(b"aaaabbbb----ccccdddd----")
    assert packed(rows, 12, 2, 2) == b"aaaabbbbccccdddd"
    assert packed(rows, 8, 2, 3) == bytes(rows)
