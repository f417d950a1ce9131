"""Stop the guard (SIGSTOP) for twenty seconds, then let it go on."""

import asyncio
import os
import random
import signal
from time import monotonic
from typing import Final

from device_bridge.protocol.fields import GONE_SECONDS, STALE_SECONDS
from tests.attack.dialling import Target
from tests.attack.each.a_neighbour import guard_of
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.taught import taught
from tests.attack.wall import HONEST

SECONDS: Final = 17.0
LOOKS_SECONDS: Final = 1.5
"""A picture may have been new when the guard stopped; the wall looks at its clock now and then."""
BACK_SECONDS: Final = 8.0


async def hostile(target: Target, _: random.Random) -> str:
    process, _folder = guard_of(target)
    number = int(process.name)
    os.kill(number, signal.SIGSTOP)
    print("begun", flush=True)
    await asyncio.sleep(SECONDS)
    os.kill(number, signal.SIGCONT)
    return f"stopped for {SECONDS:.0f} s"


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with taught(ground, moved=True) as (guard, app):
        async with asyncio.TaskGroup() as group:
            stop = group.create_task(ground.hostile(name, guard, begun, on=ground.device))
            await begun.wait()
            stopped = monotonic()
            seen = await stop
        await asyncio.sleep(BACK_SECONDS)
    changes = [change for change in app.shown.of(HONEST) if change.at > stopped]
    states = [change.state for change in changes]
    after = {change.state: change.at - stopped for change in reversed(changes)}
    if after.get("stale", 99) > STALE_SECONDS + LOOKS_SECONDS:
        raise Owed(f"it was not stale in time: {after}")
    if after.get("gone", 99) > GONE_SECONDS + LOOKS_SECONDS:
        raise Owed(f"it was not gone in time: {after}")
    if states[-1] != "live":
        raise Owed(f"it did not come back: {states}")
    stale, gone = after["stale"], after["gone"]
    return f"{seen}: stale after {stale:.1f} s, gone after {gone:.1f} s, live again"


ATTACK: Final = Attack(
    "a_stopped_guard",
    (21,),
    "stops the guard's process and lets it go on",
    hostile,
    run,
    every_time=False,
)
