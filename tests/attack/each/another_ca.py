"""Shows a certificate of another school."""

import random
from typing import Final

from device_bridge.protocol.hello import Hello
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.school import SmallSchool, now


async def hostile(target: Target, _: random.Random) -> str:
    stranger = SmallSchool(now=now()).identity("teacher", "teacher-1")
    lane = await dialled(target, stranger)
    try:
        await answered(lane, Hello(1, 1, "x", ""))
    finally:
        await lane.close()
    raise LetIn("a certificate of another school was answered")


ATTACK: Final = Attack(
    "another_ca",
    (1,),
    "shows a certificate of another school",
    hostile,
    besieges=True,
)
