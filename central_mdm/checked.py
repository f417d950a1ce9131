"""What is typed at a command, held to the bounds of what is sent."""

import argparse
import re
from collections.abc import Callable
from typing import Final, TypeVar

from msgspec import Struct, ValidationError, convert, to_builtins

from central_mdm.platform.errors import Malformed

Told = TypeVar("Told", bound=Struct)
HOURS_MAX: Final = 366 * 24
DAYS_MAX: Final = 3660
"""No command reaches further: ahead by hours, back or ahead by days."""
_ERROR: Final = re.compile(r"(.+?)(?: - at `\$\.(?:\w+\.)*(\w+)[^`]*`)?")
_LENGTH: Final = re.compile(r"Expected `(str|array)` of length <= (\d+)")
_OPTIONS: Final = {"class_id": "class", "devices": "device", "subject": "oidc-subject"}
"""Of fields that are called otherwise than the option by which they are typed."""
_ID: Final = "takes letters from a to z (no accents), digits and . _ : - alone, and no spaces."


def checked(told: Struct, kind: type[Told]) -> Told:
    """Return it as a message of this kind. Raises Malformed, which names the option."""
    try:
        return convert(to_builtins(told), kind)
    except ValidationError as error:
        raise Malformed("malformed", _sentence(str(error))) from None


def _sentence(error: str) -> str:
    """Say what a message of the library means to who has typed an option."""
    what, field = _ERROR.fullmatch(error).groups()  # type: ignore[union-attr] - it matches any line
    if not field:
        return what
    option = f"--{_OPTIONS.get(field, field)}"
    if "A-Za-z0-9._:-" in what:
        return f"{option} {_ID}"
    if what == "Expected `str` of length >= 1":
        return f"{option} may not be empty."
    if found := _LENGTH.fullmatch(what):
        return f"{option} has {found[2]} {'characters' if found[1] == 'str' else 'words'} at most."
    return f"{option}: {what}"


def from_to(least: int, most: int) -> Callable[[str], int]:
    """Read an option that is a whole number of these."""

    def number(text: str) -> int:
        if not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return int(text)

    return number
