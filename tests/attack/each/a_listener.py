"""Hear every frame of a whole lesson, as in a Wi-Fi, and look for what was said in it."""

import asyncio
import random
import socket
import struct
from time import monotonic
from typing import Final

from device_bridge.discovery.day import DAYS_BACK, day_of, name_of_the_day
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.seat import sitting
from tests.attack.wall import HONEST, wall
from tests.teaching import now

SECONDS: Final = 12.0
LATEST_SECONDS: Final = 60.0
"""Until there is something to hear: on a busy machine the app is long in coming."""
ALL, PROMISCUOUS, SOL_PACKET, ADD_MEMBERSHIP = 3, 1, 263, 1  # packet(7)
TOLD: Final = (
    *(b"Vidal", b"Lina", b"lina", b"Eyes up", b"5e B", b"lock-declared", b"GET /control"),
    *(b"dev-1", b"Test school", b"grant-teacher-1", b"eyJ", b"JFIF"),
)
MUCH_BYTES: Final = 50_000


async def hostile(target: Target, _: random.Random) -> str:
    heard = bytearray()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL)) as end:
        end.bind(("net0", ALL))
        everything = struct.pack("iHH8x", socket.if_nametoindex("net0"), PROMISCUOUS, 0)
        end.setsockopt(SOL_PACKET, ADD_MEMBERSHIP, everything)
        end.setblocking(False)  # noqa: FBT003 - its signature
        print("begun", flush=True)
        begun = monotonic()
        while monotonic() < begun + (SECONDS if len(heard) > MUCH_BYTES else LATEST_SECONDS):
            try:
                async with asyncio.timeout(1):
                    heard += await asyncio.get_running_loop().sock_recv(end, 65536)
            except TimeoutError:
                continue
    if told := [word for word in TOLD if word in heard]:
        raise LetIn(f"it could read {told}")
    key, today = bytes.fromhex(target.school.discovery), day_of(now())
    names = {name_of_the_day(key, HONEST, today - back) for back in range(DAYS_BACK)}
    day = sum(name.encode() in heard for name in names)
    if len(heard) < MUCH_BYTES:
        raise LetIn(f"only {len(heard)} bytes were heard, so nothing was tried")
    return f"{len(heard)} bytes heard; names of a day in them: {day}, and nothing else"


async def run(ground: Ground, name: str) -> str:
    await asyncio.to_thread(ground.room.hub, ground.switch)
    begun = asyncio.Event()
    async with (
        guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard,
        asyncio.TaskGroup() as group,
        sitting(ground, guard.folder),
    ):
        ears = group.create_task(ground.hostile(name, guard, begun))
        await begun.wait()
        async with wall(ground, guard) as app:
            await app.do("locks")
            seen = await ears
    if not app.shown.lock_ms or not app.shown.pictures:
        raise Owed("nothing was said")
    return f"{seen}; {len(app.shown.lock_ms)} locks, {app.shown.pictures[HONEST]} pictures"


ATTACK: Final = Attack(
    "a_listener",
    (2,),
    "hears every frame of a lesson and looks for names, words, papers and pictures",
    hostile,
    run,
    every_time=False,
)
