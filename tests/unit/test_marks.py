"""What is drawn into a picture before it is encoded."""

import pytest
from PIL import Image

from classroom_app.media.marks import INK, Mark, Tool, drawn
from device_bridge.agent.capabilities import Picture
from device_bridge.pictures.raster import mapped, upright

GROUND = (240, 244, 250)


def with_(*marks: Mark) -> Image.Image:
    image = Image.new("RGB", (640, 360), GROUND)
    image.paste((0, 90, 0), (310, 170, 330, 190))
    raw = mapped(Picture(640, 360, "BGRX", image.tobytes("raw", "BGRX")))
    made = drawn(raw, marks)
    return upright(made.tobytes(), made.mode, made.size)


def at(image: Image.Image, x: int, y: int) -> object:
    return image.getpixel((x, y))


@pytest.mark.parametrize("tool", ["pen", "arrow"])
def test_a_stroke_is_red_where_it_was_drawn_and_nowhere_else(tool: Tool) -> None:
    made = with_(Mark(tool, ((0.1, 0.1), (0.5, 0.1))))
    assert at(made, 128, 36) == INK
    assert at(made, 128, 80) == GROUND


def test_light_dims_all_but_its_spot_and_the_newest_counts() -> None:
    made = with_(Mark("light", ((0.9, 0.9),)), Mark("light", ((0.2, 0.3),)))
    assert at(made, 128, 108) == GROUND
    assert at(made, 576, 324) == tuple(int(level * 0.35) for level in GROUND)


def test_zoom_makes_what_is_there_twice_as_large() -> None:
    made = with_(Mark("zoom", ((0.5, 0.5),)))
    assert made.size == (640, 360)
    assert at(made, 304, 164) == (0, 90, 0)
    assert at(made, 20, 20) == GROUND


def test_nothing_drawn_is_the_picture_itself() -> None:
    image = Image.new("RGB", (8, 8))
    assert drawn(image, ()) is image
