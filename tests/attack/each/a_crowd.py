"""Open many connections at once and say nothing."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from tests.attack.dialling import Target
from tests.attack.kinds import Attack

CROWD: Final = 40


async def hostile(target: Target, chance: random.Random) -> str:
    async with asyncio.TaskGroup() as group:
        for _ in range(CROWD):
            group.create_task(_come_and_go(target, chance.random()))
    return f"{CROWD} came and went"


async def _come_and_go(target: Target, seconds: float) -> None:
    with suppress(OSError):
        _, writer = await asyncio.open_connection(*target.address)
        try:
            await asyncio.sleep(seconds)
        finally:
            writer.transport.abort()


ATTACK: Final = Attack(
    "a_crowd",
    (27,),
    "opens forty connections at once and says nothing",
    hostile,
    besieges=True,
)
