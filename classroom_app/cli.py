"""`pupitre`: the teacher's app; `pupitre demo`: the self-playing lesson."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import msgspec
import platformdirs

from classroom_app.asking import passphrase
from classroom_app.demo import play
from classroom_app.demo.world import Options
from device_bridge.early_stop import early_stop
from device_bridge.journal_fault import Verdict, sentence
from device_bridge.memory import keep_freed_memory
from device_bridge.no_desktop import no_desktop
from device_bridge.soundness import plain, unsound

DEVICES_MAX = 100
STORE = ("check", "repair", "export", "aside", "erase")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="pupitre", description="A teacher's desk for a class.")
    home = platformdirs.user_data_path("pupitre", appauthor=False)
    made.add_argument("--home", type=Path, default=home, help="where this teacher's store lies")
    made.add_argument("--language", choices=["en", "fr", "de"], help="default: the system's")
    made.add_argument("--theme", choices=["light", "dark"], help="default: as last chosen")
    made.add_argument(
        "--interface",
        type=ip_address,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="listen for devices on this address only; may be repeated",
    )
    made.add_argument("--puppet", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--pace", type=float, default=1.0, help=argparse.SUPPRESS)
    commands = made.add_subparsers(dest="command")
    commands.add_parser("doctor", help="say what is weak about this set-up, and what to do")
    demo = commands.add_parser("demo", help="a lesson with pupils' devices, played by itself")
    demo.add_argument("--devices", type=int, default=24, help="from 3 to %d" % DEVICES_MAX)  # noqa: UP031
    demo.add_argument("--out", type=Path, help="new or empty folder (default: demo-out)")
    demo.add_argument("--seed", type=int, default=7)
    where = demo.add_mutually_exclusive_group()
    where.add_argument("--headless", action="store_true", help="in an offscreen window")
    where.add_argument(
        "--play", action="store_true", help="you are the teacher; pupils are simulated"
    )
    walls = "then keep pictures of the walls of 1 to 100 devices, light and dark"
    demo.add_argument("--walls", action="store_true", help=walls)
    # A machine that does much else at once is no measure of a lock.
    demo.add_argument("--lock-ms", type=float, default=500.0, help=argparse.SUPPRESS)
    journal = commands.add_parser("journal", help="look whether the journal is as it was written")
    journal.add_argument("what", choices=["verify"], help="walk it; name the first broken place")
    journal.add_argument("--json", action="store_true", help="for a program")
    store = commands.add_parser("store", help="look after what this teacher's app keeps")
    said = (
        "look at each page; make a damaged one anew of what is left; write all as JSON; lay one "
        "aside whose key is lost; forget one"
    )
    store.add_argument("what", choices=STORE, help=said)
    store.add_argument(
        "--key-is-lost", action="store_true", help="keyring or passphrase; for aside"
    )
    store.add_argument("--out", type=Path, help="where to export: a new or empty folder")
    store.add_argument("--pupil", metavar="ID", default="", help="whom to erase from the journal")
    return made


def doctor(home: Path) -> int:
    """Print what was found; return 1 where something is to be mended now."""
    # The demo's driver needs neither store nor keyring.
    from classroom_app.own_state import examined  # noqa: PLC0415
    from classroom_app.storage.keys import system_ring  # noqa: PLC0415

    found = examined(home, system_ring, time.time())
    print(plain(found))
    return int(unsound(found))


def verify(home: Path, *, as_json: bool) -> int:
    """Look through a teacher's whole journal; return 1 where it is not as it was written."""
    # No other command needs them.
    from classroom_app.domain.errors import NotKept, StoreInUse  # noqa: PLC0415 - as said
    from classroom_app.presenters.sentences import refusal  # noqa: PLC0415 - as above
    from classroom_app.storage.copies import left_of  # noqa: PLC0415 - as above
    from classroom_app.store_commands import in_use  # noqa: PLC0415 - as above
    from device_bridge.trust.sealed import WrongPassphrase  # noqa: PLC0415 - as above

    if not left_of(home / "store.db"):
        print(f"There is no journal in {home}.", file=sys.stderr)
        return 2
    try:
        verdict = asyncio.run(_look(home))
    except StoreInUse as error:
        print(in_use(error), file=sys.stderr)
        return 2
    except (NotKept, WrongPassphrase) as error:
        print(refusal(error), file=sys.stderr)
        return 2
    print(msgspec.json.encode(verdict).decode() if as_json else sentence(verdict))
    return int(verdict.fault is not None)


async def _look(home: Path) -> Verdict:
    from classroom_app.domain.errors import StoreLocked  # noqa: PLC0415 - as in `verify`
    from classroom_app.storage.keeping import open_keeping  # noqa: PLC0415 - as above
    from classroom_app.storage.keys import WAITS, system_ring  # noqa: PLC0415 - as above
    from classroom_app.store_commands import waits  # noqa: PLC0415 - as above

    try:
        keeping = await open_keeping(home, closing=waits())
    except StoreLocked:
        keeping = await open_keeping(home, system_ring, WAITS, passphrase())
    try:
        return await keeping.look_through()
    finally:
        await keeping.close()


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    match args.command:
        case "journal":
            return verify(args.home, as_json=args.json)
        case "doctor":
            return doctor(args.home)
        case "store":
            from classroom_app.store_commands import look_after  # noqa: PLC0415 - as in `doctor`

            told = (args.home, args.what, args.out, args.pupil)
            return look_after(*told, lost=args.key_is_lost)
        case _:
            return _open(args)


def _open(args: argparse.Namespace) -> int:
    demo = args.command == "demo"
    if demo and not 3 <= args.devices <= DEVICES_MAX:  # noqa: PLR2004 - two real ones and a latecomer
        print(f"--devices goes from 3 to {DEVICES_MAX}", file=sys.stderr)
        return 2
    if not (demo and args.headless) and (trouble := no_desktop()):
        print(trouble, file=sys.stderr)
        return 2
    if demo:
        options = Options(
            devices=args.devices,
            out=args.out or play.free_folder(Path("demo-out")),
            seed=args.seed,
            headless=args.headless,
            by_hand=args.play,
            lock_ms=args.lock_ms,
            walls=args.walls,
            language=args.language or "",
            theme=args.theme or "",
        )
        return play.main(options)
    with early_stop():
        from classroom_app.bootstrap import run  # noqa: PLC0415 - the demo's driver needs none

    keep_freed_memory()
    interfaces = [str(address) for address in args.interface]
    return run(args.home, interfaces, args.puppet, args.language, args.theme, args.pace)
