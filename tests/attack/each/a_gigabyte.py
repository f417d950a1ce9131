"""Claim a frame of a gigabyte and begin to send it."""

import asyncio
import random
import struct
from typing import Final

from device_bridge.trust.identity import dialler_context
from tests.attack.dialling import UPGRADE, Target
from tests.attack.kinds import Attack


async def hostile(target: Target, _: random.Random) -> str:
    context = dialler_context(target.teacher, target.school.school)
    reader, writer = await asyncio.open_connection(
        *target.address, ssl=context, server_hostname="x"
    )
    try:
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x82\xff" + struct.pack("!Q", 2**30) + b"mask" + bytes(100_000))
        said = await reader.read()
    finally:
        writer.transport.abort()
    return f"closed after {len(said)} bytes"


ATTACK: Final = Attack(
    "a_gigabyte",
    (23,),
    "claims a frame of a gigabyte and begins to send it",
    hostile,
    besieges=True,
)
