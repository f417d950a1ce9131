"""Teach on with a stolen laptop after a colleague's app has brought the list that ends it."""

import random
from contextlib import suppress
from typing import Final

from device_bridge.protocol.hello import Carried, Hello, Refused, Welcome
from device_bridge.protocol.messages import encode
from device_bridge.trust.identity import Identity
from tests.attack.dialling import ENDS, LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

NUMBER: Final = 2


async def carry(target: Target, colleague: Identity, deny_list: str) -> None:
    """Bring the list before a hello whose grant names it, then try an older one."""
    lane = await dialled(target, colleague)
    try:
        own = target.school.grant(colleague, name="teacher-6", issued_at=now(), deny_list=NUMBER)
        await lane.send(encode(Carried(deny_list)))
        said = await answered(lane, Hello(1, 1, "x", own))
        if not isinstance(said, Welcome) or said.deny_list != NUMBER:
            raise LetIn("the list was not taken")
        older = target.school.deny_list(NUMBER - 1)
        await lane.send(encode(Orders(said, "").order(Carried(older))))
    finally:
        await lane.close()


async def hostile(target: Target, _: random.Random) -> str:
    stolen, colleague = (target.school.identity("teacher", f"teacher-{n}") for n in (5, 6))
    told = target.school.deny_list(NUMBER, stolen)
    grant = target.school.grant(stolen, name="teacher-5", issued_at=now())
    lesson = "lesson-5"
    mandate = mandate_for(stolen, grant="grant-teacher-5", lesson=lesson, issued_at=now())
    thief = await dialled(target, stolen)
    try:
        if not isinstance(await answered(thief, Hello(1, 1, "x", grant, mandate)), Welcome):
            raise LetIn("the laptop was refused before it was stolen")
        await carry(target, colleague, told)
        with suppress(*ENDS):
            while True:
                await thief.receive()
    finally:
        await thief.close()
    for who, shown in ((stolen, grant), (colleague, grant)):
        try:
            lane = await dialled(target, who)
            said = await answered(lane, Hello(1, 1, "x", shown, mandate))
        except ENDS:
            continue
        await lane.close()
        if not isinstance(said, Refused):
            raise LetIn("the stolen papers were taken")
    return "cut off at once, then refused; an older list changed nothing"


ATTACK: Final = Attack(
    "a_stolen_laptop",
    (12, 14),
    "teach on with a stolen laptop after a colleague's app has brought the list that ends it",
    hostile,
)
