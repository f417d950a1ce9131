"""What is typed at a command, held to the bounds of what is sent."""

import argparse
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct, ValidationError, convert, to_builtins

from central_mdm.platform.errors import Malformed

Told = TypeVar("Told", bound=Struct)
HOURS_MAX: Final = 366 * 24
DAYS_MAX: Final = 3660
"""No command reaches further: ahead by hours, back or ahead by days."""


def checked(told: Struct, kind: type[Told]) -> Told:
    """Return it as a message of this kind. Raises Malformed, which names the field."""
    try:
        return convert(to_builtins(told), kind)
    except ValidationError as error:
        raise Malformed("malformed", f"{error}") from None


def from_to(least: int, most: int) -> Callable[[str], int]:
    """Read an option that is a whole number of these."""

    def number(text: str) -> int:
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return int(text)

    return number
