"""A device of the class whose agent was built by an attacker: it says whatever it likes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from device_bridge.discovery.announce import Announcer
from device_bridge.protocol.messages import FromApp
from device_bridge.session.device_link import DeviceLink
from tests.attack.dialling import Target
from tests.attack.ground import ATTACKER
from tests.attack.wall import OTHER
from tests.linked import Device, Earth, listener_for, running
from tests.teaching import now

Answers = Callable[[DeviceLink, FromApp], None]


@asynccontextmanager
async def liar(
    target: Target, answers: Answers, kind: type[Device] = Device, names: Sequence[str] = (OTHER,)
) -> AsyncGenerator[Device]:
    """Be the class's other device, rightly enrolled, at the attacker's address, while entered.

    It is announced by each of `names`; that is on the wire, so the app will come.
    """
    identity = target.school.identity("device", OTHER)
    device = kind(name=OTHER, answers=answers)
    listener = listener_for(target.school, identity, device, Earth(floor_now=now()))
    port = listener.bind([ATTACKER])
    async with running(listener), AsyncExitStack() as stack:
        for name in names:
            announced = Announcer(None, partial(str, name), port, "linux", interfaces=[ATTACKER])
            await (await stack.enter_async_context(announced)).said()
        yield device


async def met(device: Device, seconds: float = 20.0) -> DeviceLink:
    """Wait until the app has come."""
    async with asyncio.timeout(seconds):
        while not device.links:  # noqa: ASYNC110 - a small wait beside an attack
            await asyncio.sleep(0.05)
    return device.links[0]
