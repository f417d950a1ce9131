"""Begin a handshake and let it drip (slow loris); the place is given back by itself."""

import asyncio
import random
from typing import Final

from tests.attack.dialling import Target
from tests.attack.kinds import Attack

DRIPS: Final = 8


async def hostile(target: Target, chance: random.Random) -> str:
    _, writer = await asyncio.open_connection(*target.address)
    try:
        for _ in range(DRIPS):
            writer.write(b"\x16\x03\x01\x02"[: chance.randrange(1, 4)])
            await writer.drain()
            await asyncio.sleep(chance.random())
    finally:
        writer.transport.abort()
    return "dripped"


ATTACK: Final = Attack(
    "slow_bytes",
    (27,),
    "lets a handshake drip, byte by byte",
    hostile,
    besieges=True,
)
