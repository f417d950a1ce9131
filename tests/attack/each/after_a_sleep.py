"""The lid is closed under a lock and opened after the lesson: the device is free at once.

The guard is killed and begun anew with what it kept, in a time namespace whose boot clock, which
counts suspend, is ahead: by ten minutes, when the lock still holds, then by two hours.
"""

import asyncio
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import Status, ask_status
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Hello, Report, Welcome
from device_bridge.protocol.messages import decode_from_device, encode
from device_bridge.protocol.presence import LessonDeclared
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import READY_SECONDS, GuardProcess, guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

LESSON_SECONDS: Final = 3600
LATE_SECONDS: Final = 3.0
"""It looks at its clock each second."""
LOOK_SECONDS: Final = 0.1
NAP_SECONDS, SLEEP_SECONDS = 600, 7200


async def hostile(target: Target, _: random.Random) -> str:
    mandate = mandate_for(target.teacher, issued_at=now(), seconds=LESSON_SECONDS)
    grant = target.school.grant(target.teacher, issued_at=now())
    lane = await dialled(target)
    said = await answered(lane, Hello(1, 1, "x", grant, mandate))
    if not isinstance(said, Welcome):
        raise LetIn("the lesson did not begin")
    orders, lasts = Orders(said), LESSON_SECONDS
    on = LessonDeclared(1, lasts, "on", "lesson-1", "5B", "5e B", "Ms Vidal", lasts)
    await lane.send(encode(orders.order(on)))
    await lane.send(encode(orders.order(LockDeclared(1, locked=True, lease_seconds=lasts))))
    while True:
        told = decode_from_device(await lane.receive())
        if isinstance(told, Report) and told.state == "locked":
            return f"locked for {lasts // 60} minutes"


@asynccontextmanager
async def woken(ground: Ground, guard: GuardProcess, after_seconds: int) -> AsyncGenerator[Process]:
    """Begin `guard` anew where the boot clock is ahead, and kill it afterwards."""
    clock = ("unshare", "--time", "--boottime", str(after_seconds), "--fork", "--kill-child")
    ours = (sys.executable, "-m", "device_bridge.agent", "guard", "--folder", str(guard.folder))
    process = await asyncio.create_subprocess_exec(
        *ground.device.command(*clock, *ours), "--interface", DEVICE, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            if not await process.stdout.readline():
                raise Owed("the guard did not begin anew")
        yield process
    finally:
        process.kill()
        await process.wait()


async def status_of(guard: GuardProcess) -> Status:
    status = await ask_status(Folder(guard.folder))
    if status is None:
        raise Owed("the guard says nothing")
    return status


async def freed(guard: GuardProcess) -> float:
    """Wait until lock and lesson are over; return the seconds since it is at work again."""
    seconds = asyncio.get_running_loop().time
    began = seconds()
    while (status := await status_of(guard)).attention.locked or status.lesson_on:
        if seconds() - began > LATE_SECONDS:
            raise Owed(f"after a sleep it was {status.attention}, lesson {status.lesson_on}")
        await asyncio.sleep(LOOK_SECONDS)
    return seconds() - began


async def run(ground: Ground, name: str) -> str:
    async with guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard:
        async with sitting(ground, guard.folder):
            seen = await ground.hostile(name, guard)
        guard.process.kill()
        await guard.process.wait()
        async with woken(ground, guard, NAP_SECONDS):
            nap = (await status_of(guard)).attention
        if not nap.locked or not 0 < nap.ends_in_seconds <= LESSON_SECONDS - NAP_SECONDS:
            raise Owed(f"after a nap it was {nap}")
        async with woken(ground, guard, SLEEP_SECONDS), sitting(ground, guard.folder):
            took = await freed(guard)
            async with asyncio.timeout(READY_SECONDS):
                while not (await status_of(guard)).seat:  # noqa: ASYNC110 - asked
                    await asyncio.sleep(LOOK_SECONDS)
            shown = (ground.folder / "seat").read_text().split()
        if "RaiseCurtain" in shown:
            raise Owed(f"after a sleep the pupil was shown {shown}")
    return (
        f"{seen}; {nap.ends_in_seconds} s left after a nap of {NAP_SECONDS}; after a sleep of "
        f"{SLEEP_SECONDS} free in {took:.1f} s, and nothing shown"
    )


ATTACK: Final = Attack(
    "after_a_sleep",
    (32,),
    "sleeps with a lock through the lesson's end (a time namespace)",
    hostile,
    run,
    every_time=False,
)
