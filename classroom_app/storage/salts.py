"""A store's salt, without which no page of it can be proved, found again where it was damaged."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from classroom_app.storage.ahead import Log
from classroom_app.storage.pages import PAGE, SALT, Opener

NEAR_PAGES: Final = 3
"""So many pages are tried with each salt that differs in one byte: 4096 times 10 µs each."""
Page = tuple[int, bytes]


def opener_of(path: Path, raw: bytes, key: str, log: Log) -> Opener | None:
    """Find the salt by which a page of the store at `path` opens; None: by none.

    It may be in the file (`raw`), in the log, or in a copy beside it, which has the same; and one
    bad byte of it is found by trying. None is another key, or damage to the salt itself.
    """
    pages = [(at // PAGE + 1, raw[at : at + PAGE]) for at in range(0, len(raw), PAGE)]
    salts = list(dict.fromkeys(_salts(path, raw, key, log)))
    logged = [(frame.number, frame.page) for frame in log.frames]
    # A log may be of another file.
    for each in (pages, logged):
        if opener := _by(key, salts, each) or _near(key, raw[:SALT], tuple(each[:NEAR_PAGES])):
            return opener
    return None


def _by(key: str, salts: Iterable[bytes], pages: Iterable[Page]) -> Opener | None:
    openers = (Opener(key, salt) for salt in salts)
    return next((opener for opener in openers if _opens(opener, pages)), None)


def _opens(opener: Opener, pages: Iterable[Page]) -> bool:
    return any(opener.number_of(page, (number,)) for number, page in pages)


@lru_cache(maxsize=4)  # a repair looks at the same store again and again
def _near(key: str, salt: bytes, pages: tuple[Page, ...]) -> Opener | None:
    """Try each salt that differs in one byte."""
    salts = (
        salt[:at] + bytes((byte,)) + salt[at + 1 :]
        for at in range(len(salt))
        for byte in range(256)
    )
    return _by(key, salts, pages)


def _salts(path: Path, raw: bytes, key: str, log: Log) -> Iterator[bytes]:
    yield raw[:SALT]
    for at in range(PAGE, len(raw), PAGE):
        if Opener(key, raw[at : at + SALT]).number_of(raw[at : at + PAGE], (1,)):
            yield raw[at : at + SALT]  # the first page, in another's place
    yield from (frame.page[:SALT] for frame in reversed(log.frames) if frame.number == 1)
    for copy in path.parent.glob(f"*{path.suffix}"):
        with copy.open("rb") as file:
            yield file.read(SALT)
