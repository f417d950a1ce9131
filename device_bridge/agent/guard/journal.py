"""The device's own journal: the second witness of what was done to its pupil.

One JSON object a line, chained by BLAKE3. Personal words are not in the chain but hashed with a
salt of their own; words and salt lie in a file beside, which may be erased by law without
breaking the chain.
"""

import os
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3
from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.protocol.errors import Broken

_SALT_BYTES: Final = 16
_JOURNAL_BYTES_MAX: Final = 64 * 1024 * 1024
_TAIL_BYTES: Final = 64 * 1024


class Noted(Struct, frozen=True):
    """Something to write. `words` are personal: they are hashed into the chain, not written."""

    kind: str
    at: int
    facts: dict[str, str | int]
    words: str = ""


class Line(Struct, frozen=True):
    """One line: `hash` is over `previous` and the line encoded with an empty `hash`."""

    sequence: int
    previous: str
    kind: str
    at: int
    facts: dict[str, str | int]
    words_hash: str = ""
    hash: str = ""


class Personal(Struct, frozen=True):
    sequence: int
    salt: str
    words: str


class DeviceJournal:
    """Appends; call from one worker at a time (a lock holds it to that)."""

    def __init__(self, folder: Folder, random_bytes: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._random_bytes = random_bytes
        self._lock = threading.Lock()
        self._last: Line | None = None

    def append(self, noted: Sequence[Noted]) -> None:
        """Write all, then sync once. Raises `OSError` when the disk refuses: nothing is written."""
        with self._lock:
            last = self._last or self._recalled()
            lines, personal = bytearray(), bytearray()
            for row in noted:
                last, own = self._line(last, row)
                lines += msgspec.json.encode(last) + b"\n"
                personal += msgspec.json.encode(own) + b"\n" if own else b""
            self._last = None  # until it is on the disk, only the disk knows what is last
            with _all_or_nothing(self._folder.personal), _all_or_nothing(self._folder.journal):
                if personal:
                    _append(self._folder.personal, bytes(personal))
                if lines:
                    _append(self._folder.journal, bytes(lines))
            self._last = last

    def _recalled(self) -> Line | None:
        """Find where the chain goes on. No chain holds the words together, so theirs is cut too."""
        _last_lines(self._folder.personal)
        return _last_line(self._folder.journal)

    def _line(self, last: Line | None, row: Noted) -> tuple[Line, Personal | None]:
        sequence = last.sequence + 1 if last else 1
        salt = self._random_bytes(_SALT_BYTES) if row.words else b""
        hashed = blake3(salt + row.words.encode()).hexdigest() if row.words else ""
        line = Line(
            sequence, last.hash if last else "", row.kind, row.at, row.facts, words_hash=hashed
        )
        own = Personal(sequence, salt.hex(), row.words) if row.words else None
        return msgspec.structs.replace(line, hash=_hash(line)), own


def verify(path: Path) -> int:
    """Check the whole chain; return how many lines it has.

    Raises `Broken` with the sequence of the first line that does not follow from the one before.
    """
    previous = ""
    count = 0
    with path.open("rb") as file:
        for raw in file:
            count += 1
            line = _read(raw)
            whole = line is not None and line.hash == _hash(line)
            if not whole or line is None or (line.sequence, line.previous) != (count, previous):
                raise Broken(f"journal line {count}")
            previous = line.hash
    return count


def _hash(line: Line) -> str:
    bare = msgspec.json.encode(msgspec.structs.replace(line, hash=""), order="deterministic")
    return blake3(line.previous.encode() + bare).hexdigest()


def _read(raw: bytes) -> Line | None:
    try:
        return msgspec.json.decode(raw, type=Line)
    except (ValueError, RecursionError):
        return None


def _last_line(path: Path) -> Line | None:
    """Read the newest line; raises `Broken` where the file does not end in one."""
    size = _size(path)
    lines = _last_lines(path)
    line = _read(lines[-1]) if lines else None
    if line is None and size:
        raise Broken("the journal's end cannot be read")
    return line


def _last_lines(path: Path) -> list[bytes]:
    """Read the end of a file; a line torn by a power cut is cut off."""
    if not path.exists():
        return []
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        whole = tail.rfind(b"\n") + 1
        if whole < len(tail):
            file.truncate(size - len(tail) + whole)
    return tail[:whole].splitlines()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _all_or_nothing(path: Path) -> Generator[None]:
    """Take back what was appended to `path` here, where the disk refuses the rest."""
    size = _size(path)
    try:
        yield
    except OSError:
        with suppress(OSError):  # then the next beginning cuts it off
            os.truncate(path, size)
        raise


def _append(path: Path, raw: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        if file.tell() + len(raw) > _JOURNAL_BYTES_MAX:
            raise OSError(27, "the journal is full")
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
