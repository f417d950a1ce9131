"""`pupitre store check`, `repair`, `export`, `aside`, for one that will not open, and `erase`."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from classroom_app.asking import passphrase
from classroom_app.domain.errors import (
    KeyringAway,
    NotKept,
    StoreBroken,
    StoreClosing,
    StoreInUse,
    StoreLocked,
)
from classroom_app.domain.lesson import PupilId
from classroom_app.presenters.sentences import refusal
from classroom_app.storage.aside import lay_aside, opens
from classroom_app.storage.checking import TORN_MAX, Checked, check
from classroom_app.storage.copies import left_of
from classroom_app.storage.exporting import export
from classroom_app.storage.keeping import lock_home_here, open_keeping
from classroom_app.storage.keys import WAITS, Key, Ring, find_key, system_ring
from classroom_app.storage.proving import begins
from classroom_app.storage.reading import read
from classroom_app.storage.refusals import as_not_kept
from classroom_app.storage.repairing import NOTHING_READ, Repaired, repair
from device_bridge.trust.sealed import WrongPassphrase

WHOLE, DAMAGED, NOT_DONE = 0, 1, 2
REPAIR: Final = "Mend it: pupitre store repair"
NOTHING_DONE: Final = "Nothing was done to it."
OPENS: Final = (
    "It opens, or can be mended, by the key that is here, so it stays: pupitre store check"
)
LOST: Final = "Where the key does not come back: pupitre store aside --key-is-lost"
LAID: Final = (
    "The store lies in {folder} now, whole. Start Pupitre, and sign in as on a new computer. What"
    " had not been sent to your school is in that folder alone, until a pupil has to be erased or"
    " its time is over: should the key come back, move the new store's files away, and these back."
)
CLOSE_FIRST: Final = "Pupitre is open with this store. Close it first; then do this again."
CLOSES: Final = "Pupitre is still being closed. This goes on by itself then."
CLOSES_STILL: Final = "Pupitre is still being closed. Do this again in a minute."
NO_COPY: Final = (
    "Neither it nor a copy beside it can be read, so no repair helps. Leave all files as they are,"
    " and ask for help; or begin anew: pupitre store aside"
)
UNPROVED: Final = (
    "What can be read makes no store that Pupitre opens ({why}). All is as it was; ask for help."
)
SEALED: Final = (
    "Not one page of it opens by the key that is here: that is another key, or all is damaged."
)
UNSALTED: Final = (
    "Its salt is lost, so no page of it can be proved. Acts prove themselves; only they are read."
)
TORN: Final = (
    "The last write of its log is not whole. A kill or a power cut in the middle of it leaves that,"
    " and what it held had not been answered then."
)
TOLD: Final = (
    "These files tell of pupils: keep them as you would keep their marks. The teacher's keys and"
    " sign-in are not in them: who has the files cannot teach with them."
)


def look_after(
    home: Path,
    what: str,
    out: Path | None,
    pupil: str = "",
    ring: Callable[[], Ring] = system_ring,
    *,
    lost: bool = False,
) -> int:
    """Do one; return 0, 1 where the store is damaged, 2 where it was not done, with the reason.

    `lost`: a person says that the keyring or the passphrase does not come back.
    """
    path = home / "store.db"
    if not left_of(path):
        print(f"There is no store in {home}.", file=sys.stderr)
        return NOT_DONE
    if what == "export" and out is None:
        print("Say where to: pupitre store export --out FOLDER", file=sys.stderr)
        return NOT_DONE
    if what == "erase" and not pupil:
        print("Say who: pupitre store erase --pupil ID", file=sys.stderr)
        return NOT_DONE
    try:
        if what == "erase":
            return asyncio.run(_erased(home, PupilId(pupil), ring))
        held = lock_home_here(home, waits())
        try:
            if what == "aside":
                return _laid_aside(path, ring, lost=lost)
            return _done(what, path, _key(home, ring).digits, out or home)
        finally:
            os.close(held)
    except (NotKept, WrongPassphrase, OSError) as error:
        print(_refused(error), file=sys.stderr)
        return NOT_DONE


def _refused(error: NotKept | WrongPassphrase | OSError) -> str:
    if isinstance(error, StoreInUse):
        return in_use(error)
    if isinstance(error, StoreLocked | KeyringAway):
        return f"{refusal(error)}\n{LOST}"
    if type(error) is StoreBroken:
        return NO_COPY if error.where == NOTHING_READ else UNPROVED.format(why=error.where)
    # A file that is there already is not the disk's refusal.
    if not isinstance(error, OSError) or isinstance(error, FileExistsError):
        return refusal(error)
    where = f" ({error.filename})" if error.filename else ""
    return f"{refusal(as_not_kept(error) or error)}{where}"


def in_use(error: StoreInUse) -> str:
    return CLOSES_STILL if isinstance(error, StoreClosing) else CLOSE_FIRST


def waits() -> Callable[[], bool]:
    """Return what waits on for one that closes, and says so the first time that it is asked."""
    words = iter([CLOSES])

    def goes_on() -> bool:
        for told in words:
            print(told, file=sys.stderr)
        return True

    return goes_on


def _done(what: str, path: Path, key: str, out: Path) -> int:
    match what:
        case "repair":
            return _mended(path, key)
        case "export":
            return _exported(path, key, out)
        case _:
            found = check(path, key)
            print(_checked(found))
            return WHOLE if found.whole else DAMAGED


def _laid_aside(path: Path, ring: Callable[[], Ring], *, lost: bool) -> int:
    """Lay a store aside that nothing here opens; one that opens is nobody's to lay aside."""
    if opens(path, ring, lost=lost):
        print(OPENS, file=sys.stderr)
        return NOT_DONE
    print(LAID.format(folder=lay_aside(path, time.time())))
    return WHOLE


def _mended(path: Path, key: str) -> int:
    """Make a damaged store anew. A whole one stays as it is: made anew it would lie there twice."""
    found = check(path, key)
    if found.whole and begins(path, key):
        print(f"{_checked(found)}\n{NOTHING_DONE}")
    else:
        print(_repaired(repair(path, key, time.time())))
    return WHOLE


async def _erased(home: Path, pupil: PupilId, ring: Callable[[], Ring]) -> int:
    try:
        keeping = await open_keeping(home, ring, closing=waits())
    except StoreLocked:
        keeping = await open_keeping(home, ring, passphrase=await asyncio.to_thread(passphrase))
    try:
        print(f"Erased from {await keeping.erase(pupil)} entries of the journal; they stay whole.")
        print("Collected work lies beside the store: remove that pupil's files there.")
    finally:
        await keeping.close()
    return WHOLE


def _exported(path: Path, key: str, folder: Path) -> int:
    left = read(path, key)
    if left is None:
        print(_checked(check(path, key)), file=sys.stderr)
        return NOT_DONE
    for name, count in export(left, folder).items():
        print(f"{folder / name}: {count}")
    lacking = [name for name, table in left.tables.items() if not table.whole]
    if lacking:
        print(f"Not all could be read: {', '.join(lacking)}. {REPAIR}", file=sys.stderr)
    print(TOLD)
    return DAMAGED if lacking else WHOLE


def _key(home: Path, ring: Callable[[], Ring]) -> Key:
    try:
        return find_key(home, ring, WAITS)
    except StoreLocked:
        return find_key(home, ring, WAITS, passphrase())


def _checked(found: Checked) -> str:
    if found.whole:
        whole = "The store is whole: every page and every table can be read."
        return f"{whole}\n{TORN}" if found.torn else whole
    way_on = REPAIR if found.mendable else NO_COPY
    if found.sealed:
        return f"{SEALED}\n{way_on}"
    return "\n".join([*_of_file(found), *_of_pages(found), *_of_log(found), way_on])


def _of_file(found: Checked) -> Iterator[str]:
    if not found.proved:
        yield UNSALTED
    if found.harm:
        yield f"Pupitre does not open it, so that nothing is lost: {found.harm}."


def _of_pages(found: Checked) -> Iterator[str]:
    if found.bad:
        yield f"Damaged pages: {_spans(found.bad)}."
    if found.lacking is None:
        yield "Not even the names of its tables can be read."
    elif found.lacking:
        yield f"Not to be read to their end: {', '.join(found.lacking)}."
    elif found.wrong:
        yield f"Its parts do not agree: {found.wrong[0]}"


def _of_log(found: Checked) -> Iterator[str]:
    if found.headless:
        yield "The head of its log is damaged: opened as it is, all of the log would be lost."
    elif found.passed_over:
        yield (
            "Its log is damaged: opened as it is, it would end there, and lose"
            f" {found.passed_over} pages that were written after it."
        )
    if found.unplaced:
        yield f"Damaged in the log, and nobody knows which pages: {found.unplaced}."
    if found.torn > TORN_MAX:
        yield f"Not whole at the end of the log: {found.torn} writes. A power cut can leave that."


def _spans(numbers: Sequence[int]) -> str:
    """Write 3, 4, 5 and 9 as "3-5, 9": a file that was cut lacks thousands."""
    apart = groupby(enumerate(numbers), key=lambda each: each[1] - each[0])
    spans = [[number for _, number in run] for _, run in apart]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in spans)


def _repaired(done: Repaired) -> str:
    lines = [
        f"{name}: {kept.rows} rows"
        + (f", and {kept.of_copy} of the copy" if kept.of_copy else "")
        + ("" if kept.whole else "; some may be missing")
        for name, kept in sorted(done.tables.items())
    ]
    lines.append(f"The damaged file lies beside it: {done.damaged}")
    if done.copy:
        lines.append(f"The copy that helped: {done.copy}")
    lines.append("What is missing of the journal shows by: pupitre journal verify")
    return "\n".join(lines)
