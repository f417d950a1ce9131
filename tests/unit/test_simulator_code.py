"""The mosaic says whose screen a tile shows, after all that happens to a picture on its way."""

import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from device_bridge.simulator import code
from device_bridge.simulator.screens import BEHAVIOURS, SIZES, BehavingScreen, Behaviour

NOW = 1_795_500_000.0


def screen(behaviour: Behaviour, size: tuple[int, int], at: float = 30.0) -> Image.Image:
    moments = iter([NOW, NOW + at])
    return BehavingScreen("dev-7", 7, behaviour, lambda: next(moments), size).picture()


def scaled(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BILINEAR)  # pyright: ignore[reportUnknownMemberType]


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    raw = BytesIO()
    image.save(raw, "JPEG", quality=quality)
    return Image.open(raw).convert("RGB")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_code_is_read_from_any_tile(behaviour: Behaviour, size: tuple[int, int]) -> None:
    whole = screen(behaviour, size)
    expected = (code.hash_of("dev-7"), code.number_at(NOW + 30))
    assert code.read(whole) == expected
    for width in (128, 136, 151, 200, 320, 507, 960):
        sent = as_jpeg(scaled(whole, (width, width * size[1] // size[0])), 60)
        assert code.read(sent) == expected, width
        shown = scaled(sent, (136, 76))
        assert code.read(shown) == expected, f"{width} shown at 136"


def test_ribbon_badge_bar_and_rounded_corners_do_not_hide_it() -> None:
    tile = scaled(screen("writing", SIZES[0]), (136, 76))
    pen = ImageDraw.Draw(tile)
    pen.rectangle((0, 50, 136, 76), (20, 20, 30))
    pen.rectangle((112, 0, 136, 24), (255, 200, 0))
    pen.rectangle((0, 0, 10, 10), (255, 255, 255))
    pen.rectangle((20, 0, 116, 6), (30, 30, 30))
    assert code.read(tile) == (code.hash_of("dev-7"), code.number_at(NOW + 30))


@pytest.mark.parametrize("area", [(200, 200), (300, 120), (136, 90)])
def test_bars_at_the_sides_do_not_matter(area: tuple[int, int]) -> None:
    width = min(area[0], area[1] * 16 // 9)
    height = width * 9 // 16
    tile = Image.new("RGB", area, (40, 40, 40))
    picture = scaled(screen("video", SIZES[1]), (width, height))
    tile.paste(picture, ((area[0] - width) // 2, (area[1] - height) // 2))
    assert code.read(tile) == (code.hash_of("dev-7"), code.number_at(NOW + 30))


def test_no_code_is_seen_where_none_is() -> None:
    chance = random.Random(1)  # noqa: S311 - a picture
    flat = [Image.new("RGB", (136, 76), colour) for colour in ("black", "white", "red", "#888")]
    noise = [
        scaled(Image.frombytes("RGB", (24, 14), chance.randbytes(24 * 14 * 3)), (136, 76))
        for _ in range(200)
    ]
    assert [code.read(image) for image in flat] == [None] * 4
    assert sum(code.read(image) is not None for image in noise) <= 2  # 12 check bits, two guesses


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40), st.integers(0, code.QUARTERS_MODULO - 1))
def test_what_is_drawn_is_read(device: str, number: int) -> None:
    image = Image.new("RGB", (320, 180), "#446")
    code.draw(image, device, number)
    assert code.read(image) == (code.hash_of(device), number)


@settings(deadline=None)
@given(st.floats(0, 2**33), st.floats(0, 4000))
def test_age_is_the_time_since_it_was_drawn(at: float, later: float) -> None:
    age = code.age_seconds(code.number_at(at), at + later)
    assert later - 0.01 <= age <= later + 0.26


def test_a_number_from_a_clock_just_ahead_is_new() -> None:
    assert code.age_seconds(code.number_at(NOW + 0.5), NOW) == 0
