"""Another user of the same device looks for the guard's key, its sockets and its memory.

What nobody could read by chance is looked at as well: modes of all files, processes' words, logs.
"""

import asyncio
import os
import random
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground, Owed
from tests.attack.guard import GuardProcess
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.attack.taught import taught
from tests.attack.wall import Wall

NOBODY: Final = 65534
SECRETS: Final = (b"PRIVATE KEY", b"refresh")
FILES: Final = ("key.pem", "state.json", "journal.jsonl", "personal.jsonl", "fleet.json")
OTHERS: Final = 0o077
NAMES: Final = ("Vidal", "Lina", "Hugo", "lina", "hugo", "Eyes up")
LESSON_SECONDS: Final = 2.0


async def hostile(target: Target, _: random.Random) -> str:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    process, folder = guard_of(target)
    told = (process / "cmdline").read_bytes()
    if any(secret in told for secret in SECRETS):
        raise LetIn("its command line tells a secret")
    tries = _tries(process, folder)
    for what, act in tries.items():
        with suppress(OSError):
            act()
            raise LetIn(f"{what} could be had")
    return f"{len(tries)} files, folders and sockets refused"


def guard_of(target: Target) -> tuple[Path, Path]:
    """Find the guard's process and folder as any user can; other guards may run on this machine."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if "guard" in words and told_of(target)["folder"] in words:
                return process, Path(told_of(target)["folder"])
    raise LetIn("no guard was to be seen, so nothing was tried")


def _tries(process: Path, folder: Path) -> dict[str, Callable[[], object]]:
    reads = {name: (folder / name).read_bytes for name in FILES}
    memory = {name: (process / name).read_bytes for name in ("environ", "mem", "maps")}

    def knock(name: str) -> Callable[[], None]:
        def knocked() -> None:
            with socket.socket(socket.AF_UNIX) as end:
                end.connect(str(folder / name))

        return knocked

    sockets = {name: knock(name) for name in ("seat.sock", "status.sock")}
    return {"its folder": lambda: list(folder.iterdir()), **reads, **memory, **sockets}


def open_to_others(root: Path) -> list[str]:
    """Return what of a folder, itself included, anybody but its owner may read, write or enter."""
    found = ((path, path.lstat().st_mode) for path in (root, *root.rglob("*")))
    return [
        f"{path.relative_to(root)} {stat.filemode(mode)}"
        for path, mode in found
        if mode & OTHERS and not stat.S_ISLNK(mode)
    ]


def told_by(process: int) -> str:
    """Return all that a process tells whoever may ask: its command line and environment."""
    folder = Path(f"/proc/{process}")
    return "".join((folder / name).read_bytes().decode() for name in ("cmdline", "environ"))


def secrets_of(guard: GuardProcess) -> list[str]:
    """Return what must stand nowhere else: the key's own letters, the school's key of names."""
    letters = (guard.folder / "key.pem").read_text().splitlines()[1]
    return [letters[:32], guard.school.discovery, "PRIVATE KEY", "eyJ"]


def leaks(guard: GuardProcess, app: Wall, logs: Path) -> list[str]:
    secrets = secrets_of(guard)
    found = open_to_others(guard.folder)
    # SQLite gives its files the system's mode, so their folder must be shut.
    if app.home.stat().st_mode & OTHERS:
        found.append("the app's folder can be entered")
    for number in (guard.process.pid, app.process.pid):
        words = told_by(number)
        found += [f"process {number} tells a secret" for secret in secrets if secret in words]
    for log in (guard.log, logs / "wall.log"):
        words = log.read_text()
        found += [f"{log.name} tells {told!r}" for told in (*secrets, *NAMES) if told in words]
    return found


async def run(ground: Ground, name: str) -> str:
    async with taught(ground) as (guard, app):
        await app.do("locks")
        await asyncio.sleep(LESSON_SECONDS)
        seen = await ground.hostile(name, guard)
        found = await asyncio.to_thread(leaks, guard, app, ground.folder)
        files = len(list(guard.folder.rglob("*")))
    if found:
        raise Owed("; ".join(found))
    return (
        f"{seen}; {files} files of the guard are its user's alone, the app's folder is shut; "
        "no log tells a name or a secret, no process in its words"
    )


ATTACK: Final = Attack(
    "a_neighbour",
    (36,),
    "as another user of the device reads keys, state, journal, memory, and knocks at the sockets",
    hostile,
    run,
    every_time=False,
)
