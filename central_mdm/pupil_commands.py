"""The commands of `pupitre-mdm admin` on what is here of one pupil."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import to_builtins

from central_mdm.checked import checked
from central_mdm.erased import Erased, note
from central_mdm.platform.acting import about
from central_mdm.platform.ground import Ground
from central_mdm.pupils import forget, tell, want_pupil

NAMES: Final = frozenset({"export", "erase"})
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    told = command("export", "write all that is here of a pupil into a new folder")
    told.add_argument("--out", metavar="FOLDER", type=Path, required=True)
    gone = command("erase", "forget a pupil: names, work, and the words of events that name them")
    for made in (told, gone):
        made.add_argument("--school", required=True)
        made.add_argument("--pupil", metavar="ID", required=True)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    about("")  # what was typed may be a name: it stands in the audit once it is a pupil's id
    if args.admin == "export":
        return to_builtins(await tell(ground, args.school, args.pupil, args.out))
    asked = checked(Erased(args.school, args.pupil, ground.clock()), Erased)
    await want_pupil(ground, args.school, args.pupil)
    about(args.pupil)
    await asyncio.to_thread(note, args.folder, asked)
    return to_builtins(await forget(ground, args.school, args.pupil))
