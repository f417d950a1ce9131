"""`pupitre store check`, `repair`, `export`, for one that will not open, and `erase`."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from classroom_app.asking import passphrase
from classroom_app.domain.errors import NotKept, StoreBroken, StoreInUse, StoreLocked
from classroom_app.domain.lesson import PupilId
from classroom_app.presenters.sentences import refusal
from classroom_app.storage.exporting import export
from classroom_app.storage.keeping import open_keeping
from classroom_app.storage.keys import WAITS, Key, Ring, find_key, system_ring
from classroom_app.storage.repairing import Checked, Repaired, check, read, repair
from device_bridge.only_one import lock_folder
from device_bridge.trust.sealed import WrongPassphrase

WHOLE, DAMAGED, NOT_DONE = 0, 1, 2
REPAIR: Final = "Mend it: pupitre store repair"


def look_after(
    home: Path,
    what: str,
    out: Path | None,
    pupil: str = "",
    ring: Callable[[], Ring] = system_ring,
) -> int:
    """Do one; return 0, 1 where the store is damaged, 2 where it was not done, with the reason."""
    path = home / "store.db"
    if not path.exists():
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
        held = _locked(home)
        try:
            return _done(what, path, _key(home, ring).digits, out or home)
        finally:
            os.close(held)
    except (NotKept, WrongPassphrase, OSError) as error:
        print(refusal(error), file=sys.stderr)
        return NOT_DONE


def _done(what: str, path: Path, key: str, out: Path) -> int:
    match what:
        case "repair":
            print(_repaired(repair(path, key, time.time())))
            return WHOLE
        case "export":
            return _exported(path, key, out)
        case _:
            found = check(path, key)
            print(_checked(found))
            return WHOLE if found.whole else DAMAGED


async def _erased(home: Path, pupil: PupilId, ring: Callable[[], Ring]) -> int:
    try:
        keeping = await open_keeping(home, ring)
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
        raise StoreBroken("nothing can be read")
    for name, count in export(left, folder).items():
        print(f"{folder / name}: {count}")
    lacking = [name for name, table in left.tables.items() if not table.whole]
    if lacking:
        print(f"Not all could be read: {', '.join(lacking)}. {REPAIR}", file=sys.stderr)
    print("These files tell of pupils: keep them as you would keep their marks.")
    return DAMAGED if lacking else WHOLE


def _locked(home: Path) -> int:
    try:
        return lock_folder(home)
    except BlockingIOError:
        raise StoreInUse from None


def _key(home: Path, ring: Callable[[], Ring]) -> Key:
    try:
        return find_key(home, ring, WAITS)
    except StoreLocked:
        return find_key(home, ring, WAITS, passphrase())


def _checked(found: Checked) -> str:
    if found.whole:
        return "The store is whole: every page and every table can be read."
    lines = [f"Damaged pages: {', '.join(map(str, found.bad))}."] if found.bad else []
    if found.lacking is None:
        lines.append("Not even the names of its tables can be read.")
    elif found.lacking:
        lines.append(f"Not to be read to their end: {', '.join(found.lacking)}.")
    elif found.wrong:
        lines.append(f"Its parts do not agree: {found.wrong[0]}")
    return "\n".join([*lines, REPAIR])


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
