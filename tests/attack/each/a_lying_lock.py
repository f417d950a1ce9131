"""A device of the class says "locked", and proves it once, or by an old receipt, or never."""

import asyncio
import random
from typing import Final

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.fields import PROOF_OLD_SECONDS
from device_bridge.protocol.hello import Pulse, Report
from device_bridge.protocol.messages import FromApp
from device_bridge.session.device_link import DeviceLink
from tests.attack.dialling import Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.lying import liar, met
from tests.attack.taught import taught
from tests.attack.wall import OTHER

SECONDS: Final = PROOF_OLD_SECONDS + 6


def answers(link: DeviceLink, message: FromApp) -> None:
    match message:
        case LockDeclared(version, locked=locked):
            link.send(Report("attention", version, "locked" if locked else "free"))
        case _:
            pass


async def hostile(target: Target, _: random.Random) -> str:
    async with liar(target, answers) as device:
        link = await met(device)
        print("begun", flush=True)
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < SECONDS:
            # Alive as can be, and what it proves is always the lock before.
            link.send(Pulse(0, current=True, proof_version=1, proof_age_ms=0))
            await asyncio.sleep(1)
    return "said locked, proved an older lock each second"


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with taught(ground) as (guard, app), asyncio.TaskGroup() as group:
        lies = group.create_task(ground.hostile(name, guard, begun))
        await begun.wait()
        await app.do("hold")
        seen = await lies
    changes = app.shown.of(OTHER)
    held = next((change.at for change in changes if change.held), None)
    if held is None:
        return f"{seen}; never shown as locked"
    fell = next((change.at for change in changes if change.at > held and not change.held), None)
    if fell is None or fell - held > PROOF_OLD_SECONDS + 1:
        raise Owed(f"it was shown as locked: {changes}")
    return f"{seen}; shown as locked for {fell - held:.1f} s"


ATTACK: Final = Attack(
    "a_lying_lock",
    (22,),
    "says locked, and proves another lock for ever",
    hostile,
    run,
    every_time=False,
)
