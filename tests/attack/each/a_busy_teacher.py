"""A colleague's app gone mad: commands, links, papers and pages as fast as the wire takes them."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from msgspec import Struct

from device_bridge.protocol.hello import Hello, MandateShown, Welcome
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import Document, HandInAsked, MaterialsDeclared
from device_bridge.protocol.messages import encode
from device_bridge.protocol.talking import HandAnswered, MessageSaid
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.wire import Lane
from tests.attack.dialling import ENDS, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

ORDERS: Final = 600
LINKS: Final = 3


def what(number: int, chance: random.Random, papers: MandateShown) -> Struct:
    id_ = f"x-{chance.randrange(2**32)}-{number}"
    return chance.choice(
        (
            MessageSaid(id_, 3600, "spam " * 300),
            HandAnswered(id_, 3600),
            PageOpened(id_, 3600, "https://example.org/"),
            HandInAsked(id_, 3600, "lesson-x"),
            WatchingDeclared(number + 1, 600, "close", 1920, 1080, 60.0),
            MaterialsDeclared(
                number + 1,
                "lesson-x",
                tuple(Document(f"h-{n}", chance.randbytes(32), "f.odt", 2**40) for n in range(100)),
            ),
            papers,
        )
    )


async def hostile(target: Target, chance: random.Random) -> str:
    name = f"teacher-{chance.randrange(200, 250)}"
    colleague = target.school.identity("teacher", name)
    grant = target.school.grant(colleague, name=name, issued_at=now())
    own, id_ = f"grant-{name}", f"mandate-{name}"
    mandate = mandate_for(colleague, name=id_, grant=own, lesson="lesson-x", issued_at=now())
    sent = 0

    async def shout(lane: Lane, welcome: Welcome) -> None:
        nonlocal sent
        orders = Orders(welcome, id_)
        for number in range(ORDERS):
            message = what(number, chance, MandateShown(grant, mandate))
            await lane.send(encode(orders.order(message)))
            sent += 1

    async def listen(lane: Lane) -> None:
        while True:
            await lane.receive()

    async def link() -> None:
        with suppress(*ENDS, ExceptionGroup):
            lane = await dialled(target, colleague)
            try:
                said = await answered(lane, Hello(1, 1, "x", grant, mandate))
                if isinstance(said, Welcome):
                    async with asyncio.TaskGroup() as both:
                        reading = both.create_task(listen(lane))
                        await shout(lane, said)
                        reading.cancel()
            finally:
                await lane.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(LINKS):
            group.create_task(link())
    return f"{sent} orders"


ATTACK: Final = Attack(
    "a_busy_teacher",
    (),
    "as a colleague's app gone mad sends commands, papers, pages and links without a pause",
    hostile,
    every_time=False,
)
