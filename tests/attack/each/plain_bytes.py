"""Speak without TLS; no parser may see it."""

import asyncio
import random
from typing import Final

from tests.attack.dialling import UPGRADE, LetIn, Target
from tests.attack.kinds import Attack


async def hostile(target: Target, chance: random.Random) -> str:
    reader, writer = await asyncio.open_connection(*target.address)
    try:
        writer.write(chance.choice((UPGRADE, chance.randbytes(5000), b"\x16\x03\x01\xff\xff" * 99)))
        writer.write_eof()
        if (said := await reader.read()).startswith(b"HTTP"):
            raise LetIn("plain bytes were answered")
    finally:
        writer.transport.abort()
    return f"{len(said)} bytes came back"


ATTACK: Final = Attack(
    "plain_bytes",
    (5, 7),
    "speaks without TLS, and closes at once",
    hostile,
    besieges=True,
)
