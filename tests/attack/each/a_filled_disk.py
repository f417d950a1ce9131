"""Fill the device's disk to the last byte while the class is locked and freed."""

import random
from typing import Final

from tests.attack.dialling import Target
from tests.attack.each.a_neighbour import guard_of
from tests.attack.ground import Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.taught import taught
from tests.disks import disk

SIZE: Final = "16m"


async def hostile(target: Target, _: random.Random) -> str:
    _process, folder = guard_of(target)
    written = 0
    for number in range(20):  # what the guard frees meanwhile is taken as well
        try:
            with (folder / f"music-{number}").open("wb", buffering=0) as file:
                while True:
                    written += file.write(bytes(65536))
        except OSError:
            pass
    return f"{written // 2**20} MiB written until there was no room"


async def run(ground: Ground, name: str) -> str:
    with disk(ground.folder / "guard", SIZE) as small:
        async with taught(ground) as (guard, app):
            await app.do("locks")
            seen = await ground.hostile(name, guard, on=ground.device)
            if small.free_bytes:
                raise Owed(f"{small.free_bytes} bytes were left, so nothing was tried")
    return f"{seen}; {len(app.shown.lock_ms)} locks"


ATTACK: Final = Attack(
    "a_filled_disk",
    (),
    "fills the device's disk to the last byte",
    hostile,
    run,
    every_time=False,
)
