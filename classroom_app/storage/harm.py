"""What is wrong with a store that SQLite would open, and do harm by that."""

from pathlib import Path
from typing import Final

from classroom_app.domain.errors import StoreSealed
from classroom_app.storage.ahead import Log, log_beside
from classroom_app.storage.copies import left_of
from classroom_app.storage.folding import counted, sound
from classroom_app.storage.pages import PAGE, SALT, Opener
from classroom_app.storage.reading import readable

FOREIGN: Final = "the log of another file"


def harm_of(path: Path, key: str) -> str:
    """Say what is damaged; "" where SQLite does no harm.

    Only what can be seen at each start: a log is there after a program was killed. Raises
    `StoreSealed` where the key opens nothing that is left.
    """
    if not path.exists():
        # SQLite would begin a new one, and remove the log.
        return "the file is gone" if left_of(path) else ""
    log, file_pages = log_beside(path), path.stat().st_size // PAGE
    with path.open("rb") as file:
        raw = file.read(PAGE)
    if not raw:
        return "the file is empty"  # as above
    opener = Opener(key, raw[:SALT])
    first = opener.page(raw, 1) or _logged(log, opener)
    if first is None:
        return _of_first(path, key, log)
    return _of_log(log, opener) or _cut(log, first, file_pages)


def _logged(log: Log, opener: Opener) -> bytes | None:
    """Return the newest first page that SQLite reads in the log: what is folded in may be torn."""
    pages = (frame.page for frame in reversed(log.frames[: log.read]) if frame.number == 1)
    return next((plain for page in pages if (plain := opener.page(page, 1))), None)


def _of_first(path: Path, key: str, log: Log) -> str:
    """Tell a damaged first page from another key, which would open no other page either."""
    if path.stat().st_size < PAGE and not log.frames:
        return "the end of the file"  # no key can be tried on it
    if not readable(path, key):
        raise StoreSealed("wrong")
    return "the first page"


def _of_log(log: Log, opener: Opener) -> str:
    if not log.headed:
        return "the head of the log"
    if _passed_over(log, opener):
        return f"frame {log.read + 1} of the log"
    return FOREIGN if log.read and not sound(log.frames[0], opener) else ""


def _passed_over(log: Log, opener: Opener) -> bool:
    """Say whether SQLite would drop what was committed: a commit lies whole behind some damage.

    A write that was torn leaves none such: nothing is written after it before the log is read.
    """
    behind = (each for each in log.frames[log.read :] if each.size and each.salts == log.salts)
    return any(sound(each, opener) for each in behind)


def _cut(log: Log, first: bytes, file_pages: int) -> str:
    """Say whether the file's end is missing. What is being folded in may be in the log alone."""
    logged = {frame.number for frame in log.frames[: log.read]}
    beyond = range(file_pages + 1, counted(first) + 1)
    return "the end of the file" if any(number not in logged for number in beyond) else ""
