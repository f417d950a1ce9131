"""The commands `pupitre-mdm admin` has on what is kept: backup, restore, verify."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from central_mdm.checked import want_file
from central_mdm.erased import ERASED, unread
from central_mdm.identity.audit import by_console, record
from central_mdm.identity.rules import schools_here
from central_mdm.keeping import Kept, back_up, restore
from central_mdm.platform.acting import no_act
from central_mdm.platform.errors import Refused
from central_mdm.platform.ground import Ground
from central_mdm.typed import new_passphrase, secret
from central_mdm.verifying import look_through

NAMES: Final = frozenset({"backup", "verify"})
NOT_ERASED: Final = (
    "Pupils whom the old server erased after this backup was made are here again. Before you "
    f"serve, restore anew with --erased FILE, the {ERASED} of the old server's folder; if that is "
    "lost, erase each of these pupils by admin erase."
)
UNREAD: Final = (
    "Lines of the list that could not be read: {}. Whom they name is here again: erase each of "
    "these pupils by admin erase before you serve."
)
RESTORE: Final = "restore"
"""Has no ground to stand on yet: see `make`."""
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    backup = command("backup", "write database, keys and collected work into one sealed file")
    told = "a new file; its passphrase is asked for"
    backup.add_argument("--out", type=Path, required=True, help=told)
    restored = command(RESTORE, "make a server of a backup, in a new folder and an empty database")
    told = "the backup; its passphrase is asked for"
    restored.add_argument("file", type=Path, help=told)
    told = f"{ERASED} of the folder of the server that was: whom it had erased since"
    restored.add_argument("--erased", type=Path, help=told)
    command("verify", "look through journals, feeds and collected work for what does not fit")


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed. Raises Refused where something does not fit."""
    if args.admin == "backup":
        return {"backup": to_builtins(await _back_up(ground, args.folder, args.out))}
    await _act(ground)
    with no_act():  # what is marked as lost is a part of it
        looked = await look_through(ground)
    if faults := [f"{school}: {fault}" for school, one in looked.items() for fault in one.faults]:
        raise Refused("faults", "\n".join(faults))
    return {"verified": to_builtins(looked)}


async def _back_up(ground: Ground, folder: Path, out: Path) -> Kept:
    """Tell each school before any of it goes out, and once more when all of it has."""
    want_file(out)
    passphrase = new_passphrase("the backup")
    for school in await schools_here(ground):
        told = ground.clock(), school, by_console(), "admin backup", f"school {school}", "begins"
        with no_act():
            async with ground.database.writing(school) as connection:
                await record(connection, *told)
    kept = await back_up(ground, folder, out, passphrase)
    await _act(ground)
    return kept


async def _act(ground: Ground) -> None:
    """Note it in each school: all that is kept went out, or is looked through."""
    for school in await schools_here(ground):
        async with ground.database.writing(school):
            pass


async def make(args: argparse.Namespace) -> object:
    """Restore; return what is printed."""
    where = (args.folder, args.database, args.objects)
    lacks = unread(args.erased.read_bytes()) if args.erased else 0
    passphrase = secret("Passphrase of the backup")
    kept = await restore(args.file, *where, passphrase=passphrase, erased=args.erased)
    told: dict[str, Any] = {"restored": to_builtins(kept)}
    if not args.erased:
        return told | {"mind": NOT_ERASED}
    return told | {"mind": UNREAD.format(lacks)} if lacks else told
