"""Pages as on pupils' screens, 1920x1080: half text and half picture ("half"), or text ("text").

All follow from a seed. Pictures have a photo's smooth areas, edges and grain, so that no codec has
an easy time of them.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Literal

from PIL import Image, ImageDraw, ImageFilter

from device_bridge.simulator.screens import font
from device_bridge.simulator.texts import TEXTS

SIZE = (1920, 1080)
Kind = Literal["half", "text"]


def page(kind: Kind, number: int, seed: int = 7) -> Image.Image:
    """Return page `number`; no two are alike."""
    chance = random.Random(f"{seed}-{kind}-{number}")  # noqa: S311 - a story, no secret
    width, height = SIZE
    drawn = Image.new("RGB", SIZE, (252, 252, 250))
    column = width if kind == "text" else width // 2
    _write(drawn, (60, 40, column - 60, height - 60), chance, number)
    if kind == "half":
        drawn.paste(_photo((width - column, height), chance), (column, 0))
    return drawn


def _write(
    drawn: Image.Image, box: tuple[int, int, int, int], chance: random.Random, number: int
) -> None:
    pen, size = ImageDraw.Draw(drawn), 26
    left, top, right, foot = box
    pen.text((left, top), f"Page {number + 1}", (30, 60, 120), font(44))
    words = " ".join(chance.sample(TEXTS, len(TEXTS))).split()
    begin = chance.randrange(len(words))
    lines = wrap(" ".join([*words[begin:], *words[:begin]] * 8), int((right - left) / size / 0.52))
    for row, y in enumerate(range(top + 80, foot, size * 3 // 2)):
        pen.text((left, y), lines[row % len(lines)], (34, 40, 49), font(size))


def _photo(size: tuple[int, int], chance: random.Random) -> Image.Image:
    """Return something of a landscape: a sky, blurred masses, sharp things, fine grain."""
    high, low = [tuple(chance.randrange(40, 230) for _ in "RGB") for _ in range(2)]
    photo = _resized(Image.linear_gradient("L"), size)
    photo = Image.composite(Image.new("RGB", size, low), Image.new("RGB", size, high), photo)
    pen = ImageDraw.Draw(photo)
    for number in range(90):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        reach = chance.randrange(20, 260) * (90 - number) // 90 + 12
        colour = tuple(chance.randrange(20, 240) for _ in "RGB")
        draw = pen.ellipse if number % 2 else pen.rectangle
        draw((x - reach, y - reach * 2 // 3, x + reach, y + reach * 2 // 3), colour)
        if number == 30:
            photo = photo.filter(ImageFilter.GaussianBlur(18))
            pen = ImageDraw.Draw(photo)
    # Pillow's own noise has no seed: this is the same page each time.
    small = (size[0] // 2, size[1] // 2)
    grain = Image.frombytes("L", small, chance.randbytes(small[0] * small[1]))
    return Image.blend(photo, _resized(grain, size).convert("RGB"), 0.06)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size)  # pyright: ignore[reportUnknownMemberType] - Pillow's numpy array


def draw_ring(path: Path, frames: int, seed: int) -> None:
    """Write `frames` pages of both kinds as raw BGRX, one after the other."""
    with path.open("wb") as file:
        for drawn in ring(frames, seed):
            file.write(drawn.convert("RGBA").tobytes("raw", "BGRA"))


def ring(frames: int, seed: int) -> Iterator[Image.Image]:
    for number in range(frames):
        yield page("half" if number % 2 else "text", number, seed)
