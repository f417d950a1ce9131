"""The commands of `pupitre-mdm` on how much is kept, and for how long."""

import argparse
from collections.abc import Callable
from typing import Final

from msgspec import to_builtins

from central_mdm.checked import from_to
from central_mdm.partage.quota import keep_quota
from central_mdm.platform.ground import Ground
from central_mdm.tidying import tidy_all

NAMES: Final = frozenset({"quota", "tidy"})
GIB: Final = 1024**3
GIB_MAX: Final = 1024**2
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    quota = command("quota", "say how much collected work a school may keep")
    quota.add_argument("--school", required=True)
    quota.add_argument(
        "--gib", type=from_to(0, GIB_MAX), required=True, help="in 2^30 bytes; at first: 100"
    )
    told = "in 2^30 bytes, of what each person brings; at first: 20"
    quota.add_argument("--person-gib", type=from_to(0, GIB_MAX), help=told)
    tidying = command("tidy", "remove what is older than retention.json lets it be")
    tidying.add_argument("--school", action="append", default=[], help="default: all there are")
    told = "what is long past by it may go, though it was not tidied for months"
    tidying.add_argument("--clock-is-right", action="store_true", help=told)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    if args.command == "tidy":
        told = (args.folder, args.school)
        done = await tidy_all(ground, *told, clock_is_right=args.clock_is_right)
        return to_builtins(done)
    async with ground.database.writing(args.school) as connection:
        person = None if args.person_gib is None else args.person_gib * GIB
        await keep_quota(connection, args.school, args.gib * GIB, person)
    return {"done": args.command}
