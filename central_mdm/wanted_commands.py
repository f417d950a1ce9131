"""The commands of `pupitre-mdm` on what is wanted of devices, and on those missing or to be erased.

Erasing is by two people, each of whom proves who they are: `--as LOGIN`, the password, and a code
by who has a second factor.
"""

import argparse
from collections.abc import Callable
from typing import Final, get_args

from msgspec import json, to_builtins

from central_mdm.checked import checked, from_to
from central_mdm.contract.wanted import (
    MINUTES_MAX,
    Body,
    Declare,
    Group,
    LostReported,
    Order,
    Rule,
    Scope,
)
from central_mdm.fleet import acts, urgent
from central_mdm.fleet.declaring import declare
from central_mdm.fleet.features import FEATURES
from central_mdm.fleet.groups import keep_group
from central_mdm.fleet.orders import order
from central_mdm.fleet.wanted import standings
from central_mdm.identity import second_factor
from central_mdm.identity.rules import Proven
from central_mdm.platform.acting import about, no_act
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Malformed, NotAllowed
from central_mdm.platform.ground import Ground
from central_mdm.roster.naming import class_named
from central_mdm.typed import secret

NAMES: Final = frozenset({"group", "declare", "order", "standings", "lost", "wipe"})
BY: Final = "pupitre-mdm"
"""Who has the server's own folder is no person of the school."""
NOTE: Final = "Within a day a second person confirms it: pupitre-mdm wipe … --confirm {} --as LOGIN"
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    group = command("group", "make or replace a group: a list of devices, or a rule")
    for option in ("school", "id", "name"):
        group.add_argument(f"--{option}", required=True)
    group.add_argument("--device", nargs="+", default=[], help="the list")
    for option, whose in (
        ("kind", "whose kind is this"),
        ("model", "whose model is this"),
        ("class", "that are of this class, by its name or its id"),
        ("system", "whose system begins so"),
    ):
        dest = "class_id" if option == "class" else option
        told = f"the devices {whose}; all given fits"
        group.add_argument(f"--{option}", dest=dest, default="", help=told)
    declared = command("declare", "say how devices are to be; the nearest of several wins")
    declared.add_argument("--school", required=True)
    _add_target(declared)
    declared.add_argument("--feature", required=True, choices=sorted(FEATURES))
    told = 'as JSON: {"seconds": 600}; without it: nothing is wanted there any more'
    declared.add_argument("--body", help=told)
    ordered = command("order", "have devices do something once: ring, message, restart")
    ordered.add_argument("--school", required=True)
    _add_target(ordered)
    ordered.add_argument("--kind", required=True, choices=("ring", "message", "restart"))
    ordered.add_argument("--text", default="", help="of a message")
    told = f"not later than so many minutes from now; at most {MINUTES_MAX}"
    ordered.add_argument("--minutes", type=from_to(1, MINUTES_MAX), default=60, help=told)
    listed = command("standings", "list which devices are not as declared, and what is not done")
    listed.add_argument("--school", required=True)
    lost = command("lost", "say that one device is missing, or found again")
    lost.add_argument("--school", required=True)
    lost.add_argument("--device", required=True)
    what = lost.add_mutually_exclusive_group(required=True)
    what.add_argument("--text", help="what its whole screen says")
    what.add_argument("--found", action="store_true")
    _add_wipe(command)


def _add_wipe(command: Add) -> None:
    wipe = command("wipe", "erase what the agent has on one device: two people, and a delay")
    wipe.add_argument("--school", required=True)
    what = wipe.add_mutually_exclusive_group(required=True)
    what.add_argument("--device", help="one device; who asks is an administrator")
    what.add_argument("--confirm", metavar="ID", help="what another person has asked for")
    what.add_argument(
        "--cancel", metavar="ID", help="what you have asked for or confirmed; an administrator: any"
    )
    wipe.add_argument(
        "--minutes", type=from_to(1, MINUTES_MAX), default=60, help="the delay; at least 60"
    )
    told = "who you are; asks for the password, and for the code of who has a second factor"
    wipe.add_argument("--as", dest="login", required=True, help=told)


def _add_target(to: argparse.ArgumentParser) -> None:
    to.add_argument("--scope", required=True, choices=get_args(Scope))
    to.add_argument("--target", default="", help="the group's or the device's id")


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    match args.command:
        case "group":
            return {"group": args.id, "devices": await _group(ground, args)}
        case "declare":
            told = Declare(args.scope, args.feature, args.target, _body(args.body))
            return to_builtins(await declare(ground, args.school, BY, checked(told, Declare)))
        case "order":
            told = Order(
                ground.new_id(), args.kind, args.scope, args.target, args.text, args.minutes
            )
            ordered = await order(ground, args.school, BY, checked(told, Order))
            return {"order": told.id, "devices": ordered.reaches}
        case "standings":
            return {"standings": await _all_standings(ground, args.school)}
        case "lost" if args.found:
            await urgent.found(ground, args.school, BY, args.device)
            return {"found": args.device}
        case "lost":
            told = checked(LostReported(args.device, args.text), LostReported)
            await urgent.report_lost(ground, args.school, BY, told.device, told.text)
            return {"lost": args.device}
        case _:
            return await _wipe(ground, args)


async def _group(ground: Ground, args: argparse.Namespace) -> int:
    async with ground.database.writing(args.school) as connection:
        sits = args.class_id and await class_named(connection, args.school, args.class_id)
        rule = Rule(args.kind, args.model, sits, args.system)
        told = Group(args.id, args.name, tuple(args.device), None if rule == Rule() else rule)
        return await keep_group(connection, args.school, checked(told, Group), ground.clock())


async def _wipe(ground: Ground, args: argparse.Namespace) -> object:
    act = "ask" if args.device else "confirm" if args.confirm else "cancel"
    about(args.device or args.confirm or args.cancel, act)
    who = await _proven(ground, args)
    about(args.device or args.confirm or args.cancel, act, who.id)
    match act:
        case "ask":
            if who.role != "administrator":
                raise NotAllowed("wrong-duty", "Who asks to erase a device is an administrator.")
            seconds = args.minutes * 60
            asked = await urgent.ask_wipe(ground, args.school, who.id, args.device, seconds)
            return to_builtins(asked) | {"note": NOTE.format(asked.id)}
        case "confirm":
            return to_builtins(await urgent.confirm_wipe(ground, args.school, who.id, args.confirm))
        case _:
            return to_builtins(await urgent.cancel_wipe(ground, args.school, who.id, args.cancel))


async def _proven(ground: Ground, args: argparse.Namespace) -> Proven:
    """Have who asks prove to be so: by a password, and by a second factor where they have one."""
    who = await acts.person(ground, args.school, args.login, secret(f"Password of {args.login}"))
    async with ground.database.reading(args.school) as connection:
        if not await second_factor.holds(connection, args.school, who.id):
            return who
    with no_act():
        caller = Caller(args.school, "teacher", who.id, duty=who.role)
        await second_factor.give(ground, caller, secret("Code of your second factor"))
    return who


async def _all_standings(ground: Ground, school: str) -> list[object]:
    rows, after = list[object](), ""
    while True:
        page = await standings(ground, school, after)
        rows += to_builtins(page.rows)
        if not (after := page.next):
            return rows


def _body(text: str | None) -> Body | None:
    try:
        return None if text is None else json.decode(text, type=Body)
    except (ValueError, RecursionError):
        raise Malformed("no-body", "The body is no JSON object of plain values.") from None
