"""Another user of the same device looks for the guard's key, its sockets and its memory."""

import os
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.attack.dialling import LetIn, Target
from tests.attack.kinds import Attack

NOBODY: Final = 65534
SECRETS: Final = (b"PRIVATE KEY", b"refresh")
FILES: Final = ("key.pem", "state.json", "journal.jsonl", "personal.jsonl", "fleet.json")


async def hostile(target: Target, _: random.Random) -> str:
    del target
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    found = list(guards())
    if not found:
        raise LetIn("no guard was to be seen, so nothing was tried")
    tried = 0
    for process, folder in found:
        told = (process / "cmdline").read_bytes()
        if any(secret in told for secret in SECRETS):
            raise LetIn("its command line tells a secret")
        for what, act in _tries(process, folder).items():
            tried += 1
            with suppress(OSError):
                act()
                raise LetIn(f"{what} could be had")
    return f"{tried} files, folders and sockets refused"


def guards() -> list[tuple[Path, Path]]:
    found: list[tuple[Path, Path]] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode().split("\0")
            if "guard" in words and "--folder" in words:
                found.append((process, Path(words[words.index("--folder") + 1])))
    return found


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


ATTACK: Final = Attack(
    "a_neighbour",
    (36,),
    "as another user of the device reads keys, state, journal, memory, and knocks at the sockets",
    hostile,
    every_time=False,
)
