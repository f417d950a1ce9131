"""Whom a server has erased, told beside its keys: the database may be set back to before it.

Ids and times, no names. Ids of pupils are given once, so one that is in the list never comes back
by right.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, json

from central_mdm.contract.names import Id
from central_mdm.platform.errors import Malformed, Missing
from central_mdm.platform.ground import Ground
from central_mdm.pupils import forget

log = logging.getLogger(__name__)
ERASED: Final = "erased.jsonl"


class Erased(Struct, frozen=True):
    """`at`: UTC seconds."""

    school: Id
    pupil: Id
    at: int


_erased: Final = json.Decoder(Erased)


def note(folder: Path, erased: Erased) -> None:
    """Write it down for good, before it is done: it may be done again, and not be forgotten."""
    append(folder, json.encode(erased))


def append(folder: Path, lines: bytes) -> None:
    """Add to the list, which only the server's user reads. Raises `OSError`."""
    descriptor = os.open(folder / ERASED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        # A line of its own, also after one that a full disk has cut off.
        file.write(b"\n" + lines + b"\n")
        file.flush()
        os.fsync(file.fileno())


def unread(content: bytes) -> int:
    """Count a list's lines that cannot be read. Raises Malformed where it has others alone."""
    read = list(_read(content))
    if read and not any(read):
        raise Malformed("no-list", f"This is no {ERASED}.")
    return read.count(None)


async def erase_again(ground: Ground, folder: Path, school: str) -> list[str]:
    """Erase whoever of the list is here again; return whom. It reads all events for each."""
    again: list[str] = []
    for pupil in sorted(set(_noted(folder, school))):
        try:
            await forget(ground, school, pupil)
        except Missing:
            continue
        again.append(pupil)
    if again:
        log.info("erased again", extra={"school": school, "pupils": len(again)})
    return again


def _noted(folder: Path, school: str) -> Iterator[str]:
    try:
        content = (folder / ERASED).read_bytes()
    except FileNotFoundError:
        return
    for erased in _read(content):
        if erased is None:  # its command has said that it was not done
            log.warning("a line of the erased cannot be read", extra={"file": ERASED})
        elif erased.school == school:
            yield erased.pupil


def _read(content: bytes) -> Iterator[Erased | None]:
    """Read each line that is not empty; None: it cannot be read."""
    for line in filter(None, content.splitlines()):
        try:
            yield _erased.decode(line)
        except (ValueError, RecursionError):
            yield None
