"""Come with a good grant and no lesson, and send changed messages."""

import random
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Hello, Report, Welcome
from device_bridge.protocol.messages import decode_from_device, encode
from tests.attack.dialling import LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import mutated
from tests.orders import Orders
from tests.teaching import now

LOCK: Final = LockDeclared(2**40, locked=True, lease_seconds=600)


async def hostile(target: Target, chance: random.Random) -> str:
    name = f"teacher-{chance.randrange(100, 199)}"
    colleague = target.school.identity("teacher", name)
    lane = await dialled(target, colleague)
    try:
        grant = target.school.grant(colleague, name=name, issued_at=now())
        welcome = await answered(lane, Hello(1, 1, "x", grant))
        if not isinstance(welcome, Welcome):
            return f"refused: {welcome}"
        orders = Orders(welcome, "")
        for _ in range(5):
            order = orders.order(LOCK)
            await lane.send(encode(order))
            changed = mutated(chance, chance.choice(EDGES["from-app"].examples))
            await lane.send(encode(replace(orders.order(LOCK), message=Raw(changed))))
        while True:
            said = decode_from_device(await lane.receive())
            if isinstance(said, Report) and said.version == LOCK.version:
                raise LetIn("a lock outside a lesson was taken")
    finally:
        await lane.close()


ATTACK: Final = Attack(
    "an_insider",
    (9, 23),
    "comes with a good grant and no lesson, and sends changed messages",
    hostile,
    besieges=True,
)
