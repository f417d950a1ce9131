"""Shows no certificate."""

import asyncio
import random
from typing import Final

from device_bridge.trust.identity import dialler_context
from tests.attack.dialling import UPGRADE, LetIn, Target
from tests.attack.kinds import Attack


async def hostile(target: Target, _: random.Random) -> str:
    context = dialler_context(target.teacher, target.school.school)
    bare = type(context)(context.protocol)
    bare.check_hostname, bare.verify_mode = False, context.verify_mode
    bare.load_verify_locations(cadata=target.school.school.root_pem.decode())
    reader, writer = await asyncio.open_connection(*target.address, ssl=bare, server_hostname="x")
    try:
        writer.write(UPGRADE)
        if b" 101 " in await reader.read(4000):
            raise LetIn("nobody's certificate was asked")
    finally:
        writer.transport.abort()
    return "closed"


ATTACK: Final = Attack(
    "no_certificate",
    (1,),
    "shows no certificate",
    hostile,
    besieges=True,
)
