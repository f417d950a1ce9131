"""What is typed at a command, held to the bounds of what is sent."""

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct, ValidationError, convert, to_builtins

from central_mdm.platform.errors import Malformed, Refused

Told = TypeVar("Told", bound=Struct)
HOURS_MAX: Final = 366 * 24
DAYS_MAX: Final = 3660
"""No command reaches further: ahead by hours, back or ahead by days."""
_ERROR: Final = re.compile(r"(.+?)(?: - at `\$\.(?:\w+\.)*(\w+)[^`]*`)?")
_LENGTH: Final = re.compile(r"Expected `(str|array)` of length <= (\d+)")
_OPTIONS: Final = {
    "class_id": "class",
    "devices": "device",
    "from_class": "from",
    "subject": "oidc-subject",
    "to_class": "to",
}
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
        try:
            if least <= int(text) <= most:
                return int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is no whole number") from None
        raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")

    return number


def want_file(file: Path) -> None:
    """Raise Refused where no such file could be written: before that is done which it tells of."""
    if file.is_dir():
        raise Refused("is-folder", f"{file} is a folder. Name a file.")
    folder = file.absolute().parent
    if not folder.is_dir():
        raise Refused("no-folder", f"There is no folder {folder}. Make it, or name another file.")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise Refused("read-only", f"{file} may not be written. Name another file.")


def want_folder(folder: Path) -> None:
    """Raise Refused where no files could be written there; it may be made yet, as its parents."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        raise Refused("no-folder", f"{there} is no folder. Name a folder.")
    if not os.access(there, os.W_OK):
        raise Refused("read-only", f"Nothing may be written to {there}. Name another folder.")
