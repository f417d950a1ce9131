"""A teacher's app without the part that shows the bar: it only asks for pictures."""

import asyncio
import random
from typing import Final

from device_bridge.protocol.hello import Hello, LaneHello, Welcome
from device_bridge.protocol.messages import encode
from device_bridge.protocol.watching import Credit, WatchingDeclared
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

SECONDS: Final = 3.0


async def hostile(target: Target, _: random.Random) -> str:
    mandate = mandate_for(target.teacher, issued_at=now())
    grant = target.school.grant(target.teacher, issued_at=now())
    control = await dialled(target)
    said = await answered(control, Hello(1, 1, "x", grant, mandate))
    if not isinstance(said, Welcome):
        raise LetIn("the hello was refused")
    orders = Orders(said)
    pictures = await dialled(target, path="/pictures")
    await pictures.send(encode(LaneHello(said.lane_token)))
    await pictures.receive()
    look = WatchingDeclared(1, 600, "close", 1920, 1080, 30.0)
    await control.send(encode(orders.order(look)))
    await pictures.send(encode(Credit(4)))
    try:
        async with asyncio.timeout(SECONDS):
            await pictures.receive()
    except TimeoutError:
        return f"no picture in {SECONDS:.0f} s"
    finally:
        await pictures.close()
        await control.close()
    raise LetIn("a picture came, and no bar was asked for")


async def run(ground: Ground, name: str) -> str:
    async with guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard:
        async with sitting(ground, guard.folder):
            seen = await ground.hostile(name, guard)
            told = (ground.folder / "seat").read_text().split()
        if "Look" in told and "ShowIndicator" not in told[: told.index("Look")]:
            raise Owed(f"the screen was looked at without the bar: {told}")
        if not guard.lives or guard.bugs():
            raise Owed(f"{guard.bugs()[:3]}")
    return f"{seen}; the desktop was told {sorted(set(told))}"


ATTACK: Final = Attack(
    "no_indicator",
    (13,),
    "asks for pictures from an app that shows no bar",
    hostile,
    run,
    every_time=False,
)
