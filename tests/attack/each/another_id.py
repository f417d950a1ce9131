"""A device of the class says that it is another one: by its name of the day, and by its welcome."""

import asyncio
import random
from typing import Final

from msgspec.structs import replace

from device_bridge.discovery.day import day_of, name_of_the_day
from device_bridge.protocol.hello import Hello, Pulse, Report, Welcome
from device_bridge.protocol.messages import FromApp
from device_bridge.session.device_link import DeviceLink
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.lying import liar
from tests.attack.taught import taught
from tests.attack.wall import HONEST, OTHER
from tests.linked import Device
from tests.teaching import now

SECONDS: Final = 10.0
LIE: Final = 2**40
_named: list[str] = []


class Swapped(Device):
    """Names the other device in every second welcome, in the rest only once the link is up."""

    def welcome(self, link: DeviceLink, hello: Hello) -> Welcome:
        own = super().welcome(link, hello)
        _named.append(OTHER if len(_named) % 2 else HONEST)
        return replace(own, device=_named[-1])


def answers(link: DeviceLink, message: FromApp) -> None:
    """Say in the midst of a link who one is now, and that all is well with it."""
    del message
    link.send(Welcome(1, HONEST, "boot-2", "agent 1", "test", bytes(32), bytes(16)))
    link.send(Report("attention", LIE, "locked"))
    link.send(Pulse(1, current=True, proof_version=LIE))


async def hostile(target: Target, _: random.Random) -> str:
    key = bytes.fromhex(target.school.discovery)
    names = (OTHER, name_of_the_day(key, HONEST, day_of(now())))
    async with liar(target, answers, Swapped, names) as device:
        await asyncio.sleep(SECONDS)
        if len(set(_named)) < len(names) or not device.said:
            raise LetIn(f"{_named} and {len(device.said)} orders, so not all was tried")
    return f"{_named.count(HONEST)} false welcomes, {_named.count(OTHER)} false words later on"


async def run(ground: Ground, name: str) -> str:
    async with taught(ground) as (guard, app):
        seen = await ground.hostile(name, guard)
    taken = app.shown.of(OTHER)
    if believed := [one for one in taken if one.held or one.state in {"live", "locked"}]:
        raise Owed(f"it was believed: {believed}")
    if held := [one for one in app.shown.of(HONEST) if one.held or one.state == "twin"]:
        raise Owed(f"its words were taken for the other's: {held}")
    reasons = sorted({one.reason for one in taken} - {""})
    states = ", ".join(dict.fromkeys(one.state for one in taken))
    return f"{seen}; its own tile was {states} ({', '.join(reasons)}), the other's as before"


ATTACK: Final = Attack(
    "another_id",
    (16, 18),
    "a device of the class announces, welcomes and goes on as another",
    hostile,
    run,
    every_time=False,
)
