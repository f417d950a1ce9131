"""`pupitre-mdm admin …`: what who runs the server does; each member adds its commands."""

import argparse
from collections.abc import Callable
from functools import partial

from central_mdm import (
    backup_commands,
    identity_commands,
    listing_commands,
    opening_commands,
    pupil_commands,
    roster_commands,
)
from central_mdm.platform.ground import Ground

MEMBERS = (
    opening_commands,
    backup_commands,
    identity_commands,
    roster_commands,
    pupil_commands,
)
Command = Callable[[Callable[..., argparse.ArgumentParser], str, str], argparse.ArgumentParser]


def add_to(admin: argparse.ArgumentParser, command: Command) -> None:
    """Add all members' commands beneath `admin`; `command` makes one with the common options."""
    add = admin.add_subparsers(dest="admin", required=True).add_parser
    for member in (*MEMBERS, listing_commands):
        member.add_to(partial(command, add))


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of the members' commands; return what is printed."""
    member = next(each for each in MEMBERS if args.admin in each.NAMES)
    return await member.run(ground, args)
