"""Pictures that change as a pupil's would, cheap enough for twenty devices on half a core.

What is large is drawn once; a grab draws the little that changed since, so it costs under 3 ms.
All follows from the seed and the moment: the same seed shows the same lesson.
"""

import math
import random
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from io import BytesIO
from textwrap import wrap
from typing import Final, Literal, get_args

from PIL import Image, ImageDraw, ImageFont

from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.protocol.hello import Screen
from device_bridge.simulator import code
from device_bridge.simulator.texts import TEXTS

Behaviour = Literal["writing", "scrolling", "video", "idle", "spreadsheet", "drawing"]
BEHAVIOURS: Final[tuple[Behaviour, ...]] = get_args(Behaviour)
SIZES: Final = ((1366, 768), (1920, 1080))

_CHARACTERS_A_SECOND: Final = 4.0
_PIXELS_A_SECOND: Final = 40.0
_CELLS_A_SECOND: Final = 0.5
_STROKES_A_SECOND: Final = 1.5
_INK: Final = (34, 40, 49)
_PAPER: Final = (252, 252, 250)
_DESKS: Final = ((38, 70, 83), (61, 64, 91), (44, 95, 45), (93, 46, 70), (30, 58, 95))
_COLOURS: Final = ((214, 73, 51), (12, 124, 89), (43, 89, 195), (240, 162, 2), (117, 79, 160))


@cache
def _font_file() -> bytes:
    return (files("resources") / "fonts" / "Inter-Regular.otf").read_bytes()


@cache
def font(pixels: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(_font_file()), pixels)


class BehavingScreen:
    """One pupil's screen; a `Capture`. `now` gives seconds since 1970.

    Grabbed from one thread at a time, as a seat does.
    """

    def __init__(
        self,
        device: str,
        seed: int,
        behaviour: Behaviour,
        now: Callable[[], float],
        size: tuple[int, int] = SIZES[0],
    ) -> None:
        self._device = device
        self._now = now
        self._began = now()
        self._chance = random.Random(f"{seed}-{behaviour}")  # noqa: S311 - a story, no secret
        self._text = self._chance.choice(TEXTS)
        self._image = Image.new("RGB", size, self._chance.choice(_DESKS))
        self._page = _page_of(size)
        self._wrapped = wrap(self._text * 40, _columns(self._page, size[1] // 30))
        self._drawn = 0
        self._paint: Callable[[float], None] = {
            "writing": self._write,
            "scrolling": self._scroll,
            "video": self._play,
            "idle": self._rest,
            "spreadsheet": self._reckon,
            "drawing": self._sketch,
        }[behaviour]
        self._long = self._long_page() if behaviour == "scrolling" else None
        self._frame(behaviour)
        self.dark = False

    def screens(self) -> tuple[Screen, ...]:
        return (Screen(self._image.width, self._image.height),)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        del screen
        return None

    def descriptor(self) -> None:
        return None

    def grab(self, screen: int) -> Picture | Unseen:
        """Return what the pupil's screen shows now."""
        if screen or self.dark:
            return unseen("screen-gone" if screen else "screen-off")
        image = self.picture()
        return Picture(image.width, image.height, "RGB", image.tobytes())

    def picture(self) -> Image.Image:
        """Return the one image, brought up to now; the next call paints on it again."""
        now = self._now()
        self._paint(now - self._began)
        # Whole seconds, so that a screen on which nothing happens changes once a second.
        code.draw(self._image, self._device, code.number_at(math.floor(now)))
        return self._image

    def _frame(self, behaviour: Behaviour) -> None:
        """Draw what never changes: a desktop and a window with its title."""
        pen = ImageDraw.Draw(self._image)
        x0, y0, x1, y1 = self._page
        pen.rounded_rectangle((x0 - 2, y0 - 34, x1 + 2, y1 + 2), 8, (58, 64, 74))
        pen.text((x0 + 12, y0 - 29), self._text[:28].rstrip(), (236, 238, 240), font(18))
        for number in range(3):
            centre = x1 - 20 - 26 * number
            pen.ellipse((centre - 7, y0 - 24, centre + 7, y0 - 10), (120, 128, 140))
        pen.rectangle(self._page, (18, 18, 20) if behaviour == "video" else _PAPER)
        pen.rectangle((0, self._image.height - 36, *self._image.size), (24, 27, 33))
        for number, colour in enumerate(_COLOURS):
            x = 16 + 44 * number
            y = self._image.height - 30
            pen.rounded_rectangle((x, y, x + 24, y + 24), 6, colour)
        if behaviour == "spreadsheet":
            self._rule(pen)

    def _clear(self) -> ImageDraw.ImageDraw:
        pen = ImageDraw.Draw(self._image)
        pen.rectangle(self._page, _PAPER)
        self._drawn = 0
        return pen

    def _write(self, seconds: float) -> None:
        """Let the text grow letter by letter; turn a full page."""
        size = self._image.height // 30
        lines = self._wrapped[: _lines(self._page, size)]
        upto = int(seconds * _CHARACTERS_A_SECOND) % sum(map(len, lines))
        pen = self._clear() if upto < self._drawn else ImageDraw.Draw(self._image)
        start = 0
        for number, line in enumerate(lines):
            if self._drawn <= start + len(line) and start < upto:
                x, y = self._page[0] + size, self._page[1] + size // 2 + number * size * 3 // 2
                pen.rectangle((x, y, self._page[2], y + size * 3 // 2 - 1), _PAPER)
                pen.text((x, y), line[: upto - start], _INK, font(size))
            start += len(line)
        self._drawn = upto

    def _long_page(self) -> Image.Image:
        x0, y0, x1, y1 = self._page
        page = Image.new("RGB", (x1 - x0, 3 * (y1 - y0)), _PAPER)
        pen = ImageDraw.Draw(page)
        size = self._image.height // 34
        for y in range(size, page.height - 2 * size, size * 2):
            if self._chance.random() < 0.12:  # noqa: PLR2004 - a picture now and then
                box = (size, y, page.width // 3, y + size * 2 - 4)
                pen.rectangle(box, self._chance.choice(_COLOURS))
            pen.text((size, y), self._wrapped[y // size // 2], _INK, font(size))
        return page

    def _scroll(self, seconds: float) -> None:
        """Go down the page and up again, with a rest at each end."""
        if self._long is None:
            return
        x0, y0, x1, y1 = self._page
        way = self._long.height - (y1 - y0)
        swing = math.sin(seconds * _PIXELS_A_SECOND / way * math.pi / 2)
        offset = int((1 - swing) / 2 * way)
        self._image.paste(self._long.crop((0, offset, x1 - x0, offset + y1 - y0)), (x0, y0))

    def _play(self, seconds: float) -> None:
        """Shapes that move as in a lively film."""
        x0, y0, x1, y1 = self._page
        pen = ImageDraw.Draw(self._image)
        sky = int(60 + 40 * math.sin(seconds / 3))
        pen.rectangle((x0, y0, x1, y1), (20, sky, 110))
        pen.rectangle((x0, (y0 + 3 * y1) // 4, x1, y1), (30, 90, 40))
        for number, colour in enumerate(_COLOURS):
            radius = (y1 - y0) // (7 + number)
            across, down = x1 - x0 - 2 * radius, y1 - y0 - 2 * radius
            x = x0 + radius + across * (0.5 + 0.5 * math.sin(seconds * (0.5 + 0.2 * number)))
            y = y0 + radius + down * (0.5 + 0.5 * math.cos(seconds * (0.8 + 0.1 * number)))
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)

    def _rest(self, seconds: float) -> None:
        """Leave the page open; only the first look draws it."""
        del seconds
        if self._drawn:
            return
        self._write(_lines(self._page, self._image.height // 30) * 20)

    def _rule(self, pen: ImageDraw.ImageDraw) -> None:
        x0, y0, x1, y1 = self._page
        step_x, step_y = self._cell()
        for x in range(x0, x1, step_x):
            pen.line((x, y0, x, y1), (205, 210, 216))
        for y in range(y0, y1, step_y):
            pen.line((x0, y, x1, y), (205, 210, 216))

    def _cell(self) -> tuple[int, int]:
        return (self._page[2] - self._page[0]) // 10, self._image.height // 26

    def _reckon(self, seconds: float) -> None:
        """Numbers appear in one cell after the other."""
        step_x, step_y = self._cell()
        rows = (self._page[3] - self._page[1]) // step_y
        upto = int(seconds * _CELLS_A_SECOND) % (rows * 10)
        if upto < self._drawn:
            self._rule(self._clear())
        pen = ImageDraw.Draw(self._image)
        for place in range(self._drawn, upto):
            row, column = divmod(place, 10)
            corner = (self._page[0] + column * step_x + 8, self._page[1] + row * step_y + 5)
            amount = f"{self._chance.randrange(10, 99999) / 100:.2f}"
            pen.text(corner, amount, _INK, font(step_y * 3 // 5))
        self._drawn = upto

    def _sketch(self, seconds: float) -> None:
        """Strokes of a brush; a full sheet is put away."""
        upto = int(seconds * _STROKES_A_SECOND) % 120
        pen = self._clear() if upto < self._drawn else ImageDraw.Draw(self._image)
        x0, y0, x1, y1 = self._page
        for _ in range(self._drawn, upto):
            x, y = (
                self._chance.randrange(x0 + 60, x1 - 60),
                self._chance.randrange(y0 + 60, y1 - 60),
            )
            to = (x + self._chance.randrange(-50, 50), y + self._chance.randrange(-50, 50))
            pen.line((x, y, *to), self._chance.choice(_COLOURS), self._chance.randrange(4, 16))
        self._drawn = upto


def _page_of(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the window's inside: below the pupil's bar, above the task bar."""
    width, height = size
    return width // 16, height // 9 + 34, width - width // 16, height - height // 12 - 20


def _columns(page: tuple[int, int, int, int], size: int) -> int:
    return int((page[2] - page[0] - 2 * size) / (size * 0.56))


def _lines(page: tuple[int, int, int, int], size: int) -> int:
    return (page[3] - page[1] - size) // (size * 3 // 2)
