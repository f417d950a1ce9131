"""A pupil's process plays the seat's end of the errands where guard and pupil are two users.

It hands over pipes and devices for work, gives more than it said, floods, falls silent, and looks
for a way to what the guard keeps.
"""

import asyncio
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from time import monotonic
from typing import Final

from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.local_socket import connect
from device_bridge.protocol.errands import (
    ERRAND_BYTES_MAX,
    Done,
    FoldersHere,
    Lies,
    Work,
    WorkOver,
    WorkPiece,
)
from device_bridge.protocol.hello import Screen
from device_bridge.protocol.messages import encode
from device_bridge.protocol.seat import SeatUp
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.attack.seat import sitting
from tests.attack.taught import taught

PUPIL: Final = 64102
FLOOD: Final = 500
SECONDS: Final = 4.0
DESCRIPTORS_MORE: Final = 8
FALSE: Final[tuple[tuple[Struct, ...], ...]] = (
    (Work("key.pem", 1 << 20), WorkOver(whole=True), Done()),
    (Work("a", 10), WorkPiece(b"x" * 60_000), Done()),
    tuple(chain(*repeat((Work("a", 0), WorkOver(whole=True)), 80))),
    (Work("a", 2**50), Done()),
    (Lies("../../key.pem", bytes(32), readable=True),),
    (FoldersHere("/root", "/etc"),),
    (),
)


async def hostile(target: Target, chance: random.Random) -> str:
    run = Folder(Path(told_of(target)["seats"]))
    os.setgroups([])
    os.setgid(PUPIL)
    os.setuid(PUPIL)
    bad = _bad_files(Path(tempfile.mkdtemp(prefix="pupitre-pupil-")))
    print("begun", flush=True)
    errands, until = 0, monotonic() + SECONDS
    while monotonic() < until:
        wire = await connect(run.seat_socket)
        wire.send(encode(SeatUp("x", (Screen(1, 1),))))
        await asyncio.sleep(0.05)  # the guard hears of the seat before of its errands
        for said in FALSE:
            errands += await asyncio.to_thread(_play, run, said, bad)
        await wire.close()
    await _flood(run, chance)
    for one in bad:
        os.close(one)
    return f"{errands} errands played falsely, {FLOOD} floods"


def _bad_files(folder: Path) -> list[int]:
    os.mkfifo(folder / "pipe")
    reads = os.O_RDONLY | os.O_NONBLOCK
    paths = (folder / "pipe", folder, Path("/dev/zero"), Path("/proc/self/stat"))
    bad = [os.open(path, reads) for path in paths]
    shutil.rmtree(folder)
    return bad


@contextmanager
def _end(run: Folder) -> Generator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
        end.settimeout(0.3)
        end.connect(str(run.folders_socket))
        yield end


def _play(run: Folder, said: tuple[Struct, ...], bad: list[int]) -> int:
    """Come as the pupil's folders; answer whatever is asked by `said`, a bad file with each."""
    with suppress(OSError), _end(run) as end:
        end.send(encode(FoldersHere("/etc", "/root")))
        raw, descriptors, _flags, _address = socket.recv_fds(end, ERRAND_BYTES_MAX, 4)
        if not raw:
            return 0
        _try_to_write(descriptors)
        for word in said:
            socket.send_fds(end, [encode(word)], bad)
        end.recv(ERRAND_BYTES_MAX)
        return 1
    return 0


def _try_to_write(descriptors: list[int]) -> None:
    for one in descriptors:
        with suppress(OSError):
            os.close(os.open(f"/proc/self/fd/{one}", os.O_RDWR))
            raise LetIn("a file of the guard's was opened for writing")
        os.close(one)


async def _flood(run: Folder, chance: random.Random) -> None:
    for number in range(FLOOD):
        with suppress(OSError), _end(run) as end:
            end.send(chance.randbytes(1 + number % 4000))
        if number % 50 == 0:
            await asyncio.sleep(0)


def for_all() -> Path:
    """Make a folder that every user may enter, as a service's runtime folder is."""
    there = Path(tempfile.mkdtemp(prefix="pupitre-run-"))
    there.chmod(0o711)
    return there


async def run(ground: Ground, name: str) -> str:
    there = for_all()
    options = ("--pupil-uid", str(PUPIL), "--seat-folder", str(there))
    begun = asyncio.Event()
    try:
        async with taught(ground, moved=True, options=options, seats=there) as (guard, app):
            await app.do("hold")
            before = guard.descriptors()
            async with asyncio.TaskGroup() as group:
                told = {"seats": str(there)}
                work = ground.hostile(name, guard, begun, on=ground.device, told=told)
                attack = group.create_task(work)
                await begun.wait()
                while not attack.done():
                    await app.do("collect")
                    await asyncio.sleep(0.5)
            seen = await attack
            async with sitting(ground, there):  # the login starts it again
                await asyncio.sleep(SECONDS)
            more = guard.descriptors() - before
            key = (guard.folder / "key.pem").read_bytes()
            home = app.home
    finally:
        shutil.rmtree(there)
    if more > DESCRIPTORS_MORE:
        raise Owed(f"the guard kept {more} descriptors")
    files = [path for path in (home / "collected").rglob("*") if path.is_file()]
    if any(key in path.read_bytes() for path in files):
        raise Owed("the guard's key was handed in")
    return f"{seen}; the guard keeps no descriptor of it and gives none of its own files"


ATTACK: Final = Attack(
    "a_pupils_errands",
    (),
    "plays the pupil's folders: pipes and devices for work, more than it said, floods, silence",
    hostile,
    run,
    every_time=False,
)
