"""`pupitre`: the teacher's app; `pupitre demo`: the self-playing lesson."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from classroom_app.demo import play
from classroom_app.demo.world import Options
from device_bridge.memory import keep_freed_memory

DEVICES_MAX = 100
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="pupitre", description="A teacher's desk for a class.")
    home = platformdirs.user_data_path("pupitre", appauthor=False)
    made.add_argument("--home", type=Path, default=home, help="where this teacher's store lies")
    made.add_argument("--language", choices=["en", "fr", "de"], help="default: the system's")
    made.add_argument("--theme", choices=["light", "dark"], help="default: as last chosen")
    made.add_argument(
        "--interface",
        action="append",
        metavar="ADDRESS",
        help="listen for devices on this address only; may be repeated",
    )
    made.add_argument("--puppet", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--pace", type=float, default=1.0, help=argparse.SUPPRESS)
    commands = made.add_subparsers(dest="command")
    demo = commands.add_parser("demo", help="a lesson with pupils' devices, played by itself")
    demo.add_argument("--devices", type=int, default=24, help="from 3 to %d" % DEVICES_MAX)  # noqa: UP031
    demo.add_argument("--out", type=Path, help="new or empty folder (default: demo-out)")
    demo.add_argument("--seed", type=int, default=7)
    demo.add_argument("--headless", action="store_true", help="in an offscreen window")
    demo.add_argument(
        "--play", action="store_true", help="you are the teacher; pupils are simulated"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    headless = args.command == "demo" and args.headless
    if sys.platform == "linux" and not headless and not any(map(os.environ.get, SCREENS)):
        print("There is no desktop here to show a window on.", file=sys.stderr)
        return 2
    if args.command == "demo":
        if not 3 <= args.devices <= DEVICES_MAX:  # noqa: PLR2004 - two real ones and a latecomer
            print(f"--devices goes from 3 to {DEVICES_MAX}", file=sys.stderr)
            return 2
        options = Options(
            devices=args.devices,
            out=args.out or play.free_folder(Path("demo-out")),
            seed=args.seed,
            headless=args.headless,
            by_hand=args.play,
        )
        return play.main(options)
    from classroom_app.bootstrap import run  # noqa: PLC0415 - the demo's driver needs no window

    keep_freed_memory()
    return run(args.home, args.interface or [], args.puppet, args.language, args.theme, args.pace)
