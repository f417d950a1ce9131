"""How large a tile is: the formula of the desk's design, section 9."""

from math import ceil

from msgspec import Struct

EDGE = 16
WIDE = 3000
WIDTH_MIN, WIDTH_MAX = 132.0, 960.0
INSET = 4  # around the picture: left, right and above
_CAPTIONS = ((150, 24), (240, 34), (420, 38))


class Grid(Struct, frozen=True):
    """`width` of a tile without its gaps; `rows_seen` of the whole wall fit without scrolling."""

    columns: int
    width: float
    caption: int
    gap: int
    rows: int
    rows_seen: int

    @property
    def picture_height(self) -> float:
        return (self.width - 2 * INSET) * 9 / 16

    @property
    def height(self) -> float:
        return self.picture_height + INSET + self.caption


def caption_height(width: float) -> int:
    return next((height for limit, height in _CAPTIONS if width < limit), 44)


def _fit(columns: int, count: int, width: float, height: float, gap: int) -> float:
    """Return the width of a tile in so many columns; its caption's height depends on it."""
    rows = ceil(count / columns)
    broad = (width - gap * (columns - 1)) / columns
    tall = (height - gap * (rows - 1)) / rows
    tried = broad
    for _ in _CAPTIONS:
        now = min(broad, (tall - caption_height(tried) - INSET) * 16 / 9 + 2 * INSET)
        if caption_height(now) == caption_height(tried):
            return now
        tried = now
    return min(tried, _with(tried, broad, tall))


def _with(tried: float, broad: float, tall: float) -> float:
    return min(broad, (tall - caption_height(tried) - INSET) * 16 / 9 + 2 * INSET)


def room(columns: int, count: int, width: float, height: float, zoom: float = 1.0) -> Grid:
    """Lay `count` places into a wall with so many columns, for a room has no others.

    Only where the room is too wide for the wall are tiles smaller than 132 px.
    """
    gap = 16 if width > WIDE else 10
    fits = min(_fit(columns, count, width, height, gap), WIDTH_MAX)
    broad = (width - gap * (columns - 1)) / columns
    return _of(min(max(WIDTH_MIN, fits * zoom), broad, WIDTH_MAX), columns, count, height, gap)


def grid(count: int, width: float, height: float, zoom: float = 1.0) -> Grid:
    """Lay `count` tiles into a wall of `width` x `height` px (edges already taken off).

    The largest width of all column counts is taken; under 132 px the wall scrolls instead.
    `zoom` then scales the tiles, and columns follow.
    """
    count = max(1, count)
    gap = 16 if width > WIDE else 10
    best, columns = max((_fit(c, count, width, height, gap), -c) for c in range(1, count + 1))
    best, columns = min(best, WIDTH_MAX), -columns
    if zoom != 1.0 or best < WIDTH_MIN:
        wanted = max(WIDTH_MIN, best) * zoom
        wanted = min(max(wanted, WIDTH_MIN), WIDTH_MAX, width)
        columns = max(1, min(count, int((width + gap) / (wanted + gap))))
        best = min(wanted if zoom > 1.0 else WIDTH_MAX, (width - gap * (columns - 1)) / columns)
        if zoom < 1.0:
            best = min(best, wanted)
    return _of(best, columns, count, height, gap)


def _of(best: float, columns: int, count: int, height: float, gap: int) -> Grid:
    """Return the grid of tiles that are `best` px wide."""
    caption = caption_height(best)
    tall = (best - 2 * INSET) * 9 / 16 + INSET + caption
    rows = ceil(count / columns)
    seen = max(1, int((height + gap) / (tall + gap) + 1e-6))
    return Grid(columns, best, caption, gap, rows, min(rows, seen))
