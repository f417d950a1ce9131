"""The commands of `pupitre-mdm admin` on the roster: the school's register, imported."""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import to_builtins

from central_mdm.platform.ground import Ground
from central_mdm.roster.oneroster.importing import NotConfirmed, import_register
from central_mdm.roster.oneroster.report import write_report

NAMES: Final = frozenset({"import"})
Add = Callable[[str, str], argparse.ArgumentParser]


def add_to(command: Add) -> None:
    """Add the commands; `command` makes one by name and help."""
    made = command("import", "import the school's register: OneRoster's CSV files")
    made.add_argument("--school", required=True)
    made.add_argument("bundle", metavar="FILE", type=Path, help="a zip of the files, or a folder")
    made.add_argument(
        "--dry-run", action="store_true", help="tell what it would do, and do nothing"
    )
    told = "the digest of a plan that asks first, as it was told"
    made.add_argument("--confirm", metavar="DIGEST", default="", help=told)
    told = "where a table of the refused rows goes, for a spreadsheet; it names people"
    made.add_argument("--report", metavar="FILE.csv", type=Path, help=told)


async def run(ground: Ground, args: argparse.Namespace) -> object:
    """Run one of `NAMES`; return what is printed."""
    try:
        told = await import_register(
            ground, args.school, args.bundle, dry_run=args.dry_run, confirm=args.confirm
        )
    except NotConfirmed as refused:
        if args.report:
            await asyncio.to_thread(write_report, refused.told.refused, args.report)
        raise
    if args.report:
        await asyncio.to_thread(write_report, told.refused, args.report)
    return {**to_builtins(told), "refused": len(told.refused)} if args.report else to_builtins(told)
