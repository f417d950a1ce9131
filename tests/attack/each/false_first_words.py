"""Begin with what is no hello: a changed message, noise, or too much of it."""

import random
from typing import Final

from device_bridge.protocol.fields import CONTROL_BYTES_MAX
from tests.attack.dialling import Target, dialled
from tests.attack.kinds import Attack
from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import mutated


async def hostile(target: Target, chance: random.Random) -> str:
    edge = EDGES["control-from-app"]
    lane = await dialled(target)
    try:
        noise = b"\x00" * chance.choice((CONTROL_BYTES_MAX + 1, 300_000))
        await lane.send(chance.choice((mutated(chance, chance.choice(edge.examples)), noise)))
        await lane.receive()
    finally:
        await lane.close()
    return "answered"


ATTACK: Final = Attack(
    "false_first_words",
    (23,),
    "begins with what is no hello: changed, noise, too much",
    hostile,
    besieges=True,
)
