"""Ask for more than the grant has: another class, another device, a wider mandate."""

import random
from typing import Final

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Hello, Refused, Report, Welcome
from device_bridge.protocol.messages import decode_from_device
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

LOCK: Final = LockDeclared(2**40, locked=True, lease_seconds=600)


async def hostile(target: Target, _: random.Random) -> str:
    seen: list[str] = []
    name = "teacher-8"
    colleague = target.school.identity("teacher", name)

    own, school = f"grant-{name}", target.school
    usual = mandate_for(colleague, grant=own, lesson="lesson-8", issued_at=now())
    other = mandate_for(colleague, grant=own, lesson="lesson-8", class_id="6A", issued_at=now())
    elsewhere = school.grant(colleague, name=name, issued_at=now(), classes=("6A",))
    neighbour = school.grant(colleague, name=name, issued_at=now(), devices=("dev-2",))
    onlooker = school.grant(colleague, name=name, issued_at=now(), verbs=("watch",))
    for grant, mandate in (
        (elsewhere, other),
        (elsewhere, usual),
        (neighbour, usual),
        (onlooker, usual),
    ):
        lane = await dialled(target, colleague)
        try:
            said = await answered(lane, Hello(1, 1, "x", grant, mandate))
            if isinstance(said, Welcome):
                said = await answered(lane, Orders(said).order(LOCK))
            # A colleague hears as well what the lesson's own teacher does meanwhile.
            while not isinstance(said, Refused):
                if isinstance(said, Report) and said.version == LOCK.version:
                    raise LetIn("more than the grant has was taken")
                said = decode_from_device(await lane.receive())
        finally:
            await lane.close()
        seen.append(said.reason)
    return f"refused: {', '.join(seen)}"


ATTACK: Final = Attack(
    "too_wide",
    (9, 11),
    "ask for more than the grant has: another class, another device, a wider mandate",
    hostile,
    every_time=False,
)
