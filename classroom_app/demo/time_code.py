"""A bar code of the monotonic clock on a device's screen: so a picture of it says how old it is.

Milliseconds modulo 2^20 in Gray code, then four bits that check them. Drawn by who shows it, read
from a picture of the whole screen at any size down to some 300 px.
"""

from collections.abc import Callable
from typing import Final

_BITS: Final = 20
_CHECK_BITS: Final = 4
_MODULO: Final = 1 << _BITS
LEFT, TOP, WIDTH, HEIGHT = 0.1, 0.6, 0.8, 0.06
"""Where it stands, in parts of the screen."""

Box = tuple[int, int, int, int]


def bars(seconds: float, size: tuple[int, int]) -> list[tuple[Box, bool]]:
    """Return the boxes (x, y, width, height) of a screen of `size`; True: black, else white."""
    word = _word(int(seconds * 1000) % _MODULO)
    count = _BITS + _CHECK_BITS
    edges = [round((LEFT + WIDTH * bit / count) * size[0]) for bit in range(count + 1)]
    top, high = round(TOP * size[1]), round(HEIGHT * size[1])
    return [
        ((edges[bit], top, edges[bit + 1] - edges[bit], high), bool(word >> count - 1 - bit & 1))
        for bit in range(count)
    ]


def read(dark: Callable[[float, float], bool]) -> int | None:
    """Return the milliseconds; `dark` answers for a spot in parts of the picture. None: no code."""
    count, word = _BITS + _CHECK_BITS, 0
    for bit in range(count):
        word = word << 1 | dark(LEFT + WIDTH * (bit + 0.5) / count, TOP + HEIGHT / 2)
    gray, milliseconds = word >> _CHECK_BITS, 0
    while gray:
        milliseconds, gray = milliseconds ^ gray, gray >> 1
    return milliseconds if _word(milliseconds) == word else None


def age_ms(milliseconds: int, now: float) -> float:
    """Say how long ago the code was drawn; `now` is the same clock, in seconds."""
    return (now * 1000 - milliseconds) % _MODULO


def _word(milliseconds: int) -> int:
    gray = milliseconds ^ milliseconds >> 1
    # Never all alike: a white or a black screen is no code.
    check = sum((gray >> at & 0xF) * (3 + at) for at in range(0, _BITS, 4)) % 15 + 1
    return gray << _CHECK_BITS | check
