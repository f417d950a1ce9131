"""The commands of `pupitre-mdm admin` on the roster: the register, and devices' classes."""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import to_builtins

from central_mdm.checked import checked, want_file
from central_mdm.contract.register import Imported, Placing, RowRefused
from central_mdm.fleet.placing import place
from central_mdm.identity.rules import schools_here
from central_mdm.platform.errors import Malformed, Missing, Refused
from central_mdm.platform.ground import Ground
from central_mdm.roster.naming import class_named
from central_mdm.roster.oneroster.importing import NotConfirmed, import_region, import_register
from central_mdm.roster.oneroster.report import write_report

NAMES: Final = frozenset({"import", "place"})
SAID: Final = 3
"""So many reasons are said where an import asks first."""
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    made = command("import", "import the school's register: OneRoster's CSV files")
    whose = made.add_mutually_exclusive_group(required=True)
    whose.add_argument("--school")
    told = "of a bundle of several schools, which is whose; repeatable"
    whose.add_argument("--of", metavar="SCHOOL=ORG", action="append", default=[], help=told)
    made.add_argument("bundle", metavar="FILE", type=Path, help="a zip of the files, or a folder")
    made.add_argument(
        "--dry-run", action="store_true", help="tell what it would do, and do nothing"
    )
    told = "the digest of a plan that asks first, as it was told"
    made.add_argument("--confirm", metavar="DIGEST", action="append", default=[], help=told)
    told = "where a table of the refused rows goes, for a spreadsheet; it names people"
    made.add_argument("--report", metavar="FILE.csv", type=Path, help=told)
    told = "fields of that table with ; between: for Excel in French or German, say"
    made.add_argument("--semicolons", action="store_true", help=told)
    placed = command("place", "let devices leave a class, join one, or both")
    placed.add_argument("--school", required=True)
    whose = placed.add_mutually_exclusive_group(required=True)
    whose.add_argument("--device", metavar="ID", nargs="+", default=[])
    whose.add_argument("--all", action="store_true", help="all that are in the class they leave")
    told = "left: its name, or its id"
    placed.add_argument("--from", metavar="CLASS", dest="from_class", default="", help=told)
    told = "joined: its name, or its id"
    placed.add_argument("--to", metavar="CLASS", dest="to_class", default="", help=told)
    told = "whose own the device is in the class that it joins"
    placed.add_argument("--pupil", metavar="ID", default="", help=told)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    if args.admin == "place":
        return {"placed": await place(ground, args.school, await _placing(ground, args))}
    if args.report:
        want_file(args.report)
    if args.of:
        return await _region(ground, args)
    try:
        told = await import_register(
            ground,
            args.school,
            args.bundle,
            dry_run=args.dry_run,
            confirm=next(iter(args.confirm), ""),
        )
    except NotConfirmed as refused:
        await _write(refused.told.refused, args)
        raise Refused("confirm", _asked(refused.told, refused.gone)) from None
    await _write(told.refused, args)
    return {**to_builtins(told), "refused": len(told.refused)} if args.report else to_builtins(told)


async def _placing(ground: Ground, args: argparse.Namespace) -> Placing:
    async with ground.database.reading(args.school) as connection:
        left, joined = [
            named and await class_named(connection, args.school, named)
            for named in (args.from_class, args.to_class)
        ]
    return checked(Placing(tuple(args.device), left, joined, args.pupil), Placing)


async def _region(ground: Ground, args: argparse.Namespace) -> object:
    orgs = dict(each.split("=", 1) for each in args.of if "=" in each)
    if len(orgs) < len(args.of):
        raise Malformed("of", "Say each school once: --of SCHOOL=ORG.")
    if unknown := sorted(set(orgs) - set(await schools_here(ground))):
        raise Missing("no-school", f"There is no school {', '.join(unknown)}.")
    region = await import_region(
        ground, orgs, args.bundle, dry_run=args.dry_run, confirms=args.confirm
    )
    refused = [*region.refused, *(row for one in region.schools.values() for row in one.refused)]
    await _write(refused, args)
    asks = {school: one for school, one in region.schools.items() if one.asks and not one.done}
    lines = [f"{school}: {why}" for school, why in region.failed.items()]
    if not args.dry_run:
        lines += [f"{school}: {_asked(one)}" for school, one in asks.items()]
    if lines:
        raise Refused("not-all", "\n".join(lines))
    return to_builtins(region)


def _refused(one: Imported) -> str:
    """Say why the first rows were refused, not what stands in them, and where the others are."""
    number = sum(file.refused for file in one.files)
    if not number:
        return ""
    first = dict.fromkeys(f"{row.file}: {row.why}" for row in one.refused)
    said = " ".join(list(first)[:SAID])
    return f"Refused: {said} Rows in all: {number}; --report FILE.csv lists them."


def _asked(one: Imported, gone: str = "") -> str:
    """Say why it asks and how to say yes; `gone` names people, on the screen of who asked."""
    why = " ".join(filter(None, (*one.asks, gone, _refused(one))))
    return f"{why} Nothing is done yet. To do just this: the same once more, --confirm {one.digest}"


async def _write(refused: Sequence[RowRefused], args: argparse.Namespace) -> None:
    if args.report:
        told = refused, args.report
        await asyncio.to_thread(write_report, *told, semicolons=args.semicolons)
