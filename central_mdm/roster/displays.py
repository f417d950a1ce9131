"""The short name on a pupil's tile: the first name, with as much behind it as the class needs."""

from collections.abc import Container
from itertools import count
from typing import Final

GIVEN_CHARS: Final = 48
CHARS_MAX: Final = 64


def display_of(given: str, family: str, taken: Container[str]) -> str:
    """Return a name that none of the class bears; a row holds `CHARS_MAX` of it."""
    first = given[:GIVEN_CHARS]
    for length in range(min(len(family), CHARS_MAX - GIVEN_CHARS - 2) + 1):
        shown = f"{first} {family[:length]}".strip() + ("." if 0 < length < len(family) else "")
        if shown not in taken:
            return shown
    return next(name for n in count(2) if (name := f"{first} {n}") not in taken)
