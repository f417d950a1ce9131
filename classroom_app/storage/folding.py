"""A damaged store as one image: its file, and over it what the commits of its log have left."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from classroom_app.storage.ahead import NO_LOG, Frame, Log, log_beside
from classroom_app.storage.leaves import COUNTED
from classroom_app.storage.pages import PAGE, Opener
from classroom_app.storage.salts import opener_of

LOGGED: Final = slice(18, 20)
"""Where a file says that a log belongs to it, which one in memory cannot have."""
SEARCHED_MAX: Final = 16
"""So many damaged pages are tried as each other; in a longer row it is not the numbers alone."""


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
    """`plain`: the file without its cipher, damaged pages blank; `bad`: their numbers, from 1.

    `older`: pages of its log that are not the newest of their number, newest first. `proved`: all
    these are as they were written; else the salt is lost, or the key is another.
    """

    plain: bytes
    bad: tuple[int, ...]
    older: bytes
    proved: bool
    log: Log
    folded: Folded


def opened(path: Path, key: str, frames: int | None = None) -> Image:
    """Open each page of the store at `path`, and of its log, or of its first `frames`.

    Nothing is changed.
    """
    raw, log = path.read_bytes() if path.exists() else b"", log_beside(path)
    opener = opener_of(path, raw, key, log) or Opener(key, None)
    # What cannot be proved is not laid over anything: the log may be of another file.
    folds = replace(log, frames=log.frames[:frames]) if opener.proves else NO_LOG
    fold = folded(folds, opener, len(raw) // PAGE)
    filed, astray = _filed(raw, opener)
    newest = filed | fold.pages
    pages = {
        number: page
        for number, each in newest.items()
        # An older first page names the same tables, and without one nothing is found.
        if (number == 1 or number not in fold.stale) and (page := opener.page(each, number))
    }
    count = max(counted(pages.get(1)), *newest, *fold.stale, 0)
    numbers, blank = range(1, count + 1), bytes(PAGE)
    lost = fold.stale | (astray - fold.pages.keys())
    bad = tuple(each for each in numbers if each not in pages or each in lost)
    plain = bytearray().join(pages.get(each, blank) for each in numbers)
    if 1 in pages:
        plain[LOGGED], plain[COUNTED] = b"\1\1", count.to_bytes(4, "big")
    older = _older(log.frames[: fold.end] if opener.proves else log.frames, opener)
    return Image(bytes(plain), bad, older, opener.proves, log, fold)


def _filed(raw: bytes, opener: Opener) -> tuple[dict[int, bytes], frozenset[int]]:
    """Return the pages of a file by number, and where one does not lie that should.

    One in another's place still knows its own.
    """
    pages = dict(enumerate((raw[at : at + PAGE] for at in range(0, len(raw), PAGE)), 1))
    if not opener.proves:
        return pages, frozenset()
    astray = [number for number, page in pages.items() if not opener.number_of(page, (number,))]
    for page in [pages[number] for number in astray[:SEARCHED_MAX]]:
        if number := opener.number_of(page, astray):
            pages[number] = page
    return pages, frozenset(astray)


def _older(frames: tuple[Frame, ...], opener: Opener) -> bytes:
    each = (opener.page(frame.page, frame.number) for frame in reversed(frames) if frame.number > 1)
    return b"".join(page for page in each if page)


def sound(frame: Frame, opener: Opener) -> bool:
    return bool(opener.number_of(frame.page, (frame.number,)))


def folded(log: Log, opener: Opener, file_pages: int) -> Folded:
    """Fold a log as its commits were, around what is damaged of it."""
    whole = [sound(frame, opener) for frame in log.frames]
    held = [frame for frame, one in zip(log.frames, whole, strict=True) if one]
    salts = log.salts or (held[0].salts if held else b"")
    commits = (
        at
        for at, (frame, one) in enumerate(zip(log.frames, whole, strict=True), 1)
        if one and frame.size and frame.salts == salts
    )
    end = max(commits, default=0)
    most = max((frame.number for frame in held), default=0)
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


def counted(first: bytes | None) -> int:
    return int.from_bytes(first[COUNTED], "big") if first else 0
