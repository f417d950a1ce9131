"""A pupil's process plays the seat: says that a show is on, that a teacher drives, without end."""

import asyncio
import os
import random
import shutil
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from classroom_app.demo.report import percentiles
from device_bridge.agent.local_socket import SEAT_SOCKET, LocalWire, connect
from device_bridge.protocol.control import ControlAnswered
from device_bridge.protocol.messages import encode
from device_bridge.protocol.seat import FromSeat, PupilActed, ScreenShown, SeatUp
from tests.attack.dialling import LetIn, Target
from tests.attack.each.a_neighbour import NOBODY
from tests.attack.each.a_pupils_errands import PUPIL, for_all
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.lesson import faults_of, lesson
from tests.attack.loot import told_of
from tests.attack.seat import Desktop, sitting

SECONDS: Final = 4.0
MEGABYTES_MAX: Final = 50.0
AT_ONCE: Final = 500
CLAIMED: Final = ("control-on", "control-taken-back", "showing-on", "source-on")
CLAIMS: Final[tuple[FromSeat, ...]] = (
    ControlAnswered(1, "on"),
    ControlAnswered(2**40, "taken-back"),
    ScreenShown(1, 1),
    ScreenShown(2**40, 7, "again"),
    PupilActed("take-back"),
    PupilActed("show-left"),
)


async def hostile(target: Target, _: random.Random) -> str:
    socket = Path(told_of(target)["seats"]) / SEAT_SOCKET
    if child := os.fork():
        left = await asyncio.to_thread(os.waitpid, child, 0)
        if os.waitstatus_to_exitcode(left[1]):
            raise LetIn("another user was heard as the seat")
    else:
        os._exit(_as_nobody(socket))
    print("begun", flush=True)
    sent = await _floods(socket)
    return f"another user was cut off; then {sent} false answers by the pupil's own"


def _as_nobody(socket: Path) -> int:
    """Become another user of the device; return 0 where it is cut off."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    return asyncio.new_event_loop().run_until_complete(_is_heard(socket))


async def _is_heard(socket: Path) -> int:
    with suppress(OSError):
        wire = await connect(socket)
        for word in (SeatUp("nobody", ()), *CLAIMS):
            wire.send(encode(word))
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await wire.receive()
                return 1
        return 1
    return 0


async def _floods(socket: Path) -> int:
    """Obey as a seat does, and claim beside it all that nobody has ordered."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    wire, sent, until = LocalWire(reader, writer), 0, monotonic() + SECONDS
    raw = [encode(claim) for claim in CLAIMS]
    async with asyncio.TaskGroup() as group:
        desk = group.create_task(Desktop(wire).run())
        while monotonic() < until:
            for number in range(AT_ONCE):
                wire.send(raw[number % len(raw)])
            sent += AT_ONCE
            await writer.drain()
        desk.cancel()
    await wire.close()
    return sent


async def run(ground: Ground, name: str) -> str:
    there, begun = for_all(), asyncio.Event()
    options = ("--pupil-uid", str(PUPIL), "--seat-folder", str(there))
    within = ground.device.command()
    try:
        async with (
            guard_process(ground.folder, within, address=DEVICE, options=options) as guard,
            sitting(ground, there) as seat,
        ):
            before = guard.megabytes()
            async with lesson(ground, guard) as went, asyncio.TaskGroup() as group:
                told = {"seats": str(there)}
                work = ground.hostile(name, guard, begun, on=ground.device, told=told)
                attack = group.create_task(work)
                await begun.wait()
                if seat.returncode is not None:
                    raise Owed("another user took the seat's place")
            async with asyncio.timeout(SECONDS):
                await seat.wait()  # who is put out is gone, and does not sit there unheard
            more = guard.megabytes() - before
            journal = (guard.folder / "journal.jsonl").read_text()
            faults = faults_of(guard, went)
    finally:
        shutil.rmtree(there)
    for word in CLAIMED:
        if word in journal:
            faults.append(f"the journal believes that {word}")
    if more > MEGABYTES_MAX:
        faults.append(f"the guard kept {more:.0f} MB")
    if faults:
        raise Owed("; ".join(faults))
    worst = percentiles(went.lock_ms).p99
    return f"{attack.result()}; believed none; {len(went.lock_ms)} locks, p99 {worst:.0f} ms"


ATTACK: Final = Attack(
    "a_false_seat",
    (),
    "plays the seat: claims a show and a driver that nobody ordered, takes back, in floods",
    hostile,
    run,
    every_time=False,
)
