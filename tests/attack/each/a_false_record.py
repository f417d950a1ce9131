"""Announce the device's own name of the day at one's own address, and pass on all that comes."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.day import day_of, name_of_the_day
from tests.attack.dialling import ENDS, LetIn, Target
from tests.attack.ground import ATTACKER, DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.attack.wall import HONEST, wall
from tests.teaching import now

SECONDS: Final = 15.0
TOLD: Final = (b"Vidal", b"lesson-declared", b"Eyes up", b"GET /control", b"lina", b"grant")


class Relay:
    """Passes bytes between the app and the device, and reads them all."""

    def __init__(self, device: tuple[str, int]) -> None:
        self._device = device
        self.heard = bytearray()
        self.links = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.links += 1
        with suppress(*ENDS, ExceptionGroup):
            other, there = await asyncio.open_connection(*self._device)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, there))
                both.create_task(self._pass(other, writer))
        writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while raw := await reader.read(65536):
            self.heard += raw
            writer.write(raw)
            await writer.drain()


async def hostile(target: Target, _: random.Random) -> str:
    key = bytes.fromhex(target.school.discovery)
    names = [name_of_the_day(key, HONEST, day_of(now()) - back) for back in (0, 30)]
    relay = Relay(target.address)
    server = await asyncio.start_server(relay.take, ATTACKER, 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        lies = [
            Announcer(None, lambda name=name: name, port, "linux", interfaces=[ATTACKER])
            for name in names
        ]
        async with lies[0] as first, lies[1] as second:
            await first.said()
            await second.said()
            print("begun", flush=True)
            await asyncio.sleep(SECONDS)
    if told := [word for word in TOLD if word in relay.heard]:
        raise LetIn(f"it could read {told}")
    return f"{relay.links} links passed by, {len(relay.heard)} bytes, and nothing was to be read"


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard:
        async with asyncio.TaskGroup() as group, sitting(ground, guard.folder):
            lies = group.create_task(ground.hostile(name, guard, begun))
            await begun.wait()
            await asyncio.to_thread(ground.device.drop_mdns)  # so that it is believed alone
            async with wall(ground, guard, met=False) as app:
                await app.do("locks")
                seen = await lies
        if seen.startswith("0 "):
            raise Owed("nobody came by its record, so nothing was tried")
        if not app.shown.lock_ms or not app.shown.pictures:  # how soon is the relay's to say
            raise Owed("nothing was locked or seen")
    return f"{seen}; {len(app.shown.lock_ms)} locks"


ATTACK: Final = Attack(
    "a_false_record",
    (3,),
    "announces the device's own name at its own address, and passes all on",
    hostile,
    run,
    every_time=False,
)
