"""`pupitre-mdm load`: what this machine's server carries, before a Monday asks it."""

import argparse
from collections.abc import Callable
from typing import Final

from msgspec import json

from central_mdm.joining import ground_at
from central_mdm.load.running import Plan, load
from central_mdm.load.school import end_school, loads_here
from central_mdm.load.target import loopback
from central_mdm.platform.errors import Malformed

DEVICES_MAX: Final = 5000
SECONDS_MAX: Final = 600
RATE_MAX: Final = 10_000
TEACHERS_MAX: Final = 200
LACKS: Final = "Say which server: pupitre-mdm load http://127.0.0.1:PORT --folder FOLDER …"
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the command; `command` makes one by name and help."""
    made = command("load", "ask a server on this machine as many devices and teachers do")
    made.add_argument("url", nargs="?", default="", help="where it listens; loopback only")
    made.add_argument("--devices", type=_bound(1, DEVICES_MAX, "devices"), default=500)
    made.add_argument("--seconds", type=_bound(1, SECONDS_MAX, "seconds"), default=30)
    told = "check-ins a second, offered whatever the server answers; one in twenty tells a change"
    made.add_argument("--rate", type=_bound(1, RATE_MAX, "a second"), default=50, help=told)
    told = "each signs in, then pulls and pushes every ten seconds"
    made.add_argument("--teachers", type=_bound(0, TEACHERS_MAX, "teachers"), default=0, help=told)
    told = "each request on a connection of its own, as where no ingress stands before the server"
    made.add_argument("--fresh", action="store_true", help=told)
    made.add_argument("--json", action="store_true", help="say it once more as a JSON object, last")
    told = "only take away the schools of loads that were killed"
    made.add_argument("--end", action="store_true", help=told)


async def run(args: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the load, or end what was left of others. Raises Refusal."""
    if not args.end and not args.url:
        raise Malformed("no-address", LACKS)
    target = None if args.end else await loopback(args.url)
    async with ground_at(args.folder, args.database) as ground:
        if target is None:
            for school in await loads_here(ground):
                if await end_school(ground, school):
                    say(f"{school} is taken away.")
            return
        plan = Plan(args.devices, args.seconds, args.rate, args.teachers, args.fresh)
        loaded = await load(ground, target, plan, say)
    if args.json:
        say(json.encode(loaded).decode())


def _bound(least: int, most: int, what: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"a load has from {least} to {most} {what}")
        return int(text)

    return read
