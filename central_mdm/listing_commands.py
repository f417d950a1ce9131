"""The command of `pupitre-mdm admin` that lists what there is, by the ids that others ask for."""

import argparse
from collections.abc import Callable
from typing import Final

from msgspec import json

from central_mdm.listing import KINDS, lines
from central_mdm.platform.ground import Ground

LIST: Final = "list"
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the command; `command` makes one by name and help."""
    made = command(LIST, "list what there is with ids and names, a JSON object a line")
    made.add_argument("what", choices=tuple(KINDS))
    made.add_argument("--school", required=True)
    told = "only what has these letters in it: a name, a login, a class"
    made.add_argument("--find", metavar="TEXT", default="", help=told)


async def run(ground: Ground, args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Say each line as it is read."""
    async for line in lines(ground, args.school, args.what, args.find):
        say(json.encode(line).decode())
