"""A pupil's process kills the seat under a lock, babbles at the guard's socket, plays a seat."""

import asyncio
import os
import random
import signal
import struct
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path
from time import monotonic
from typing import Final

from device_bridge.agent.local_socket import SEAT_SOCKET, connect
from device_bridge.protocol.fields import PROOF_OLD_SECONDS
from device_bridge.protocol.hello import Screen
from device_bridge.protocol.messages import encode
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.seat import CurtainAnswered, IndicatorAnswered, SeatUp
from tests.attack.dialling import Target
from tests.attack.each.a_neighbour import guard_of
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.attack.taught import taught
from tests.attack.wall import HONEST

BABBLERS: Final = 100
SECONDS: Final = 3.0
BACK_SECONDS: Final = 4.0


async def hostile(target: Target, chance: random.Random) -> str:
    _process, folder = guard_of(target)
    socket = folder / SEAT_SOCKET
    killed = _kill_seats(socket)
    print("begun", flush=True)
    for number in range(BABBLERS):
        await _babble(socket, chance, number)
    until = monotonic() + SECONDS
    while monotonic() < until:
        await _play(socket)
    return f"{killed} seat killed, {BABBLERS} babbled, a false one lied about every version"


def _kill_seats(socket: Path) -> int:
    return sum(_kill(process, socket) for process in Path("/proc").glob("[0-9]*"))


def _kill(process: Path, socket: Path) -> bool:
    with suppress(OSError):
        words = (process / "cmdline").read_bytes().split(b"\0")
        if {b"tests.attack.seat", bytes(socket)} <= set(words):
            os.kill(int(process.name), signal.SIGKILL)
            return True
    return False


async def _babble(socket: Path, chance: random.Random, number: int) -> None:
    with suppress(OSError):
        reader, writer = await asyncio.open_unix_connection(str(socket))
        raw = chance.randbytes(500)
        head = struct.pack("!I", chance.choice((len(raw), 2**32 - 1, 0)))
        writer.write((head + raw) if number % 2 else encode(SeatUp("x", ())))
        with suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await reader.read()
        writer.transport.abort()


async def _play(socket: Path) -> None:
    with suppress(OSError):
        wire = await connect(socket)
        wire.send(encode(SeatUp("x", (Screen(1, 1),) * 16)))
        for version in (0, 1, 2, 3, 2**40):
            wire.send(encode(CurtainAnswered(version + 7)))
            wire.send(encode(IndicatorAnswered(version + 7, "no")))
            wire.send(encode(Frame(1, version + 7, 1, 1, 1, 1, covering(b"no picture", 1, 1))))
        await asyncio.sleep(0.2)
        await wire.close()


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with taught(ground, moved=True) as (guard, app):
        await app.do("hold")
        async with asyncio.TaskGroup() as group:
            starts = monotonic()
            attack = group.create_task(ground.hostile(name, guard, begun, on=ground.device))
            await begun.wait()
            killed = monotonic()
            seen = await attack
        async with sitting(ground, guard.folder):  # the login starts it again
            await asyncio.sleep(BACK_SECONDS)
            left = monotonic()
    changes = [change for change in app.shown.of(HONEST) if change.at < left]
    since_held = dropwhile(lambda change: not change.held, changes)
    fell = next((one for one in since_held if one.at > starts and not one.held), None)
    if fell is None or fell.at - killed > PROOF_OLD_SECONDS:
        raise Owed(f"a lock without a seat was shown: {changes}")
    if not changes[-1].held:
        raise Owed(f"the seat came back and is not locked: {changes[-1]}")
    took = max(0.0, fell.at - killed)  # the attacker says it after it has killed
    return f"{seen}; not locked on the wall after {took:.1f} s, locked with the next seat"


ATTACK: Final = Attack(
    "a_pupils_process",
    (22,),
    "kills the seat under a lock, babbles at the guard's socket, plays a seat",
    hostile,
    run,
    every_time=False,
)
