"""End TLS on both sides of a pairing, and pass on every message as it is."""

import asyncio
import random
import socket
from contextlib import suppress
from typing import Final

from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.records import DOOR_TYPE, door_label
from device_bridge.session.wire import Lane, dial_lane, take_lane
from device_bridge.trust.identity import new_key
from device_bridge.trust.pairing import for_pairing, pairing_context, stranger
from tests.attack.dialling import ENDS, LetIn, Target
from tests.attack.ground import ATTACKER, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.pairing import door, window

LABEL: Final = door_label(bytes(16))
SECONDS: Final = 30.0
SECRET: Final = b"pair-sealed"
"""The first message that tells more than that somebody pairs."""
NO: Final = b"wrong-code"


async def hostile(target: Target, _: random.Random) -> str:
    to_app = pairing_context(for_pairing(new_key(), "device"), "device")
    to_device = pairing_context(for_pairing(new_key(), "teacher"), "app")
    passed: list[bytes] = []
    with socket.create_server((ATTACKER, 0)) as made:
        made.setblocking(False)  # noqa: FBT003 - its signature
        port = int(made.getsockname()[1])
        announced = Announcer(
            None,
            lambda: LABEL,
            port,
            "own",
            [ATTACKER],
            interfaces=[ATTACKER],
            is_device=False,
            service_type=DOOR_TYPE,
        )
        async with announced as announcer:
            await announcer.said()
            print("begun", flush=True)
            async with asyncio.timeout(SECONDS):
                taken, _address = await asyncio.get_running_loop().sock_accept(made)
                left = await take_lane(taken, to_app, stranger, 5.0, ("/pair",))
                right = await dial_lane(target.address, "/pair", to_device, stranger)
                with suppress(ExceptionGroup):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_carry(left, right, passed))
                        group.create_task(_carry(right, left, passed))
    if any(SECRET in raw for raw in passed):
        raise LetIn("it was taken for the other end")
    if not any(NO in raw for raw in passed):
        raise LetIn(f"nobody refused it: {passed}")
    return f"{len(passed)} messages passed on, the last a no"


async def _carry(source: Lane, sink: Lane, passed: list[bytes]) -> None:
    try:
        while True:
            passed.append(await source.receive())
            await sink.send(passed[-1])
    except ENDS:
        source.abort()
        sink.abort()


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with window(ground) as app, door(ground, "Tablet 1") as device:
        async with asyncio.TaskGroup() as group:
            relay = group.create_task(ground.hostile(name, device.target, begun))
            await begun.wait()
            await app.until(lambda told: told.state(LABEL) == "code", "the false door is heard")
            await app.do("code", LABEL, device.code)
            told = await app.until(
                lambda told: told.state(LABEL) not in {"code", "trying"}, "an end of it"
            )
        if told.state(LABEL) != "wrong-code" or device.paired:
            raise Owed(f"it was not refused on both sides: {told}")
        await app.until(lambda told: told.state(device.label) == "code", "the door is heard")
        await app.do("code", device.label, device.code)
        await app.admit(device)
    return f"{relay.result()}; the app says wrong-code; the device's own door then paired"


ATTACK: Final = Attack(
    "relayed_pairing",
    (),
    "ends TLS on both sides of a pairing and passes every message on",
    hostile,
    run,
    every_time=False,
)
