"""Show a grant that ended, is forged, is another's, or none; lock nevertheless."""

import random
from typing import Final

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Hello, Refused
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.school import SmallSchool, mandate_for
from tests.teaching import now

DAY: Final = 86_400


async def hostile(target: Target, chance: random.Random) -> str:
    colleague = target.school.identity("teacher", "teacher-9")
    grant = chance.choice(
        (
            target.school.grant(target.teacher, issued_at=now() - 40 * DAY),
            SmallSchool().grant(target.teacher, issued_at=now()),
            target.school.grant(colleague, name="teacher-9", issued_at=now()),
            "a.b.c",
            "",
        )
    )
    mandate = mandate_for(target.teacher, issued_at=now())
    lane = await dialled(target)
    try:
        lock = LockDeclared(2**40, locked=True, lease_seconds=600)
        said = await answered(lane, Hello(1, 1, "x", grant, mandate), lock)
    finally:
        await lane.close()
    if not isinstance(said, Refused):
        raise LetIn(f"bad papers were answered by {type(said).__name__}")
    return f"refused: {said.why}"


ATTACK: Final = Attack(
    "bad_papers",
    (9, 12),
    "shows a grant that ended, is forged, another's, or none, and locks",
    hostile,
    besieges=True,
)
