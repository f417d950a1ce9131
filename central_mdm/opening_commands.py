"""The commands that open a school, and its door to devices; `admin` has the same beneath it."""

import argparse
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from central_mdm.checked import HOURS_MAX, checked, from_to
from central_mdm.contract.region import School
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.identity.region import join, want_region
from central_mdm.identity.rules import open_school, schools_here
from central_mdm.platform.acting import about
from central_mdm.platform.errors import Malformed, Missing, Refused
from central_mdm.platform.ground import Ground
from central_mdm.root_commands import KEEP_OFF, SEALED, standby_in
from central_mdm.roster.naming import class_named
from central_mdm.sample import CODE_LETTERS

NAMES: Final = frozenset({"school", "code"})
NO_STANDBY: Final = (
    "No standby: if the server's key is ever stolen, each device must enrol again. "
    "Make one: pupitre-mdm standby --folder … --school … --sealed FILE"
)
HERE: Final = "There is a school {} already. To put it under a region: --region … --joins."
JOINED: Final = "School {} is under region {} already. Nothing has changed."
USES_MAX: Final = 10_000
HOURS, USES = 24, 40
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    school = command("school", "open a school or a region, or put a school under a region")
    school.add_argument("--school", required=True, help="its id: letters, digits, . _ : -")
    school.add_argument("--name", required=True, help="what people call it")
    school.add_argument("--sealed", type=Path, help=SEALED)
    told = "default: school"
    school.add_argument("--kind", choices=("school", "region"), default="school", help=told)
    school.add_argument("--region", default="", help="whose people may enter it")
    school.add_argument("--joins", action="store_true", help="the school is here: only --region")
    code = command("code", "make a code by which devices of a class enrol")
    code.add_argument("--school", required=True)
    code.add_argument("--class", dest="class_id", required=True, help="its name, or its id")
    told = f"how long it is good; default: {HOURS}"
    code.add_argument("--hours", type=from_to(1, HOURS_MAX), default=HOURS, help=told)
    told = f"how many devices may enrol by it; default: {USES}"
    code.add_argument("--uses", type=from_to(1, USES_MAX), default=USES, help=told)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    name = args.admin if args.command == "admin" else args.command
    if name == "code":
        return {"code": await _code(ground, args)}
    done = {"done": "admin school" if args.command == "admin" else "school"}
    return done | await _school(ground, args)


async def _school(ground: Ground, args: argparse.Namespace) -> dict[str, str]:
    """Open it, join it to a region, or both; return what is to be minded."""
    named = checked(School(args.school, args.name), School)
    note: dict[str, str] = {}
    await _want_schools(ground, args)  # before a file is made for the safe, worth nothing there
    if not args.joins:
        standby = await standby_in(args) if args.sealed else ""
        await open_school(ground, named.school, named.name, standby, kind=args.kind)
        note = {"note": KEEP_OFF} if standby else {"note": NO_STANDBY}
    if args.region:
        async with ground.database.writing(args.region) as connection:
            joined = await join(connection, args.region, named)
        if args.joins and not joined:
            return {"note": JOINED.format(args.school, args.region)}
    return note if args.kind == "school" or args.sealed else {}


async def _want_schools(ground: Ground, args: argparse.Namespace) -> None:
    """Raise a refusal unless the school is new, or to be joined, and the region is one."""
    if args.joins and args.sealed:
        raise Malformed("joins", "The school is here: pupitre-mdm standby makes its standby.")
    if args.joins and not args.region:
        raise Malformed("joins", "Say which region it joins: --region.")
    here = await schools_here(ground)
    if args.joins and args.school not in here:
        raise Missing("no-school", f"There is no school {args.school}.")
    if not args.joins and args.school in here:
        raise Refused("exists", HERE.format(args.school))
    if args.region:
        await want_region(ground, args.region)


async def _code(ground: Ground, args: argparse.Namespace) -> str:
    code = "".join(secrets.choice(CODE_LETTERS) for _ in range(12))
    ends_at = ground.clock() + args.hours * 3600
    async with ground.database.writing(args.school) as connection:
        class_id = await class_named(connection, args.school, args.class_id)
        about(class_id, f"hours={args.hours} uses={args.uses} class_id={class_id}")
        made = Code(class_id, ends_at, args.uses)
        await make_code(connection, args.school, code, made, ground.clock())
    return "-".join((code[:4], code[4:8], code[8:]))
