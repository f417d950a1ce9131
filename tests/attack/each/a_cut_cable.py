"""The pupil's program switches the device's network off under a lock, and on again."""

import asyncio
import random
from time import monotonic
from typing import Final

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import ask_status
from device_bridge.protocol.fields import GONE_SECONDS
from tests.attack.dialling import Target, own_network
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.taught import taught
from tests.attack.wall import HONEST

SECONDS: Final = 17.0
LOOKS_SECONDS: Final = 1.5
LOOK_SECONDS: Final = 0.2
BACK_SECONDS: Final = 12.0


async def hostile(target: Target, _: random.Random) -> str:
    del target
    await own_network("link", "set", "net0", "down")
    print("begun", flush=True)
    await asyncio.sleep(SECONDS)
    await own_network("link", "set", "net0", "up")
    return f"no network for {SECONDS:.0f} s"


async def covered(folder: Folder) -> bool:
    status = await ask_status(folder)
    return status is not None and status.attention.covered


async def run(ground: Ground, name: str) -> str:
    begun, free = asyncio.Event(), 0
    async with taught(ground, moved=True) as (guard, app):
        await app.do("hold")
        folder = Folder(guard.folder)
        async with asyncio.timeout(BACK_SECONDS):
            while not await covered(folder):  # noqa: ASYNC110 - asked, as a person does
                await asyncio.sleep(LOOK_SECONDS)
        async with asyncio.TaskGroup() as group:
            cut = group.create_task(ground.hostile(name, guard, begun, on=ground.device))
            await begun.wait()
            began = monotonic()
            while not cut.done():
                free += not await covered(folder)
                await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(BACK_SECONDS)
    if free:
        raise Owed(f"the lock was not on the screen in {free} looks")
    changes = [change for change in app.shown.of(HONEST) if change.at > began]
    gone = next((change.at - began for change in changes if change.state == "gone"), 99.0)
    unheld = next((change.at - began for change in changes if not change.held), 99.0)
    if gone > GONE_SECONDS + LOOKS_SECONDS or unheld > GONE_SECONDS + LOOKS_SECONDS:
        raise Owed(f"it was not shown in time: {changes}")
    if not changes[-1].held:
        raise Owed(f"it did not come back locked: {changes[-1]}")
    return (
        f"{cut.result()}: locked all the time; on the wall gone after {gone:.1f} s, no longer "
        f"locked after {unheld:.1f} s, locked again at the end"
    )


ATTACK: Final = Attack(
    "a_cut_cable",
    (),
    "switches the device's network off under a lock, and on again",
    hostile,
    run,
    every_time=False,
)
