"""Hold five hundred handshakes half open, a byte each second; a teacher comes nevertheless."""

import asyncio
import random
from contextlib import suppress
from typing import Final

from tests.attack.dialling import Target
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack
from tests.attack.lesson import faults_of, lesson

COUNT: Final = 500
BYTES: Final = 8
SECONDS_MAX: Final = 2.0
RECORD: Final = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


async def hostile(target: Target, _: random.Random) -> str:
    cut = 0

    async def drip() -> None:
        nonlocal cut
        with suppress(OSError):
            _, writer = await asyncio.open_connection(*target.address)
            try:
                for byte in RECORD[:BYTES]:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(1)
            except OSError:
                cut += 1
            finally:
                writer.transport.abort()

    async with asyncio.TaskGroup() as group:
        for _number in range(COUNT):
            group.create_task(drip())
        print("begun", flush=True)
    return f"{cut} of {COUNT} were cut off within {BYTES} s"


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    async with guard_process(ground.folder, ground.device.command(), address=DEVICE) as guard:
        async with asyncio.TaskGroup() as group:
            flood = group.create_task(ground.hostile(name, guard, begun))
            await begun.wait()
            async with lesson(ground, guard) as went:
                seen = await flood
        if wrong := faults_of(guard, went):
            raise Owed("; ".join(wrong))
    if went.first_lock_ms > SECONDS_MAX * 1000:
        raise Owed(f"a teacher who came meanwhile waited {went.first_lock_ms} ms for a lock")
    return f"{seen}; a teacher who came meanwhile had locked after {went.first_lock_ms:.0f} ms"


ATTACK: Final = Attack(
    "half_open",
    (27,),
    "holds 500 handshakes half open, a byte a second",
    hostile,
    run,
    every_time=False,
)
