"""The commands of `pupitre-mdm` on devices that leave the school, and the school's alarms."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import json, to_builtins

from central_mdm.checked import DAYS_MAX, from_to, want_file, want_folder
from central_mdm.contract.leaving import Left, SignedReceipt
from central_mdm.fleet import acts
from central_mdm.fleet.leaving import take_receipt
from central_mdm.journal.alarms import alarms_since
from central_mdm.platform.acting import about, by_itself
from central_mdm.platform.errors import Malformed
from central_mdm.platform.ground import Ground
from central_mdm.typed import secret

NAMES: Final = frozenset({"release", "receipt", "alarms"})
DAY_SECONDS: Final = 86_400
NOTE: Final = (
    "Several devices at once need a second person of the school, within a day: "
    "pupitre-mdm release … --confirm {} --as LOGIN"
)
NOT_WRITTEN: Final = "They are let go. {} could not be written ({}): keep what stands here."
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    released = command(
        "release", "let devices leave the school: at their next check-in, or by file"
    )
    released.add_argument("--school", required=True)
    which = released.add_mutually_exclusive_group(required=True)
    told = "its id; several: a second person confirms. At most five times an hour"
    which.add_argument("--device", nargs="+", help=told)
    told = "what another has asked for, by the number it was given; without --as: only show it"
    which.add_argument("--confirm", metavar="ID", help=told)
    released.add_argument("--as", dest="login", help="who you are; asks for your password")
    told = "for `pupitre-agent leave --statement FILE`; of several: a folder of such files"
    released.add_argument("--out", type=Path, help=told)
    receipt = command("receipt", "keep what a device signed when it left by a file")
    receipt.add_argument("--school", required=True)
    receipt.add_argument("--file", type=Path, required=True, help="the device's receipt.json")
    alarms = command("alarms", "list what somebody should look at, the newest first")
    alarms.add_argument("--school", required=True)
    alarms.add_argument("--days", type=from_to(1, DAYS_MAX), default=30)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    match args.command:
        case "release" if args.login is None and args.confirm is not None:
            return {"waits": to_builtins(await acts.waiting(ground, args.school, args.confirm))}
        case "release":
            return await _release(ground, args)
        case "alarms":
            since = ground.clock() - args.days * DAY_SECONDS
            async with ground.database.reading(args.school) as connection:
                found = await alarms_since(connection, args.school, since)
            return {"alarms": to_builtins(found)}
        case _:
            return {"left": (await _receipt(ground, args)).device}


async def _release(ground: Ground, args: argparse.Namespace) -> object:
    about(args.confirm or " ".join(args.device), "confirm" if args.confirm else "ask")
    by_itself()
    if args.login is None:
        raise Malformed("no-person", "Say who lets it go: --as LOGIN, the password on stdin.")
    _want_out(args)
    password = secret(f"Password of {args.login}")
    who = (await acts.person(ground, args.school, args.login, password)).id
    if args.confirm is not None:
        act = await acts.confirm(ground, args.school, who, args.confirm)
    else:
        act = await acts.ask(ground, args.school, who, args.device)
    if not act.statements:
        return {"waits": act.id, "devices": len(act.devices), "note": NOTE.format(act.id)}
    done: dict[str, object] = {"releases": act.statements}
    if args.out:
        try:
            _write(act, args.out)
        except OSError as error:  # a full disk undoes nothing
            done["note"] = NOT_WRITTEN.format(args.out, error.strerror)
    return done


def _want_out(args: argparse.Namespace) -> None:
    """Raise Refused where the statements could not be written: let go is let go."""
    if args.out is None:
        return
    if args.confirm is not None:
        want_folder(args.out)
    elif len(set(args.device)) == 1:
        want_file(args.out)


def _write(act: acts.Act, out: Path) -> None:
    if len(act.devices) == 1:
        out.write_text(act.statements[act.devices[0]], encoding="ascii")
        return
    out.mkdir(parents=True, exist_ok=True)
    for device, statement in act.statements.items():
        (out / f"{device}.jws").write_text(statement, encoding="ascii")


async def _receipt(ground: Ground, args: argparse.Namespace) -> Left:
    try:
        signed = json.decode(args.file.read_bytes(), type=SignedReceipt)
    except (ValueError, RecursionError):
        raise Malformed("no-receipt", "This file is no receipt of a device.") from None
    return await take_receipt(ground, args.school, signed)
