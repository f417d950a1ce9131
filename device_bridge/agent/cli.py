"""`pupitre-agent`: enrol a device, run its parts, ask what it holds."""

import argparse
import asyncio
import json
import os
import platform
import random
import secrets
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec

from central_mdm.contract.fleet import Policy
from central_mdm.contract.wanted import Body, Declaration
from device_bridge.agent.folder import Folder, default_folder
from device_bridge.agent.for_pupil import add_commands
from device_bridge.agent.guard import kept, mdm
from device_bridge.agent.guard.asking import PupilSocket
from device_bridge.agent.guard.central import BACK_OFF_MAX_SECONDS, BACK_OFF_SECONDS, NotTls
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import EVERYWHERE, About, Device, agent_version
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.inventory import inventory_of
from device_bridge.agent.guard.journal import verify
from device_bridge.agent.guard.leaving import Leaving
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.pairing import AlreadyEnrolled, Pairing
from device_bridge.agent.guard.seat_folders import SeatFolders
from device_bridge.agent.guard.seat_socket import SeatSocket
from device_bridge.agent.guard.status import ask_status, kept_status, serve_status
from device_bridge.agent.guard.witness import read_heads
from device_bridge.agent.leave import GuardRuns, finish, leave_by_file, until_enrolled
from device_bridge.agent.placed import read_placed
from device_bridge.agent.settings import Machine, prove
from device_bridge.agent.supervise import GOODBYE_SECONDS, Child, follow, supervise
from device_bridge.garbage import settle
from device_bridge.journal_fault import sentence as sentence_of
from device_bridge.logs import log_to_files, log_to_stderr
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.memory import keep_freed_memory
from device_bridge.no_desktop import no_x11
from device_bridge.only_one import lock_folder
from device_bridge.protocol.errors import DeviceError, Malformed, NotAllowed, NotPaired, TryAgain
from device_bridge.protocol.pairing import CODE_LENGTH, code_from, code_of, is_code
from device_bridge.protocol.plain import plain as plain_text
from device_bridge.session.keeper import retry_pauses
from device_bridge.session.pairing import Code, TurnedAway
from device_bridge.trust.pairing import Secret

KIND: Final = sys.platform
WORKERS: Final = 2
AGAIN_SECONDS: Final = 0.3
AGAIN_MAX_SECONDS: Final = 3.0
"""What a pupil gains who kills the seat under a lock again and again."""
Work = Coroutine[Any, Any, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code. Failures are one sentence on standard error."""
    keep_freed_memory()
    asked = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except DeviceError as error:
        print(_sentence(error), file=sys.stderr)
    except OSError as error:
        print(f"The system refuses: {error}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:  # noqa: PLR0915 - one stanza a command
    parser = argparse.ArgumentParser(
        "pupitre-agent", description="Enrol a device, run its parts, ask what it holds."
    )
    parser.add_argument("--version", action="version", version=f"pupitre-agent {agent_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, help_: str, run: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help_, description=help_)
        one.add_argument("--folder", type=Path, default=default_folder(), help="the agent's folder")
        one.set_defaults(command=run)
        return one

    one = add("enrol", "make this machine a device of a school", _enrol)
    one.add_argument("--server", default="", help="the MDM's address, as http(s)://host:port")
    one.add_argument("--code", default="", help="the enrolment code from the school")
    one.add_argument(
        "--placed",
        type=Path,
        help='or a file: {"server": …, "code": …}; removed once used',
    )
    one = add("pair", "make this machine a device of a school that has no server", _pair)
    _listening(one)
    one.add_argument("--name", default=platform.node(), help="what the teacher reads of it")
    how = one.add_mutually_exclusive_group()
    how.add_argument(
        "--code",
        nargs="+",  # it is shown as two groups of letters, and so it is typed
        default=[],
        help="the class's code; without it one is shown here",
    )
    how.add_argument("--secret", default="", help="what the teacher's QR code says")
    one = add("run", "keep guard and seat running", _run)
    _listening(one)
    one.add_argument("--display", default="", help="the X11 display to sit at, as :1")
    one.add_argument("--pace", type=float, default=1.0, help=argparse.SUPPRESS)
    one = add("guard", "run the guard alone (a service)", _guard)
    _listening(one)
    one.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    one.add_argument("--pace", type=float, default=1.0, help=argparse.SUPPRESS)
    one.add_argument(
        "--pupil-uid", type=int, action="append", default=[], help="whose seat to take"
    )
    one.add_argument(
        "--seat-folder", type=Path, help="where the seat finds its socket; default: the folder"
    )
    one = add("seat", "run the seat alone (in the pupil's desktop)", _seat)
    one.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    one = add("leave", "leave the school: all that is of it goes, a receipt stays", _leave)
    one.add_argument("--statement", type=Path, required=True, help="the school's release, a file")
    _playing(add)
    add("status", "print what the device holds and has applied, as JSON", _status)
    add_commands(add)
    _verifying(add("journal", "look whether the journal is as it was written", _journal))
    one = add("doctor", "say what is weak here, and why nobody finds this device", _doctor)
    one.add_argument("--own", action="store_true", help="without a look at the network")
    one.add_argument("--server", default="", help="the MDM's address, where not enrolled yet")
    return parser


def _playing(add: Callable[..., argparse.ArgumentParser]) -> None:
    one = add("simulate", "run simulated devices (tests, demo)", _simulate)
    one.add_argument("--plan", type=Path, required=True, help="which devices, as JSON")
    one = add("screen", "paint a behaving screen on this display (tests, demo)", _screen)
    one.add_argument("--device", required=True, help="whose code it shows")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--behaviour", default="writing", help="what its pupil does")


def _listening(one: argparse.ArgumentParser) -> None:
    one.add_argument("--port", type=int, default=0, help="0: the last one, or any free")
    one.add_argument(
        "--interface",
        type=ip_address,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="own address to be reached at; repeatable",
    )


def _verifying(one: argparse.ArgumentParser) -> None:
    one.add_argument("what", choices=["verify"], help="walk the chain; name the first broken place")
    one.add_argument("--json", action="store_true", help="for a program")


def _enrol(asked: argparse.Namespace) -> int:
    if asked.placed is None:
        wanted = {"--server": asked.server, "--code": asked.code}
        if unsaid := " and ".join(name for name, said in wanted.items() if not said):
            print(
                f"To enrol, say {unsaid} as well: who keeps the school's server knows its address, "
                "and pupitre-mdm code makes a code.",
                file=sys.stderr,
            )
            return 2
        return _enrol_at(asked, asked.server, asked.code)
    if (placed := read_placed(asked.placed)) is None:
        return 0  # used at an earlier start
    try:
        ended = _enrol_at(asked, placed.server, placed.code)
    except NotPaired:
        asked.placed.unlink(missing_ok=True)  # of no use: not to be tried at every start
        raise
    asked.placed.unlink(missing_ok=True)
    return ended


def _enrol_at(asked: argparse.Namespace, server: str, code: str) -> int:
    folder = Folder(asked.folder)
    asyncio.run(finish(folder))
    folder.make()
    inventory = inventory_of(folder.root, KIND, agent_version())
    try:
        device = asyncio.run(mdm.enrol(folder, server, code, inventory))
    finally:
        _warn_of_clock(folder, server)
    print(json.dumps({"device": device, "folder": str(folder.root)}))
    return 0


def _warn_of_clock(folder: Folder, server: str) -> None:
    """Say that the clock is wrong while somebody sits here; it may be why enrolment failed."""
    from device_bridge.agent.doctor import clock_at  # noqa: PLC0415 - seldom needed
    from device_bridge.discovery.doctor_words import sentence  # noqa: PLC0415 - as above

    clock = asyncio.run(clock_at(folder, server))
    if clock.state == "failed":
        print(sentence(clock), file=sys.stderr)


def _pair(asked: argparse.Namespace) -> int:
    return _until_told(_wait_to_be_paired(asked))


async def _wait_to_be_paired(asked: argparse.Namespace) -> int:
    """Open the door for five minutes; a program reads what is printed, a person stderr."""
    await finish(Folder(asked.folder))
    code = _code(asked)

    def decides() -> None:
        print(f"The code was right. Say yes in Pupitre to {listed}.", file=sys.stderr)

    waiting = Pairing(
        Folder(asked.folder),
        code,
        (asked.name, KIND),
        now=time.monotonic,
        random_bytes=secrets.token_bytes,
        opened="secret" if asked.secret else "class" if asked.code else "own",
        decides=decides,
    )
    listed = f"{asked.name} · {waiting.label}"
    interfaces = [str(address) for address in asked.interface]
    port = waiting.bind(interfaces or EVERYWHERE, asked.port)
    told = {"label": waiting.label, "port": port}
    shown = {} if asked.code or asked.secret else {"code": code.secret.decode()}
    print(json.dumps({**shown, **told}), flush=True)
    print(f"Waiting for five minutes. Pupitre lists this device as {listed}.", file=sys.stderr)
    given = await waiting.run(port, interfaces or None)
    print(json.dumps({"device": given.device, "school": given.school_name}), flush=True)
    return 0


def _code(asked: argparse.Namespace) -> Code:
    if asked.secret:
        secret = Secret.read(asked.secret)
        return Code(secret.secret.hex().encode(), secret.app)
    code = (
        code_of("".join(asked.code)) if asked.code else code_from(secrets.token_bytes(CODE_LENGTH))
    )
    if not is_code(code):
        raise Malformed("a code has 6 letters or digits")
    return Code(code.encode())


def _run(asked: argparse.Namespace) -> int:
    if (held := _alone(Folder(asked.folder))) is None:
        return 1
    log_to_stderr()
    folder = ["--folder", str(asked.folder)]
    listening = ["--port", str(asked.port), "--pace", str(asked.pace)]
    for address in asked.interface:
        listening += ["--interface", str(address)]
    asyncio.run(finish(Folder(asked.folder)))
    read_enrolment(Folder(asked.folder))  # a sentence now, not a child that dies for ever
    env = {"DISPLAY": asked.display} if asked.display else {}
    lacks = partial(no_x11, asked.display or os.environ.get("DISPLAY", ""))
    parts = (
        # It holds our lock on and on, also where we are killed and it ends a moment later.
        Child(
            "guard",
            [*_ourselves(), "guard", *folder, *listening],
            env,
            holds=held,
            lacks=partial(_no_school, Folder(asked.folder)),
        ),
        Child("seat", [*_ourselves(), "seat", *folder], env, lacks=lacks),
    )
    pauses = partial(retry_pauses, AGAIN_SECONDS, AGAIN_MAX_SECONDS, lambda: 1.0)

    async def both() -> int:
        await supervise(parts, pauses)
        return 0

    return _until_told(both())


def _alone(folder: Folder) -> int | None:
    """Lock the folder for as long as we live, waiting for one that ends; None: another stays."""

    async def locked() -> int:
        async with asyncio.timeout(GOODBYE_SECONDS):
            while True:
                try:
                    return lock_folder(folder.root)
                except BlockingIOError:
                    await asyncio.sleep(AGAIN_SECONDS)

    if not folder.root.is_dir():
        raise NotPaired("not enrolled")
    try:
        return asyncio.run(locked())
    except TimeoutError:
        print("The agent runs here already; a second would take its place.", file=sys.stderr)
        return None


def _guard(asked: argparse.Namespace) -> int:
    follow(asked.parent)
    if not asked.parent and _alone(Folder(asked.folder)) is None:
        return 1
    log_to_stderr()
    return _until_told(_serve(asked))


async def _serve(asked: argparse.Namespace) -> int:
    folder = Folder(asked.folder)

    def say(error: NotPaired) -> None:
        print(_sentence(error), file=sys.stderr, flush=True)

    pauses = retry_pauses(BACK_OFF_SECONDS, BACK_OFF_MAX_SECONDS, _jitter)
    await until_enrolled(folder, pauses, say)  # who has left the school makes nothing anew
    folder.make()
    log_to_files(folder.root, "guard")
    try:
        await _serve_enrolled(asked, folder)
    except* Leaving:
        await finish(folder)
    return 0


async def _serve_enrolled(asked: argparse.Namespace, folder: Folder) -> None:
    with ThreadPoolExecutor(WORKERS, "guard") as workers, bulk_threads() as bulk:
        pupils = set(asked.pupil_uid) - {os.getuid()}
        folders = SeatFolders(bulk) if pupils else None
        makings = Makings(
            system_clock(),
            lambda: uuid4().hex,
            secrets.token_bytes,
            workers,
            bulk,
            folders=folders,
        )
        device = Device(
            folder,
            makings,
            About(KIND, _apply, _jitter, gateway=_gateway, pace=asked.pace, machine=machine()),
        )
        interfaces = [str(address) for address in asked.interface]
        port = device.bind(interfaces or EVERYWHERE, asked.port)
        there = Folder(asked.seat_folder or folder.root)
        uids = {os.getuid(), *pupils}
        seat = SeatSocket(there.seat_socket, uids, device.guard)
        pupil = PupilSocket(there.pupil_socket, uids, device.guard, device.networks, makings)
        async with AsyncExitStack() as stack:
            for one in (seat.serve(), pupil.serve(), serve_status(device)):
                await stack.enter_async_context(one)
            if folders is not None:
                folders.came = device.guard.folders_came
                stack.enter_context(folders.serve(there.folders_socket, pupils, seat))
            settle()
            print(json.dumps({"device": device.id, "port": port}), flush=True)
            await device.run(interfaces=interfaces or None)


def _leave(asked: argparse.Namespace) -> int:
    folder = Folder(asked.folder)
    leave_by_file(folder, asked.statement)
    print(json.dumps({"left": True, "receipt": str(folder.receipt)}))
    return 0


def _seat(asked: argparse.Namespace) -> int:
    follow(asked.parent)
    log_to_stderr()
    from device_bridge.agent.seat.main import main as sit  # noqa: PLC0415 - Qt, only here

    return sit(asked.folder)


def _simulate(asked: argparse.Namespace) -> int:
    from device_bridge.simulator.plan import read_plan  # noqa: PLC0415 - Pillow, seldom needed
    from device_bridge.simulator.process import simulate  # noqa: PLC0415 - as above

    log_to_stderr()
    try:
        plan = read_plan(asked.plan)
    except ValueError as error:
        print(f"The plan cannot be read: {error}", file=sys.stderr)
        return 2

    asked.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def live() -> int:
        await simulate(plan, asked.folder, lambda line: print(line, flush=True))
        return 0

    return _until_told(live())


def _screen(asked: argparse.Namespace) -> int:
    from device_bridge.simulator.screen_window import paint  # noqa: PLC0415 - as above
    from device_bridge.simulator.screens import BEHAVIOURS  # noqa: PLC0415 - as above

    if asked.behaviour not in BEHAVIOURS:
        print(f"A screen does one of: {', '.join(BEHAVIOURS)}", file=sys.stderr)
        return 2
    return paint(asked.device, asked.seed, asked.behaviour)


def _status(asked: argparse.Namespace) -> int:
    folder = Folder(asked.folder)
    status = asyncio.run(ask_status(folder))
    if status is None:
        held = kept.read(folder, system_clock())
        enrolled = read_enrolment(folder)
        status = kept_status(held, enrolled.device, enrolled.identity.ends_at)
    print(msgspec.json.format(msgspec.json.encode(status), indent=2).decode())
    return 0


def _journal(asked: argparse.Namespace) -> int:
    folder = Folder(asked.folder)
    if not (folder.journal.exists() or folder.heads.exists()):
        print(f"There is no journal in {folder.root}.", file=sys.stderr)
        return 2
    verdict = verify(folder, [row.head.newest for row in read_heads(folder).own])
    print(msgspec.json.encode(verdict).decode() if asked.json else sentence_of(verdict))
    return int(verdict.fault is not None)


def _doctor(asked: argparse.Namespace) -> int:
    from device_bridge import soundness  # noqa: PLC0415 - seldom needed
    from device_bridge.agent.doctor import look  # noqa: PLC0415 - as above
    from device_bridge.agent.own_state import examined, service_state  # noqa: PLC0415 - as above
    from device_bridge.agent.seeing import seeing  # noqa: PLC0415 - as above
    from device_bridge.discovery.doctor_words import plain  # noqa: PLC0415 - as above

    folder = Folder(asked.folder)
    own = [*examined(folder, time.time(), service_state), *seeing(sys.platform, os.environ)]
    print(soundness.plain(own))
    if asked.own:
        return int(soundness.unsound(own))
    if not (asked.server or _is_enrolled(folder)):
        print(
            "This device belongs to no school yet, so nobody looks for it. Enrol or pair it first: "
            "pupitre-agent enrol --help, pupitre-agent pair --help. Where that fails, "
            "pupitre-agent doctor --server ADDRESS looks at the network and the clock."
        )
        return 1
    checks = asyncio.run(look(folder, asked.server))
    print(plain(checks))
    return int(soundness.unsound(own) or any(check.state == "failed" for check in checks))


def _is_enrolled(folder: Folder) -> bool:
    try:
        read_enrolment(folder)
    except NotPaired:
        return False
    except (DeviceError, OSError):  # of another user, or spoilt: the look at the network helps
        return True
    return True


def _no_school(folder: Folder) -> str:
    # Who has not yet done with leaving is the guard's own to finish.
    if _is_enrolled(folder) or folder.wiping.exists() or folder.leaving.exists():
        return ""
    return "This device belongs to no school. Its guard waits: pupitre-agent enrol, or pair."


def _ourselves() -> list[str]:
    """Give the command by which this very program is started again, frozen or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "device_bridge.agent"]


def _until_told(work: Work) -> int:
    """Run until done or told to end by SIGTERM or SIGINT, which ends all in order."""

    async def told() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs has one
        if sys.platform != "win32":  # whose loop hears of no signals
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(told())
    except asyncio.CancelledError:
        return 0


def _jitter() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 - spreads devices, keeps no secret


def _gateway(interface: str) -> str:
    if sys.platform != "linux":
        return ""
    from device_bridge.agent.platform.linux_gateway import gateway_of  # noqa: PLC0415 - Linux only

    return gateway_of(interface)


def _apply(policy: Policy) -> str:
    """Do what an MDM of before declares, by the same ways; return what was not applied, or ""."""
    bodies: dict[str, Body] = {
        "screen_timeout": {"seconds": policy.screen_timeout_seconds},
        "wallpaper": {"name": policy.wallpaper},
    }
    declared = [Declaration(name, policy.version, body) for name, body in bodies.items()]
    reports = [prove(machine().settings, one, None) for one in declared]
    return "; ".join(one.reason for one in reports if one.state != "applied")


def machine() -> Machine:
    if sys.platform != "linux":
        return Machine()
    from device_bridge.agent.platform import (  # noqa: PLC0415 - Linux only
        linux_restart,
        linux_ring,
        linux_settings,
    )

    own_desktop = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    settings = linux_settings.linux_settings(own_desktop=own_desktop)
    return Machine(settings, linux_ring.ring, linux_restart.restart)


def _sentence(error: DeviceError) -> str:  # noqa: C901 - one case a sentence
    match error:
        case NotPaired(args=("not enrolled",)):
            return (
                "This device is not enrolled. Enrol it: pupitre-agent enrol --server … --code …; "
                "where the school has no server: pupitre-agent pair"
            )
        case NotPaired(args=(mdm.BAD_CODE, *_)):
            return (
                "This code does not enrol a device: it is mistyped, used up, or its time is over. "
                "Ask who keeps the school's server for another: pupitre-mdm code makes one."
            )
        case NotPaired(args=(mdm.OTHER_PLACE, str() as told)):
            return plain_text(told, 500)
        case TurnedAway(why="too-many"):
            return (
                "Somebody guessed at the code too often; the door is shut. "
                "Tell the teacher, then start again: pupitre-agent pair"
            )
        case TurnedAway():
            return "Nobody came in five minutes. Start again: pupitre-agent pair"
        case AlreadyEnrolled():
            return "This device belongs to a school already, so it is not paired again."
        case GuardRuns():
            return (
                "The guard is at work here. End it first (systemctl stop pupitre-guard, or end "
                "pupitre-agent run), then leave."
            )
        case NotAllowed(verb="release", why=why):
            return f"This statement does not let this device go: {why}."
        case NotPaired():
            return f"The school does not take this device: {_facts(error)}."
        case TryAgain():
            return _no_answer(error)
        case NotAllowed(verb=verb, why=why):
            return f"The MDM refuses: {verb} {why}".rstrip(" .") + "."
        case _:
            return f"This cannot be repaired by trying again: {_facts(error)}."


def _no_answer(error: TryAgain) -> str:
    match error:
        case NotTls(untrusted=""):
            return (
                "Something answers at this address, but not by TLS. Is it an address with http:// "
                "instead of https://, or is a proxy on the way?"
            )
        case NotTls(untrusted=why):
            return (
                f"This device does not trust the server's certificate: {why}. Has the server one "
                "for this name, from an authority that this device knows? Is the clock right?"
            )
        case _:
            return (
                "The MDM does not answer. Look at the network and try again; "
                "pupitre-agent doctor --server … says more."
            )


def _facts(error: DeviceError) -> str:
    told = ", ".join(str(fact) for fact in error.args if fact)
    return told.rstrip(".") or type(error).__name__
