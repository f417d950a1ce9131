"""Shows a teacher's certificate that has ended, of the school's own and with its key."""

import random
from typing import Final

from device_bridge.protocol.hello import Hello
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.school import mandate_for
from tests.teaching import now

DAY: Final = 86_400


async def hostile(target: Target, _: random.Random) -> str:
    old = target.school.identity("teacher", "teacher-1", begins=now() - 400 * DAY, days=395)
    grant = target.school.grant(old, issued_at=now())
    lane = await dialled(target, old)
    try:
        await answered(lane, Hello(1, 1, "x", grant, mandate_for(old, issued_at=now())))
    finally:
        await lane.close()
    raise LetIn("a certificate that ended five days ago was answered")


ATTACK: Final = Attack(
    "an_old_certificate",
    (29,),
    "shows a teacher's certificate that ended five days ago, with a grant of today",
    hostile,
    besieges=True,
)
