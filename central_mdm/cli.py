"""`pupitre-mdm`: serve a school, make one, make codes to enrol by, say that it was restored."""

import argparse
import asyncio
import errno
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import to_builtins
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from central_mdm import (
    admin_commands,
    backup_commands,
    keeping_commands,
    leaving_commands,
    listing_commands,
    load_commands,
    opening_commands,
    root_commands,
    trust_commands,
    wanted_commands,
)
from central_mdm.app import ROOMS
from central_mdm.audited import witnessed
from central_mdm.checked import checked, from_to
from central_mdm.contract.fleet import FIRST_SECONDS
from central_mdm.erased import erase_again
from central_mdm.fleet.ended import ROOM, cancel_wipes
from central_mdm.fleet.enrolment import revoke_code
from central_mdm.fleet.house_rules import HouseRules, keep_house_rules
from central_mdm.identity.people import Person, add_person
from central_mdm.identity.rules import begin_epoch, schools_here
from central_mdm.joining import KEYS, OBJECTS, ground_at, has_school
from central_mdm.keeping import DATABASE
from central_mdm.partage.holding import any_kept, mark_absent
from central_mdm.platform.acting import about, several
from central_mdm.platform.errors import Missing, NotSignedIn, Refusal, Refused, TryAgain
from central_mdm.platform.ground import Ground
from central_mdm.platform.logs import JsonLines
from central_mdm.sample import make_sample
from central_mdm.serving import Served, runs, serve
from central_mdm.tidying import Untidied
from central_mdm.typed import new_password

HOST = "127.0.0.1"
PORT_MAX = 65535
PUPILS_MAX = 500
DRAIN_SECONDS_MAX = 60
FIRST_SECONDS_MAX = 3600
DAY_MINUTES = 24 * 60
STANDS_IN = {"--folder": "PUPITRE_MDM_FOLDER", "--school": "PUPITRE_MDM_SCHOOL"}
FROM_OUTSIDE = f"Not to say each time: {' and '.join(STANDS_IN.values())} in the environment."
LIST = f"admin {listing_commands.LIST}"
RESTORE = f"admin {backup_commands.RESTORE}"
DRIVERS = ("postgresql+psycopg", "sqlite+aiosqlite")
LOOKS_INTO_WORK = ("tidy", "restored", "admin verify", "admin erase", "admin backup")
"""Commands that take for lost, or let go, what does not lie where they look."""
NO_ADDRESS = "this is no address of a database. In a password @ : / # ? are %40 %3A %2F %23 %3F"
MAKES_A_SCHOOL = ("adopt", "sample", "school", "admin school", RESTORE)


class _Parser(argparse.ArgumentParser):
    """Takes from the environment which folder and school are meant where that must be said."""

    def add_argument(self, *names: str, **facts: Any) -> argparse.Action:  # noqa: ANN401 - argparse's own
        said = next(filter(None, (os.environ.get(STANDS_IN.get(name, "")) for name in names)), "")
        if said and facts.get("required"):
            facts |= {"required": False, "default": said}
        return super().add_argument(*names, **facts)


def parser() -> argparse.ArgumentParser:
    made = _Parser(prog="pupitre-mdm", description="A school's central side.", epilog=FROM_OUTSIDE)
    add = made.add_subparsers(dest="command", required=True).add_parser
    _serving(_command(add, "serve", "serve the school until SIGTERM"))
    sample = _command(add, "sample", "make the sample school in a new folder")
    sample.add_argument("--devices", type=_pupils, default=24, help="pupils of the opened class")
    sample.add_argument("--seed", type=int, default=7)
    opening_commands.add_to(partial(_command, add))
    revoke = _command(add, "revoke-code", "end a code before its time")
    revoke.add_argument("--school", required=True)
    revoke.add_argument("--code", required=True)
    root_commands.add_to(partial(_command, add))
    teacher = _command(add, "teacher", "add a teacher; asks for the password")
    for option in ("school", "id", "login", "name"):
        teacher.add_argument(f"--{option}", required=True)
    trust_commands.add_to(partial(_command, add))
    leaving_commands.add_to(partial(_command, add))
    wanted_commands.add_to(partial(_command, add))
    load_commands.add_to(partial(_command, add))
    _rules(_command(add, "rules", "replace all rules: where devices are found, what is private"))
    admin_commands.add_to(add("admin", help="schools, people, the audit, backups"), _command)
    keeping_commands.add_to(partial(_command, add))
    restored = _command(add, "restored", "say that the database was restored from a copy")
    restored.add_argument("--school", required=True)
    return made


def _serving(serving: argparse.ArgumentParser) -> None:
    serving.add_argument("--host", default=HOST, help=f"where it listens; default: {HOST}")
    told = "0: any free one; it is printed; default: 0"
    serving.add_argument("--port", type=from_to(0, PORT_MAX), default=0, help=told)
    told = "within how many seconds of a start devices come; 600 for hundreds of thousands; "
    told += f"default: {FIRST_SECONDS}"
    serving.add_argument(
        "--first-seconds", type=from_to(0, FIRST_SECONDS_MAX), default=FIRST_SECONDS, help=told
    )
    serving.add_argument("--cert", type=_file, help="certificate chain (PEM), for TLS")
    serving.add_argument("--key", type=_file, help="its private key (PEM)")
    told = "how the log on stderr reads; default: text"
    serving.add_argument("--log", choices=("text", "json"), default="text", help=told)
    told = f"serve these only, each by a process of its own; default: {','.join(sorted(ROOMS))}"
    serving.add_argument("--only", type=_rooms, default=ROOMS, metavar="ROOM,…", help=told)
    told = "once asked to end, serve on so long while /ready says no; default: 0"
    serving.add_argument(
        "--drain-seconds", type=from_to(0, DRAIN_SECONDS_MAX), default=0, help=told
    )
    told = "show Prometheus metrics at /metrics of this port, 0: any free one; default: nowhere"
    serving.add_argument("--metrics-port", type=from_to(0, PORT_MAX), help=told)
    told = f"and of this address; default: {HOST}"
    serving.add_argument("--metrics-host", default=HOST, help=told)
    told = "send traces to this collector (OTLP over HTTP), http://host:4318; default: to none"
    serving.add_argument("--traces", type=_collector, default="", metavar="URL", help=told)


def _rules(rules: argparse.ArgumentParser) -> None:
    rules.add_argument("--school", required=True)
    told = "a range of the school's, 10.0.0.0/16; repeatable; none and no gateway: everywhere"
    rules.add_argument("--network", action="append", default=[], help=told)
    told = "the hardware address of one of the school's routers; repeatable"
    rules.add_argument("--gateway", action="append", default=[], help=told)
    told = "how long a pupil may keep a screen private in a lesson; 0: not at all"
    rules.add_argument("--private-minutes", type=from_to(0, DAY_MINUTES), default=0, help=told)
    told = "how long a teacher may look closely before having to say so anew; default: 10"
    rules.add_argument("--close-minutes", type=from_to(0, DAY_MINUTES), default=10, help=told)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 on success, 1 with a sentence on stderr, 2 for wrong options."""
    args = _parsed(argv)
    _log(as_json=getattr(args, "log", "") == "json")
    try:
        if _named(args) not in MAKES_A_SCHOOL:
            _want_school(args)
        if args.command == "sample":
            _want_empty(args.folder)
        if args.command == "serve":
            runs()(serve(_served(args), _say))
        elif args.command == "load":
            runs()(load_commands.run(args, _say))
        elif _named(args) == LIST:
            asyncio.run(_list(args))
        else:
            return _do(args)
    except BrokenPipeError:
        # Who reads, `head` say, has enough. What is held back would be written at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, SQLAlchemyError, Refusal, LookupError) as error:
        print(f"pupitre-mdm: {_sentence(error)}", file=sys.stderr)
        return 1
    return 0


def _do(args: argparse.Namespace) -> int:
    run = backup_commands.make if _named(args) == RESTORE else _once
    try:
        print(json.dumps(asyncio.run(run(args)), ensure_ascii=False))
    except Untidied as error:
        print(json.dumps(to_builtins(error.done), ensure_ascii=False))
        print(f"pupitre-mdm: {error}", file=sys.stderr)
        return 1
    return 0


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    made = parser()
    args = made.parse_args(argv)
    if args.command == "serve" and bool(args.cert) != bool(args.key):
        given, lacks = ("--cert", "--key") if args.cert else ("--key", "--cert")
        made.error(f"{given} is for TLS, and so needs {lacks} as well")
    return args


def _say(line: str) -> None:
    print(line, flush=True)


def _log(*, as_json: bool) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    for library in ("alembic", "uvicorn"):
        logging.getLogger(library).setLevel(logging.WARNING)
    if as_json:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())


def _named(args: argparse.Namespace) -> str:
    return f"admin {args.admin}" if args.command == "admin" else args.command


def _want_school(args: argparse.Namespace) -> None:
    """Raise Refused before anything is made in a folder that has no school, or not its database."""
    if not has_school(args.folder):
        told = f"there is no school in {args.folder}. Look at its name, or make one there"
        raise Refused("no-school", f"{told}: pupitre-mdm sample, pupitre-mdm school.")
    if not args.database and not (args.folder / DATABASE).exists():
        raise Refused("no-database", f"{args.folder} has keys and no database: say --database.")


def _want_empty(folder: Path) -> None:
    """Raise `OSError` where something lies: a sample is no part of anything else."""
    if has_school(folder):
        raise FileExistsError
    if folder.exists() and any(folder.iterdir()):
        raise OSError(errno.ENOTEMPTY, "it is not empty. Name a new folder.", str(folder))


def _sentence(error: Exception) -> str:
    match error:
        case FileExistsError(filename=str(name)) if Path(name).parent.name != KEYS:
            return f"{name}: it is there already. Name another one."
        case FileExistsError():
            return "there is a school in this folder already. Serve it, or name a new folder."
        case BlockingIOError():
            return "this school is served already. Go on with that, or end it first."
        case OSError(errno=errno.EADDRINUSE):
            return "another program has this port. End it, or name another --port."
        case Refusal():
            return _refused(error)
        case OSError(strerror=str(why)):
            return f"{error.filename}: {why}" if error.filename else why
        case SQLAlchemyError():
            return _of_database(error)
        case _:
            return f"{type(error).__name__}: {error}"


def _of_database(error: SQLAlchemyError) -> str:
    """Say the database's own first line, and nothing of a statement or of an address."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
    return f"the database does not do it: {said}. Look at --database, and at the folder's rights."


def _refused(error: Refusal) -> str:
    match error:
        case Missing(detail=detail):
            what = detail or f"This school has none such ({error})."
            return f"{what} Look at what you named, and at --school."
        case NotSignedIn(code="wrong-password"):
            return "login and password do not belong to a person of this school."
        case NotSignedIn(code="wrong-code"):
            return "this is no code of now of your second factor, or it was used before."
        case TryAgain(code="objects-away"):
            return "the bucket does not answer. Look at --objects, its keys and the network."
        case TryAgain(after_seconds=seconds):
            return f"too much at once ({error}). Try again in {seconds} seconds."
        case _:
            return error.detail or f"{type(error).__name__}: {error}"


def _rooms(text: str) -> frozenset[str]:
    named = frozenset(text.split(","))
    if not named <= ROOMS:
        raise argparse.ArgumentTypeError(f"there are: {', '.join(sorted(ROOMS))}")
    return named


def _collector(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise argparse.ArgumentTypeError(f"{text} is no address, http://host:4318")
    return text


def _pupils(text: str) -> int:
    pupils = int(text)
    if not 1 <= pupils <= PUPILS_MAX:
        raise argparse.ArgumentTypeError(f"a class has from 1 to {PUPILS_MAX} pupils")
    return pupils


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return Path(text)


def _command(
    add: Callable[..., argparse.ArgumentParser], name: str, text: str
) -> argparse.ArgumentParser:
    made = add(name, help=text)
    made.add_argument("--folder", type=Path, required=True, help="where database and files lie")
    told = "postgresql+psycopg://…; default: SQLite in the folder"
    made.add_argument("--database", type=_database, default="", metavar="URL", help=told)
    told = "s3://bucket?endpoint=URL, keys in AWS_…; default: files lie in the folder"
    made.add_argument("--objects", default="", help=told)
    return made


def _database(text: str) -> str:
    begins = text.partition("://")[0]  # what follows may hold a password
    if text and begins not in DRIVERS:
        raise argparse.ArgumentTypeError(f"{begins[:20]}: not one of {', '.join(DRIVERS)}")
    try:
        host = make_url(text).host if text else ""
    except (ArgumentError, ValueError):
        raise argparse.ArgumentTypeError(NO_ADDRESS) from None
    if "@" in (host or ""):
        raise argparse.ArgumentTypeError(NO_ADDRESS)
    return text


def _served(args: argparse.Namespace) -> Served:
    return Served(
        folder=args.folder,
        host=args.host,
        port=args.port,
        database=args.database,
        certificate=args.cert,
        key=args.key,
        first_seconds=args.first_seconds,
        objects=args.objects,
        drain_seconds=args.drain_seconds,
        only=args.only,
        metrics_host=args.metrics_host,
        metrics_port=args.metrics_port,
        traces=args.traces,
    )


async def _want_bucket(ground: Ground, args: argparse.Namespace) -> None:
    """Raise Refused where collected work lies elsewhere than this command would look for it."""
    if args.objects or (args.folder / OBJECTS).exists():
        return
    for school in await schools_here(ground):
        if await any_kept(ground, school):
            told = f"There is collected work, and none in {args.folder}: say --objects."
            raise Refused("no-objects", told)


async def _once(args: argparse.Namespace) -> object:
    async with ground_at(args.folder, args.database, objects=args.objects) as ground:
        if _named(args) not in MAKES_A_SCHOOL:
            await _want_schools(ground, getattr(args, "school", ()))
        if _named(args) in LOOKS_INTO_WORK:
            await _want_bucket(ground, args)
        async with witnessed(ground, _named(args), args):
            return await _run(ground, args)


async def _list(args: argparse.Namespace) -> None:
    async with ground_at(args.folder, args.database) as ground:
        await _want_schools(ground, args.school)
        await listing_commands.run(ground, args, _say)


async def _run(ground: Ground, args: argparse.Namespace) -> object:  # noqa: C901, PLR0912 - one case a command
    match args.command:
        case "sample":
            made = await make_sample(ground, args.folder, args.devices, args.seed)
            return {"sample": str(args.folder / "sample.json"), **made["counts"]}
        case name if name in opening_commands.NAMES:
            return await opening_commands.run(ground, args)
        case "revoke-code":
            about(f"enrolment code {args.code[:4]}…")  # the rest opens the school's door
            async with ground.database.writing(args.school) as connection:
                if not await revoke_code(connection, args.school, args.code):
                    raise Missing("no-code")
                return {"revoked": True}
        case "teacher":
            person = checked(Person(args.id, args.login, args.name, "teacher"), Person)
            await add_person(ground, args.school, person, new_password(person.login))
        case name if name in root_commands.NAMES:
            return await root_commands.run(ground, args)
        case name if name in trust_commands.NAMES:
            return await trust_commands.run(ground, args)
        case name if name in leaving_commands.NAMES:
            return await leaving_commands.run(ground, args)
        case "admin":
            return await admin_commands.run(ground, args)
        case name if name in keeping_commands.NAMES:
            return await keeping_commands.run(ground, args)
        case name if name in wanted_commands.NAMES:
            return await wanted_commands.run(ground, args)
        case "rules":
            told = HouseRules(
                tuple(args.network),
                tuple(args.gateway),
                args.private_minutes * 60,
                args.close_minutes * 60,
            )
            async with ground.database.writing(args.school) as connection:
                await keep_house_rules(connection, args.school, told, ground.clock())
        case _:
            again = await erase_again(ground, args.folder, args.school)
            about(f"school {args.school}")
            if cancelled := await cancel_wipes(ground, args.school):
                about(f"school {args.school}", f"cancelled wipes={several(cancelled, ROOM)}")
            await mark_absent(ground, args.school)
            await begin_epoch(ground, args.school)
            done = {"erased": len(again), "cancelled": len(cancelled)}
            return {"done": args.command, **done}
    return {"done": args.command}


async def _want_schools(ground: Ground, named: str | Sequence[str] | None) -> None:
    """Raise `Missing` for a school that is not here: a mistyped one has no alarms either."""
    here = await schools_here(ground)
    for school in [named] if isinstance(named, str) else named or ():
        if school not in here:
            raise Missing("no-school", f"There is no school {school}.")
