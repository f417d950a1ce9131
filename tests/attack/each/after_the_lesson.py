"""Lock and watch beyond the mandate's end; the device, alone without a network, frees itself."""

import asyncio
import random
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import ask_status
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Hello, Report, Welcome
from device_bridge.protocol.messages import decode_from_device, encode
from device_bridge.protocol.presence import LessonDeclared
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import GuardProcess, guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

SECONDS: Final = 5
LATE_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.1


async def hostile(target: Target, _: random.Random) -> str:
    mandate = mandate_for(target.teacher, issued_at=now(), seconds=SECONDS)
    grant = target.school.grant(target.teacher, issued_at=now())
    lane = await dialled(target)
    said = await answered(lane, Hello(1, 1, "x", grant, mandate))
    if not isinstance(said, Welcome):
        raise LetIn("the lesson did not begin")
    orders = Orders(said)
    on = LessonDeclared(1, 4 * 3600, "on", "lesson-1", "5B", "5e B", "Ms Vidal", 4 * 3600)
    await lane.send(encode(orders.order(on)))
    await lane.send(encode(orders.order(LockDeclared(1, locked=True, lease_seconds=4 * 3600))))
    while True:
        told = decode_from_device(await lane.receive())
        if isinstance(told, Report) and told.state == "locked":
            break
    print("begun", flush=True)
    await asyncio.sleep(SECONDS + 2 * LATE_SECONDS)
    return f"locked for four hours under a mandate of {SECONDS} s"


async def locked(guard: GuardProcess) -> bool:
    status = await ask_status(Folder(guard.folder))
    if status is None:
        raise Owed("the guard says nothing")
    return status.attention.locked or status.lesson_on


async def run(ground: Ground, name: str) -> str:
    begun, seconds = asyncio.Event(), asyncio.get_running_loop().time
    async with guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard:
        async with sitting(ground, guard.folder), asyncio.TaskGroup() as group:
            lesson = group.create_task(ground.hostile(name, guard, begun))
            await begun.wait()
            began = seconds()
            await asyncio.to_thread(ground.device.unplug, "net0")
            while await locked(guard) and seconds() - began < SECONDS + 5:  # noqa: ASYNC110 - asked
                await asyncio.sleep(LOOK_SECONDS)
            took = seconds() - began
            seen = await lesson
        if not SECONDS - 2 < took < SECONDS + LATE_SECONDS:
            raise Owed(f"it was locked for {took:.1f} s")
    return f"{seen}, its cable pulled at once: free after {took:.1f} s"


ATTACK: Final = Attack(
    "after_the_lesson",
    (10,),
    "locks for longer than its mandate, and the pupil pulls the cable",
    hostile,
    run,
    every_time=False,
)
