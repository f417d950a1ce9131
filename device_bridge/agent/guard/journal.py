"""The device's own journal: the second witness of what was done to its pupil.

One JSON object a line, chained by BLAKE3. Personal words are not in the chain but hashed with a
salt of their own; words and salt lie in a file beside, which may be erased by law without
breaking the chain.
"""

import os
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3
from msgspec import Struct

from central_mdm.contract.heads import Mark
from device_bridge.agent.folder import Folder
from device_bridge.journal_fault import Fault, Verdict, What
from device_bridge.protocol.errors import Broken
from device_bridge.trust.identity import write_private

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
    """`at` is its line's, so that a clean-up need not read the journal; 0 in rows of before."""

    sequence: int
    salt: str
    words: str
    at: int = 0


# Made once, at import: msgspec 0.22 crashes where two threads are the first to read a struct.
_line: Final = msgspec.json.Decoder(Line)
_personal_row: Final = msgspec.json.Decoder(Personal)


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

    def erase(self, before_at: int) -> int:
        """Forget the words of entries older than `before_at` (UTC seconds); return how many.

        The chain stays as it is: salt and words lie in a file of their own, which is written anew.
        Raises `OSError`: then nothing is erased.
        """
        with self._lock:
            rows = list(_personal(self._folder.personal))
            dated = rows if all(row.at for row in rows) else self._dated(rows)
            kept = [row for row in dated if row.at >= before_at]
            if kept != rows:
                raw = b"".join(msgspec.json.encode(row) + b"\n" for row in kept)
                _replace(self._folder.personal, raw)
            return len(rows) - len(kept)

    def _dated(self, rows: Sequence[Personal]) -> list[Personal]:
        """Give rows of before the moment of their line; that reads the whole journal, once."""
        lines = map(_read, _lines(self._folder.journal))
        moments = {line.sequence: line.at for line in lines if line}
        dated = msgspec.structs.replace
        return [row if row.at else dated(row, at=moments.get(row.sequence, 0)) for row in rows]

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
        own = Personal(sequence, salt.hex(), row.words, row.at) if row.words else None
        return msgspec.structs.replace(line, hash=_hash(line)), own


class Entry(Struct, frozen=True):
    """One entry as it may be shown. `words`: "" where it has none, None where they were erased."""

    sequence: int
    kind: str
    at: int
    facts: dict[str, str | int]
    words: str | None = ""


def read_entries(folder: Folder, after: int = 0) -> Iterator[Entry]:
    """Read the journal from the entry after `after` on, oldest first, a line at a time.

    What cannot be read is left out: whether all is there is for `verify` to say. Raises `OSError`.
    """
    words = {row.sequence: row.words for row in _personal(folder.personal)}
    for raw in _lines(folder.journal):
        line = _read(raw)
        if line is not None and line.sequence > after:
            own = words.get(line.sequence) if line.words_hash else ""
            yield Entry(line.sequence, line.kind, line.at, line.facts, own)


def marks_at(folder: Folder, counts: Collection[int]) -> dict[int, Mark]:
    """Return what stood at the journal's end when it had so many entries; `0` as well."""
    found = {0: Mark()}
    # As `append` writes them: years of lines are compared, and only these few decoded.
    begins = tuple(f'{{"sequence":{count},'.encode() for count in counts)
    for raw in _lines(folder.journal):
        line = _read(raw) if raw.startswith(begins) else None
        if line is not None:
            found[line.sequence] = Mark(line.sequence, line.hash)
    return found


def entries_of(folder: Folder, lesson: str) -> list[Entry]:
    """Read what stands in the journal of one lesson, without the words."""
    named = lesson.encode()
    lines = [_read(raw) for raw in _lines(folder.journal) if named in raw]
    told = [one for one in lines if one and one.facts.get("lesson") == lesson]
    return [Entry(one.sequence, one.kind, one.at, one.facts, None) for one in told]


def newest_count(folder: Folder) -> int:
    """Return the newest entry's sequence, read from the end; 0 where there is none to be read."""
    path = folder.journal
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        whole = [raw for raw in file.read().splitlines(keepends=True) if raw.endswith(b"\n")]
    line = _read(whole[-1]) if whole else None
    return line.sequence if line else 0


def verify(folder: Folder, signed: Collection[Mark] = ()) -> Verdict:
    """Walk the whole chain, and hold it against what was signed of it; name the first fault."""
    previous, count, marks = "", 0, {mark.count: mark.hash for mark in signed if mark.count}
    for line in map(_read, _lines(folder.journal)):
        fault = _fault_of(line, previous, count, folder.journal)
        if not fault and line and marks.pop(line.sequence, line.hash) != line.hash:
            fault = _fault(line.sequence, "rewritten", line)
        if fault or not line:
            return Verdict(str(folder.journal), fault.sequence - 1 if fault else count, fault)
        previous, count = line.hash, count + 1
    if marks:
        return Verdict(str(folder.journal), count, Fault(count + 1, "cut"))
    return Verdict(str(folder.journal), count, _words_fault(folder))


def _fault_of(line: Line | None, previous: str, count: int, path: Path) -> Fault | None:
    sequence = count + 1
    if line is None or line.hash != _hash(line):
        return _fault(sequence, "altered", line)
    if line.sequence != sequence:
        moved = any(one and one.sequence == sequence for one in map(_read, _lines(path)))
        return _fault(sequence, "reordered" if moved else "removed", line)
    if line.previous != previous:
        # This entry is whole and says what stood before it: that was written anew.
        return Fault(count or sequence, "altered", line.previous)
    return None


def _words_fault(folder: Folder) -> Fault | None:
    """Words are written first: a power cut leaves some whose entry, another one, came later."""
    newest = {row.sequence: row for row in _personal(folder.personal)}
    for line in map(_read, _lines(folder.journal)):
        own = newest.get(line.sequence) if line else None
        if line and own and line.words_hash and line.words_hash != _words_hash(own):
            return _fault(line.sequence, "words", line)
    return None


def _fault(sequence: int, what: What, line: Line | None) -> Fault:
    """Name an entry by its stored hash: it has no other name."""
    return Fault(sequence, what, line.hash, line.kind, line.at) if line else Fault(sequence, what)


def _words_hash(row: Personal) -> str:
    try:
        return blake3(bytes.fromhex(row.salt) + row.words.encode()).hexdigest()
    except ValueError:
        return ""


def _personal(path: Path) -> Iterator[Personal]:
    for raw in _lines(path):
        with suppress(ValueError, RecursionError):
            yield _personal_row.decode(raw)


def _lines(path: Path) -> Iterator[bytes]:
    """Read the whole lines of a file; an end torn by a power cut was never answered for."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield raw


def _hash(line: Line) -> str:
    bare = msgspec.json.encode(msgspec.structs.replace(line, hash=""), order="deterministic")
    return blake3(line.previous.encode() + bare).hexdigest()


def _read(raw: bytes) -> Line | None:
    try:
        return _line.decode(raw)
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


def _replace(path: Path, raw: bytes) -> None:
    """Put `raw` in the place of a file whose words are then overwritten, not only let go of.

    A file system that copies on write keeps the old bytes all the same, where only root reads them.
    """
    with path.open("rb+") as old:
        size = old.seek(0, os.SEEK_END)
        write_private(path, raw)
        old.seek(0)
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())
