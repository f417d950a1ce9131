"""A damaged store as one image: its file, and over it what the commits of its log have left."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.storage.ahead import Frame, Log, log_beside
from classroom_app.storage.copies import left_of
from classroom_app.storage.pages import PAGE, SALT, Opener

LOGGED: Final = slice(18, 20)
"""Where a file says that a log belongs to it, which one in memory cannot have."""
SEARCHED_MAX: Final = 16
"""So many damaged frames are tried as each page; in a longer row it is not the numbers alone."""
FOREIGN: Final = "the log of another file"
COUNTED: Final = slice(28, 32)
"""Where a file says how many pages it has."""


class Folded(Struct, frozen=True):
    """Pages by number as the commits of a log leave them; `end`: how many frames these have.

    `stale`: pages of which the newest is damaged. `unplaced`: how many damaged frames do not even
    say which page they were. `before`: how many frames lie before each row of these, newest first.
    `torn`: frames after the last commit that are not whole.
    """

    pages: dict[int, bytes]
    stale: frozenset[int]
    unplaced: int
    before: tuple[int, ...]
    end: int
    torn: int


class Image(Struct, frozen=True):
    """`plain`: the file without its cipher, damaged pages blank; `bad`: their numbers, from 1."""

    plain: bytes
    bad: tuple[int, ...]
    log: Log
    folded: Folded


def opened(path: Path, key: str, frames: int | None = None) -> Image:
    """Open each page of the store at `path`, and of its log, or of its first `frames`.

    Nothing is changed.
    """
    raw, log = path.read_bytes() if path.exists() else b"", log_beside(path)
    opener = opener_of(raw, key, log)
    fold = folded(replace(log, frames=log.frames[:frames]), opener, len(raw) // PAGE)
    newest = dict(enumerate((raw[at : at + PAGE] for at in range(0, len(raw), PAGE)), 1))
    newest |= fold.pages
    pages = {
        number: page
        for number, each in newest.items()
        # An older first page names the same tables, and without one nothing is found.
        if (number == 1 or number not in fold.stale) and (page := opener.page(each, number))
    }
    count = max(_counted(pages.get(1)), *newest, *fold.stale, 0)
    numbers, blank = range(1, count + 1), bytes(PAGE)
    bad = tuple(each for each in numbers if each not in pages or each in fold.stale)
    plain = bytearray().join(pages.get(each, blank) for each in numbers)
    if 1 in pages:
        plain[LOGGED], plain[COUNTED] = b"\1\1", count.to_bytes(4, "big")
    return Image(bytes(plain), bad, log, fold)


def opener_of(raw: bytes, key: str, log: Log) -> Opener:
    """Find the file's salt where its first page begins: in the file, or newest in the log."""
    firsts = [raw[:PAGE], *(frame.page for frame in reversed(log.frames) if frame.number == 1)]
    openers = (Opener(key, page[:SALT]) for page in firsts)
    fits = (one for one, page in zip(openers, firsts, strict=True) if one.number_of(page, (1,)))
    return next(fits, Opener(key, raw[:SALT]))


def harm_of(path: Path, key: str) -> str:
    """Say what is wrong with a store that SQLite would open, and do harm; "" where nothing is.

    Only what can be seen at each start: a log is there after a program was killed.
    """
    if not path.exists():
        # SQLite would begin a new one, and remove the log.
        return "the file is gone" if left_of(path) else ""
    log, file_pages = log_beside(path), path.stat().st_size // PAGE
    with path.open("rb") as file:
        first = file.read(PAGE)
    if not first:
        return "the file is empty"  # as above
    if not log.headed:
        return "the head of the log"
    opener = opener_of(first, key, log)
    if _passed_over(log, opener):
        return f"frame {log.read + 1} of the log"
    plain = opener.page(first, 1)
    return _unfit(log, plain, opener) or _cut(log, plain, file_pages)


def _unfit(log: Log, first: bytes | None, opener: Opener) -> str:
    """Say whether the file is not the one that the log was written for."""
    unfit = log.read and first and not _sound(log.frames[0], opener)
    return FOREIGN if unfit else ""


def _cut(log: Log, first: bytes | None, file_pages: int) -> str:
    """Say whether the file's end is missing. What is being folded in may be in the log alone."""
    logged = {frame.number for frame in log.frames[: log.read]}
    beyond = range(file_pages + 1, _counted(first) + 1)
    return "the end of the file" if any(number not in logged for number in beyond) else ""


def _passed_over(log: Log, opener: Opener) -> bool:
    """Say whether SQLite would drop what was committed: a commit lies whole behind some damage.

    A write that was torn leaves none such: nothing is written after it before the log is read.
    """
    behind = (each for each in log.frames[log.read :] if each.size and each.salts == log.salts)
    return any(_sound(each, opener) for each in behind)


def _sound(frame: Frame, opener: Opener) -> bool:
    return bool(opener.number_of(frame.page, (frame.number,)))


def folded(log: Log, opener: Opener, file_pages: int) -> Folded:
    """Fold a log as its commits were, around what is damaged of it."""
    whole = [_sound(frame, opener) for frame in log.frames]
    sound = [frame for frame, one in zip(log.frames, whole, strict=True) if one]
    salts = log.salts or (sound[0].salts if sound else b"")
    commits = (
        at
        for at, (frame, one) in enumerate(zip(log.frames, whole, strict=True), 1)
        if one and frame.size and frame.salts == salts
    )
    end = max(commits, default=0)
    most = max((frame.number for frame in sound), default=0)
    pages, stale, unplaced = dict[int, bytes](), dict[int, int](), list[int]()
    for at, (number, page) in enumerate(_placed(log, whole[:end], opener, max(most, file_pages))):
        if page is not None:
            pages[number] = page
            stale.pop(number, None)
        elif number:
            stale[number] = at
        else:
            unplaced.append(at)
    lost = {*stale.values(), *unplaced}
    before = tuple(sorted((at for at in lost if at - 1 not in lost), reverse=True))
    torn = whole[end:].count(False)
    return Folded(pages, frozenset(stale), len(unplaced), before, end, torn)


def _placed(
    log: Log, whole: list[bool], opener: Opener, most: int
) -> Iterator[tuple[int, bytes | None]]:
    """Yield each frame's number, 0 where nothing tells it, and its page, None where damaged."""
    searched = set(islice((at for at, one in enumerate(whole) if not one), SEARCHED_MAX))
    for at, (frame, one) in enumerate(zip(log.frames, whole, strict=False)):
        # It may be the number that is damaged: the page knows its own.
        numbers = range(1, most + 1 if at in searched else 1)
        number = frame.number if one else opener.number_of(frame.page, numbers)
        if number:
            yield number, frame.page
        else:
            yield frame.number if frame.number <= most else 0, None


def _counted(first: bytes | None) -> int:
    return int.from_bytes(first[COUNTED], "big") if first else 0
