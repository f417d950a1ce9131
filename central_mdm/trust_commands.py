"""The commands of `pupitre-mdm` on who may do what: roles, substitutes and ends."""

import argparse
from collections.abc import Callable
from typing import Final

from msgspec import to_builtins

from central_mdm.checked import DAYS_MAX, HOURS_MAX, from_to
from central_mdm.fleet.ended import choose_role, end_person
from central_mdm.fleet.ending import ending
from central_mdm.identity.revocation import end_device, end_grants
from central_mdm.identity.roles import ALL, DEFAULTS, choose_verbs, want_teacher
from central_mdm.platform.acting import about
from central_mdm.platform.ground import Ground
from central_mdm.roster.feed import publish
from central_mdm.roster.naming import class_named
from central_mdm.roster.rules import give_class

NAMES: Final = frozenset({"role", "substitute", "end", "ending"})
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    role = command("role", "say what a role may do in class, or give a person another role")
    role.add_argument("--school", required=True)
    role.add_argument("--role", choices=tuple(DEFAULTS), required=True)
    which = role.add_mutually_exclusive_group(required=True)
    which.add_argument("--verbs", nargs="*", choices=ALL, help="for the whole role")
    which.add_argument("--teacher", help="the person's id")
    substitute = command("substitute", "give a class to a teacher for today")
    substitute.add_argument("--school", required=True)
    substitute.add_argument("--teacher", required=True, help="the person's id")
    told = "its name, or its id"
    substitute.add_argument("--class", dest="class_id", required=True, help=told)
    substitute.add_argument("--hours", type=from_to(1, HOURS_MAX), default=10, help="default: 10")
    end = command("end", "trust a teacher's or a device's keys no more, or no grant so far")
    end.add_argument("--school", required=True)
    whom = end.add_mutually_exclusive_group(required=True)
    whom.add_argument("--teacher", help="who left, or whose computer was stolen: their id")
    whom.add_argument("--device", help="a device that was stolen: its id")
    whom.add_argument("--all-grants", action="store_true", help="every app needs a new one")
    ending_ = command("ending", "list whose identity ends soon: bring those devices online once")
    ending_.add_argument("--school", required=True)
    ending_.add_argument("--days", type=from_to(1, DAYS_MAX), default=60)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    match args.command:
        case "role" if args.teacher:
            await choose_role(ground, args.school, args.teacher, args.role)
        case "role":
            await choose_verbs(ground, args.school, args.role, tuple(args.verbs))
        case "substitute":
            await _substitute(ground, args)
        case "ending":
            async with ground.database.reading(args.school) as connection:
                found = await ending(connection, args.school, ground.clock(), args.days)
            return {"ending": to_builtins(found)}
        case _:
            return {"deny_list": await _end(ground, args)}
    return {"done": args.command}


async def _substitute(ground: Ground, args: argparse.Namespace) -> None:
    school, ends_at = args.school, ground.clock() + args.hours * 3600
    async with ground.database.writing(school) as connection:
        await want_teacher(connection, school, args.teacher)
        class_id = await class_named(connection, school, args.class_id)
        about(args.teacher, f"hours={args.hours} class_id={class_id}")
        news = await give_class(connection, school, args.teacher, class_id, ends_at)
        await publish(connection, school, news)


async def _end(ground: Ground, args: argparse.Namespace) -> int:
    if args.teacher:
        return await end_person(ground, args.school, args.teacher)
    if args.device:
        return await end_device(ground, args.school, args.device)
    return await end_grants(ground, args.school)
