"""The table of the design, section 9: tile width x columns, for 1 to 100 pupils."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classroom_app.presenters.layout import WIDTH_MAX, WIDTH_MIN, grid, room

TABLE = {
    (1366, 768): ["960x1", "269x3", "188x6", "182x7", "139x9", "139x9"],
    (1366, 690): ["829x1", "258x5", "158x8", "153x7", "139x9", "139x9"],
    (1920, 1080): ["960x1", "444x3", "306x6", "261x7", "227x8", "136x13"],
    (3840, 2160): ["960x1", "960x3", "621x6", "603x6", "485x7", "299x12"],
}


@pytest.mark.parametrize(("size", "expected"), TABLE.items())
def test_tiles_are_as_large_as_the_table_says(size: tuple[int, int], expected: list[str]) -> None:
    width, height = size[0] - 32, size[1] - 180
    made = [grid(count, width, height) for count in (1, 9, 24, 28, 40, 100)]
    assert [f"{int(one.width)}x{one.columns}" for one in made] == expected


def test_a_small_window_scrolls_by_whole_rows() -> None:
    assert grid(100, 1334, 588).rows_seen * 9 == 45
    assert grid(40, 1334, 510).rows_seen * 9 == 36


def test_zoom_makes_tiles_larger_and_scrolls() -> None:
    plain, large = grid(28, 1334, 588), grid(28, 1334, 588, 1.5)
    assert large.width > plain.width
    assert large.rows > large.rows_seen


@settings(max_examples=80, deadline=None)
@given(
    count=st.integers(0, 120),
    width=st.integers(200, 4000),
    height=st.integers(150, 2200),
    zoom=st.sampled_from([0.6, 1.0, 1.5, 2.5]),
)
def test_every_tile_has_a_place_and_a_sane_size(
    count: int, width: int, height: int, zoom: float
) -> None:
    made = grid(count, width, height, zoom)
    assert made.columns * made.rows >= count
    assert made.columns * made.width + (made.columns - 1) * made.gap <= width + 1
    assert min(WIDTH_MIN, width) - 1 <= made.width <= WIDTH_MAX
    assert 1 <= made.rows_seen <= max(1, made.rows)


@settings(max_examples=60, deadline=None)
@given(
    columns=st.integers(1, 16),
    rows=st.integers(1, 12),
    width=st.integers(900, 4000),
    height=st.integers(150, 2200),
    zoom=st.sampled_from([0.6, 1.0, 2.5]),
)
def test_a_room_keeps_its_columns_at_any_size_and_zoom(
    columns: int, rows: int, width: int, height: int, zoom: float
) -> None:
    made = room(columns, columns * rows, width, height, zoom)
    assert (made.columns, made.rows) == (columns, rows)
    assert made.columns * made.width + (made.columns - 1) * made.gap <= width + 1
    assert made.width >= min(WIDTH_MIN, (width - made.gap * (columns - 1)) / columns) - 1
