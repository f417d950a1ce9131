"""Bury the device in frames: tiny ones by the thousand, the largest allowed, pings, bits of one."""

import asyncio
import os
import random
import struct
from typing import Final

from device_bridge.protocol.fields import CONTROL_BYTES_MAX
from device_bridge.protocol.hello import Hello
from device_bridge.protocol.messages import encode
from device_bridge.trust.identity import dialler_context
from tests.attack.dialling import UPGRADE, Target
from tests.attack.kinds import Attack
from tests.teaching import now

TINY: Final = 20_000
LARGE: Final = 200


def frame(payload: bytes, code: int = 0x82) -> bytes:
    """Make a masked frame (RFC 6455, 5.2); a mask of zeros leaves the payload as it is."""
    size = len(payload)
    if size < 126:
        head = bytes([code, 0x80 | size])
    elif size < 65536:
        head = bytes([code, 0xFE]) + struct.pack("!H", size)
    else:
        head = bytes([code, 0xFF]) + struct.pack("!Q", size)
    return head + bytes(4) + payload


async def hostile(target: Target, chance: random.Random) -> str:
    context = dialler_context(target.teacher, target.school.school)
    reader, writer = await asyncio.open_connection(
        *target.address, ssl=context, server_hostname="x"
    )
    sent = 0
    try:
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        floods = (
            [frame(b"", 0x89)] * TINY,  # pings
            [frame(b"x", 0x02), *[frame(b"x", 0x00)] * TINY],  # one message, byte by byte
            [frame(os.urandom(CONTROL_BYTES_MAX))] * LARGE,
            [frame(encode(Hello(1, 1, "x", target.school.grant(target.teacher, issued_at=now()))))]
            * LARGE,
        )
        for one in chance.choice(floods):
            writer.write(one)
            sent += 1
            if sent % 50 == 0:
                await writer.drain()
        while await reader.read(65536):
            pass
    finally:
        writer.transport.abort()
    return f"closed after {sent} frames"


ATTACK: Final = Attack(
    "frames_flood",
    (23, 27),
    "buries the device in pings, bits of one message, the largest frames, hellos",
    hostile,
    every_time=False,
)
