"""What the teacher draws over a still of the show, drawn into it before it is encoded."""

from collections.abc import Sequence
from math import atan2, cos, pi, sin
from typing import Any, Final, Literal

from msgspec import Struct
from PIL import Image, ImageDraw

from device_bridge.pictures.raster import resized

Tool = Literal["pen", "arrow", "light", "zoom"]
Point = tuple[float, float]
INK: Final = (200, 20, 30)
DIM: Final = 0.35
LIGHT: Final = 0.14
"""Of the picture's width: how far the spotlight reaches."""
ZOOM: Final = 2.0


class Mark(Struct, frozen=True):
    """One stroke; points are shares of the picture's width and height, 0.0 to 1.0."""

    tool: Tool
    points: tuple[Point, ...]


def drawn(image: Image.Image, marks: Sequence[Mark]) -> Image.Image:
    """Return a `raster.mapped` image with the marks in it; of zoom and light the newest counts."""
    if not marks:
        return image
    newest = {mark.tool: mark for mark in marks}
    made = image.copy()
    if zoom := newest.get("zoom"):
        made = _zoomed(made, zoom.points[-1])
    if light := newest.get("light"):
        made = _lit(made, light.points[-1])
    # A screen's pixels are blue first.
    ink: Any = (*INK[::-1], 0) if made.mode == "RGBX" else INK
    pen, width = ImageDraw.Draw(made), max(4, made.width // 320)
    for mark in marks:
        line = [(x * made.width, y * made.height) for x, y in mark.points]
        if mark.tool == "pen" and len(line) > 1:
            pen.line(line, ink, width, joint="curve")
        elif mark.tool == "arrow" and len(line) > 1:
            pen.line([line[0], line[-1]], ink, width)
            pen.polygon(_head(line[0], line[-1], 5.0 * width), ink)
    return made


def _head(start: Point, end: Point, size: float) -> list[Point]:
    at = atan2(end[1] - start[1], end[0] - start[0])
    sides = [at + pi - 0.45, at + pi + 0.45]
    return [end, *((end[0] + size * cos(one), end[1] + size * sin(one)) for one in sides)]


def _lit(image: Image.Image, spot: Point) -> Image.Image:
    mask, reach = Image.new("L", image.size), image.width * LIGHT
    x, y = spot[0] * image.width, spot[1] * image.height
    ImageDraw.Draw(mask).ellipse((x - reach, y - reach, x + reach, y + reach), 255)
    table = [int(level * DIM) for level in range(256)] * len(image.getbands())
    dim = image.point(table)  # pyright: ignore[reportUnknownMemberType] - Pillow's own unknown
    return Image.composite(image, dim, mask)


def _zoomed(image: Image.Image, spot: Point) -> Image.Image:
    width, height = image.width / ZOOM, image.height / ZOOM
    left = min(max(0.0, spot[0] * image.width - width / 2), image.width - width)
    top = min(max(0.0, spot[1] * image.height - height / 2), image.height - height)
    return resized(image, image.size, (left, top, left + width, top + height))
