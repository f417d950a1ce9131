"""What a teacher types to start a school on this computer, and the pupils read from it."""

import csv
from collections import Counter
from typing import Final

from msgspec import Struct

PUPILS_MAX: Final = 60
NAME_MAX: Final = 64
SAFE_MIN: Final = 12
"""Characters of the passphrase."""
_HEADINGS: Final = frozenset(
    {"name", "nom", "prénom", "prenom", "vorname", "nachname", "given name", "first name", "pupil"}
)


class Founding(Struct, frozen=True):
    """A school to be. `safe` is the path of the file for the safe."""

    school: str
    teacher: str
    class_name: str
    pupils: tuple[tuple[str, str], ...]
    passphrase: str
    safe: str

    def __repr__(self) -> str:
        return f"Founding({len(self.pupils)} pupils)"


def text_of_list(raw: bytes) -> str:
    """Read a list's file as spreadsheets write it: UTF-8, else as those of Windows do."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def read_pupils(text: str) -> tuple[tuple[str, str], ...]:
    """Read (given name, family name), one a line or as the first two columns of a CSV file.

    Without columns the first word is the given name. A line of headings is left out.
    """
    found = [_columns(line) for line in text.splitlines() if line.strip()]
    pairs = [(given[:NAME_MAX], family[:NAME_MAX]) for given, family in found if given]
    if pairs and pairs[0][0].casefold() in _HEADINGS:
        pairs = pairs[1:]
    return tuple(pairs[:PUPILS_MAX])


def displays(pupils: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return what tiles show: given names, longer where two are alike."""
    given = Counter(first for first, _ in pupils)
    wanted = [
        first if given[first] == 1 else f"{first} {last[:1]}.".rstrip(" .")
        for first, last in pupils
    ]
    alike, seen, told = Counter(wanted), Counter[str](), list[str]()
    for name in wanted:
        seen[name] += 1
        told.append(name if alike[name] == 1 else f"{name[: NAME_MAX - 4]} {seen[name]}")
    return tuple(told)


def _columns(line: str) -> tuple[str, str]:
    for mark in ";\t,":
        if mark in line:
            # Within quotation marks a mark parts nothing, so there may be one column all the same.
            given, family = [*next(csv.reader([line], delimiter=mark)), ""][:2]
            return given.strip(), family.strip()
    given, _, family = line.strip().strip('"').partition(" ")
    return given, family.strip()
