"""Say a recorded order once more, out of turn, and on another link: none moves anything."""

import random
from typing import Final

from msgspec.structs import replace

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Hello, Order, Report, Welcome
from device_bridge.protocol.messages import decode_from_device, encode
from device_bridge.protocol.talking import Heard
from tests.attack.dialling import ENDS, LetIn, Target, answered, dialled
from tests.attack.kinds import Attack
from tests.orders import Orders
from tests.school import mandate_for
from tests.teaching import now

LOCK: Final = LockDeclared(2**40, locked=True, lease_seconds=600)


def told(how: str, orders: Orders) -> list[Order]:
    """Make what is said; the lock is the last of it and the prize."""
    word, lock = orders.order(Heard("w-1")), orders.order(LOCK)
    match how:
        case "twice":
            return [word, word, lock]
        case "out of turn":
            return [lock]
        case _:
            return [replace(word, nonce=bytes(16)), lock]


async def hostile(target: Target, _: random.Random) -> str:
    seen: list[str] = []
    name = "teacher-7"
    colleague = target.school.identity("teacher", name)
    grant = target.school.grant(colleague, name=name, issued_at=now())
    lesson = "lesson-7"
    mandate = mandate_for(colleague, grant=f"grant-{name}", lesson=lesson, issued_at=now())
    for how in ("twice", "out of turn", "of another link"):
        lane = await dialled(target, colleague)
        try:
            welcome = await answered(lane, Hello(1, 1, "x", grant, mandate))
            if not isinstance(welcome, Welcome):
                raise LetIn(f"a good hello was answered by {type(welcome).__name__}")
            for order in told(how, Orders(welcome)):
                await lane.send(encode(order))
            while True:
                said = decode_from_device(await lane.receive())
                if isinstance(said, Report) and said.version == LOCK.version:
                    raise LetIn(f"an order said {how} was obeyed")
        except ENDS:
            seen.append(how)
        finally:
            await lane.close()
    return f"cut off each time: {', '.join(seen)}"


ATTACK: Final = Attack(
    "orders_again",
    (4,),
    "say a recorded order once more, out of turn, and on another link: none moves anything",
    hostile,
    every_time=False,
)
