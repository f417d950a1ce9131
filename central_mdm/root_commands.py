"""The commands of `pupitre-mdm` on the school's root: opened, succeeded, taken over from an app."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from central_mdm.adopting import adopt
from central_mdm.checked import checked
from central_mdm.contract.region import School
from central_mdm.identity.rules import open_school
from central_mdm.identity.sealed import open_authority
from central_mdm.identity.succession import make_standby, pin_standby
from central_mdm.platform.ground import Ground
from central_mdm.succeeding import succeed_school
from central_mdm.typed import new_passphrase, secret

NAMES: Final = frozenset({"school", "standby", "succeed", "adopt"})
KEEP_OFF: Final = (
    "Put this file on a stick, the stick into the safe, and remove the file from this server; "
    "keep its passphrase apart. If the server's key is ever stolen, it ends what that key signed."
)
NO_STANDBY: Final = (
    "No standby: if the server's key is ever stolen, each device must enrol again. "
    "Make one: pupitre-mdm standby --folder … --school … --sealed FILE"
)
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    school = command("school", "open a school")
    school.add_argument("--school", required=True, help="its id: letters, digits, . _ : -")
    school.add_argument("--name", required=True)
    told = "where the standby's key goes, sealed; its passphrase is asked for"
    school.add_argument("--sealed", type=Path, help=told)
    standby = command("standby", "make a sealed standby for a school that has none")
    standby.add_argument("--school", required=True)
    standby.add_argument("--sealed", type=Path, required=True, help=told)
    after = command("succeed", "end the school's root, which others may have, by its standby")
    after.add_argument("--school", required=True)
    told = "the file from the safe; asks for its passphrase, then for the one of --next"
    after.add_argument("--sealed", type=Path, required=True, help=told)
    after.add_argument("--next", type=Path, required=True, help="where the next standby goes")
    taken = command("adopt", "take over a school that was started without a server")
    told = "the app's backup; its passphrase is asked for"
    taken.add_argument("--backup", type=Path, required=True, help=told)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    if args.command == "school":
        checked(School(args.school, args.name), School)
    match args.command:
        case "school" if args.sealed is None:
            await open_school(ground, args.school, args.name)
            return {"done": "school", "note": NO_STANDBY}
        case "school":
            standby = await _standby(args)
            await open_school(ground, args.school, args.name, standby)
        case "standby":
            standby = await _standby(args)
            await pin_standby(ground, args.school, standby)
        case "succeed":
            sealed = args.sealed.read_bytes(), secret(f"Passphrase of {args.sealed}")
            next_ = args.next, new_passphrase(str(args.next))
            epoch = await succeed_school(ground, args.school, sealed, next_)
            return {"done": "succeed", "epoch": epoch, "note": KEEP_OFF}
        case _:
            kept = open_authority(args.backup.read_bytes(), secret("Passphrase of the backup"))
            await adopt(ground, kept)
            return {"done": "adopt", "school": kept.school, "rows": len(kept.rows)}
    return {"done": args.command, "note": KEEP_OFF}


async def _standby(args: argparse.Namespace) -> str:
    """Make the file for the safe; return its key's thumbprint."""
    passphrase = new_passphrase(str(args.sealed))
    return await asyncio.to_thread(make_standby, args.school, args.sealed, passphrase)
