"""Dial a classmate's device with the certificate of one's own."""

import random
from typing import Final

from device_bridge.protocol.hello import Hello
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.teaching import now


async def hostile(target: Target, _: random.Random) -> str:
    pupil = target.school.identity("device", "dev-2")
    lane = await dialled(target, pupil)
    try:
        await answered(lane, Hello(1, 1, "x", target.school.grant(pupil, issued_at=now())))
    finally:
        await lane.close()
    raise LetIn("a device was taken for a teacher")


ATTACK: Final = Attack(
    "a_pupils_certificate",
    (1,),
    "dials a classmate's device with the certificate of its own device",
    hostile,
    besieges=True,
)
