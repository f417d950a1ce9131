"""Join a lane by the token of a colleague's link that has ended, or by one made up."""

import random
from typing import Final

from device_bridge.protocol.hello import Hello, LaneHello, Refused, Welcome
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.teaching import now


async def hostile(target: Target, chance: random.Random) -> str:
    name = f"teacher-{chance.randrange(20, 99)}"
    colleague = target.school.identity("teacher", name)
    control = await dialled(target, colleague)
    try:
        grant = target.school.grant(colleague, name=name, issued_at=now())
        said = await answered(control, Hello(1, 1, "x", grant))
    finally:
        await control.close()
    token = said.lane_token if isinstance(said, Welcome) else chance.randbytes(32)
    lane = await dialled(target, colleague, chance.choice(("/bulk", "/pictures")))
    try:
        said = await answered(lane, LaneHello(token))
    finally:
        await lane.close()
    if not isinstance(said, Refused):
        raise LetIn("a token of a link that is over was taken")
    return "refused"


ATTACK: Final = Attack(
    "a_token_again",
    (4,),
    "joins a lane by the token of a link that has ended",
    hostile,
    besieges=True,
)
