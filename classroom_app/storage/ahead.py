"""The write-ahead log, frame by frame: what SQLite reads of it, and what it would pass over.

SQLite ends a log at the first frame whose checksum does not hold, for so a torn write looks; what
comes after it is dropped without a word. Damage looks the same, and only what follows tells them
apart. Format: "WAL-mode File Format" (sqlite.org/walformat.html).
"""

import struct
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Final

from msgspec import Struct

from classroom_app.storage.pages import PAGE

HEAD: Final = struct.Struct(">4I8s2I")
FRAME: Final = struct.Struct(">2I8s2I")
STEP: Final = FRAME.size + PAGE
SUMMED_OF_FRAME: Final = 8
ORDERS: Final = {0x377F0682: "<", 0x377F0683: ">"}
"""The order of bytes in which checksums read their words, by the log's first word."""
WORD_BITS: Final = 0xFFFFFFFF
Sums = tuple[int, int]


class Frame(Struct, frozen=True):
    """A page as a commit left it. `size`: the file's pages after it, 0 where the commit goes on."""

    number: int
    size: int
    salts: bytes
    page: bytes


class Log(Struct, frozen=True):
    """All frames that lie in it, also those of earlier rounds, which were folded in.

    `read`: how many SQLite reads. `headed`: its head is whole; without it SQLite reads none.
    `salts`: those of the round that is going on, empty where no head tells them.
    """

    frames: tuple[Frame, ...] = ()
    read: int = 0
    headed: bool = True
    salts: bytes = b""


NO_LOG: Final = Log()


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def log_beside(path: Path) -> Log:
    """Walk the log of the store at `path`; one that holds nothing is as none."""
    log = log_of(path)
    raw = log.read_bytes() if log.exists() else b""
    return walked(raw) if len(raw) > HEAD.size else NO_LOG


def walked(raw: bytes) -> Log:
    """Walk a log as SQLite does when it opens one."""
    frames = tuple(_frames(raw))
    magic, *_, salts, first, second = HEAD.unpack_from(raw)
    order = ORDERS.get(magic, "<")
    begun = _summed(raw[: HEAD.size - SUMMED_OF_FRAME], (0, 0), order)
    if magic not in ORDERS or begun != (first, second):
        return Log(frames, headed=False)
    held = takewhile(bool, _held(raw, salts, begun, order))
    commits = (at for at, _ in enumerate(held, 1) if frames[at - 1].size)
    return Log(frames, max(commits, default=0), salts=salts)


def _frames(raw: bytes) -> Iterator[Frame]:
    for start in range(HEAD.size, len(raw) - STEP + 1, STEP):
        number, size, salts, *_ = FRAME.unpack_from(raw, start)
        yield Frame(number, size, salts, raw[start + FRAME.size : start + STEP])


def _held(raw: bytes, salts: bytes, sums: Sums, order: str) -> Iterator[bool]:
    """Say of each frame in turn whether it goes on from the one before."""
    for start in range(HEAD.size, len(raw) - STEP + 1, STEP):
        *_, own, first, second = FRAME.unpack_from(raw, start)
        if own != salts:  # of an earlier round: no sum is needed
            yield False
        summed = raw[start : start + SUMMED_OF_FRAME] + raw[start + FRAME.size : start + STEP]
        sums = _summed(summed, sums, order)
        yield sums == (first, second)


def _summed(raw: bytes, sums: Sums, order: str) -> Sums:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(raw) // 4}I", raw))
    for one, next_one in zip(words, words, strict=True):
        first = (first + second + one) & WORD_BITS
        second = (second + first + next_one) & WORD_BITS
    return first, second
