"""A mosaic on a simulated screen that says whose screen it is and when it was drawn.

So a picture of the teacher's window proves, with no word of the app, which device's screen a tile
shows and how old it is. 6 x 4 blocks of four colours, two bits each: 22 bits of a hash of the
device's id, 14 bits of time, 12 check bits. Blocks are 9 px wide in a tile of 136 px; they keep
away from corners (rounded, badges), from the foot (ribbons) and from the top (the pupil's bar).
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from PIL import Image, ImageDraw

Rgb = tuple[int, int, int]

QUARTERS_MODULO: Final = 1 << 14
"""The running number counts quarter seconds since 1970 and starts again after 68 minutes."""

LEFT: Final = 0.40
TOP: Final = 0.16
WIDTH: Final = 0.40
HEIGHT: Final = 0.37
"""Where the mosaic stands, in parts of the screen."""

_COLUMNS: Final = 6
_ROWS: Final = 4
_HASH_BITS: Final = 22
_NUMBER_BITS: Final = 14
_CHECK_BITS: Final = 12
# Neighbours differ by 76 steps of luma and far in chroma, so JPEG 4:2:0 cannot confuse them.
_PALETTE: Final[tuple[Rgb, ...]] = ((0, 0, 0), (255, 0, 0), (0, 255, 255), (255, 255, 255))
_SHAPE: Final = 16 / 9
_KEPT: Final = 0.4  # the part of a block's width and height that is looked at
_POLYNOMIAL: Final = 0x80F  # CRC-12, as of 3GPP TS 36.212 and older


def hash_of(device: str) -> int:
    digest = blake2b(device.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> (32 - _HASH_BITS)


def number_at(seconds: float) -> int:
    """Return the running number of a moment, in seconds since 1970."""
    return int(seconds * 4) % QUARTERS_MODULO


def age_seconds(number: int, now: float) -> float:
    """Say how long ago `number` began; up to a second ahead (another process's clock) is 0."""
    quarters = (now * 4 - number) % QUARTERS_MODULO
    return 0.0 if quarters > QUARTERS_MODULO - 4 else quarters / 4


def draw(image: Image.Image, device: str, number: int) -> None:
    """Paint the mosaic onto an RGB `image` of the whole screen."""
    pen = ImageDraw.Draw(image)
    word = _with_check(hash_of(device) << _NUMBER_BITS | number % QUARTERS_MODULO)
    for place in range(_COLUMNS * _ROWS):
        value = word >> 2 * (_COLUMNS * _ROWS - 1 - place) & 3
        x0, y0, x1, y1 = _block(place, 0, 0, image.width, image.height)
        pen.rectangle((round(x0), round(y0), round(x1) - 1, round(y1) - 1), _PALETTE[value])


def read(image: Image.Image) -> tuple[int, int] | None:
    """Read `(hash, number)` from an RGB picture of a screen; None where no sound code is seen.

    `image` is the tile's picture area: the picture alone, or with bars at its sides to keep its
    shape.
    """
    for left, top, width, height in _frames(image.width, image.height):
        word = 0
        for place in range(_COLUMNS * _ROWS):
            word = word << 2 | _value(image, _block(place, left, top, width, height))
        content = word >> _CHECK_BITS
        if _with_check(content) == word:
            return content >> _NUMBER_BITS, content & (QUARTERS_MODULO - 1)
    return None


def _frames(width: int, height: int) -> Iterator[tuple[float, float, float, float]]:
    """Guess where in the area the picture stands: all of it, or centred in its own shape."""
    yield 0, 0, width, height
    fit_width, fit_height = min(width, height * _SHAPE), min(height, width / _SHAPE)
    yield (width - fit_width) / 2, (height - fit_height) / 2, fit_width, fit_height


def _block(
    place: int, left: float, top: float, width: float, height: float
) -> tuple[float, float, float, float]:
    row, column = divmod(place, _COLUMNS)
    across, down = WIDTH * width / _COLUMNS, HEIGHT * height / _ROWS
    x, y = left + LEFT * width + column * across, top + TOP * height + row * down
    return x, y, x + across, y + down


def _value(image: Image.Image, block: tuple[float, float, float, float]) -> int:
    """Return the palette's entry nearest to the mean of the block's middle."""
    x0, y0, x1, y1 = block
    margin_x, margin_y = (x1 - x0) * (1 - _KEPT) / 2, (y1 - y0) * (1 - _KEPT) / 2
    middle = (x0 + margin_x, y0 + margin_y, x1 - margin_x, y1 - margin_y)
    spot = image.resize((1, 1), Image.Resampling.BOX, middle)  # pyright: ignore[reportUnknownMemberType]
    mean = spot.getpixel((0, 0))
    if not isinstance(mean, tuple):
        raise TypeError("the picture is not RGB")
    return min(range(4), key=lambda entry: _distance(mean, _PALETTE[entry]))


def _distance(one: tuple[int, ...], other: Rgb) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _with_check(content: int) -> int:
    """Append 12 check bits; never zero for zero, so that a black picture is no code."""
    rest = 0xFFF
    for bit in range(_HASH_BITS + _NUMBER_BITS - 1, -1, -1):
        rest ^= (content >> bit & 1) << (_CHECK_BITS - 1)
        rest = (rest << 1 ^ _POLYNOMIAL if rest & 0x800 else rest << 1) & 0xFFF
    return content << _CHECK_BITS | rest ^ 0xA5A
