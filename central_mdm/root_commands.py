"""The commands of `pupitre-mdm` on the school's root: its standby, succeeded, taken from an app."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from central_mdm.adopting import adopt
from central_mdm.identity.rules import school_row
from central_mdm.identity.sealed import open_authority
from central_mdm.identity.succession import make_standby, pin_standby, want_no_standby
from central_mdm.platform.ground import Ground
from central_mdm.succeeding import succeed_school
from central_mdm.typed import new_passphrase, secret

NAMES: Final = frozenset({"standby", "succeed", "adopt"})
KEEP_OFF: Final = (
    "Put this file on a stick, the stick into the safe, and remove the file from this server; "
    "keep its passphrase apart. If the server's key is ever stolen, it ends what that key signed."
)
SEALED: Final = "where the standby's key goes, sealed; its passphrase is asked for"
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    standby = command("standby", "make a sealed standby for a school that has none")
    standby.add_argument("--school", required=True)
    standby.add_argument("--sealed", type=Path, required=True, help=SEALED)
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
    match args.command:
        case "standby":
            async with ground.database.reading(args.school) as connection:
                # Before a file for the safe is made, which would be worth nothing.
                want_no_standby(await school_row(connection, args.school))
            await pin_standby(ground, args.school, await standby_in(args))
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


async def standby_in(args: argparse.Namespace) -> str:
    """Make the file for the safe; return its key's thumbprint."""
    passphrase = new_passphrase(str(args.sealed))
    return await asyncio.to_thread(make_standby, args.school, args.sealed, passphrase)
