"""Copy a device's whole folder to another machine, and run a second agent of it there."""

import asyncio
import random
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Final

from device_bridge.session.twins import ANSWER_SECONDS
from tests.attack.dialling import LetIn, Target
from tests.attack.each.a_neighbour import guard_of
from tests.attack.ground import ATTACKER, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.taught import taught
from tests.attack.wall import HASTY_SECONDS, HONEST

SECONDS: Final = 3 * HASTY_SECONDS + ANSWER_SECONDS
"""The app believes its second look; the first may come before the copy is up."""
KEPT: Final = ("key.pem", "certificate.pem", "school.json", "assignment.jws", "state.json")


async def hostile(target: Target, _: random.Random) -> str:
    _process, folder = guard_of(target)
    with tempfile.TemporaryDirectory(prefix="pupitre-copy-") as made:
        copy = Path(made)
        for name in KEPT:
            if (folder / name).exists():
                shutil.copy2(folder / name, copy / name)
        command = [sys.executable, "-m", "device_bridge.agent", "guard"]
        command += ["--folder", str(copy), "--interface", ATTACKER]
        process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL)
        await asyncio.sleep(SECONDS)
        if process.returncode is not None:
            raise LetIn("the copy did not run, so nothing was tried")
        process.terminate()
        await process.wait()
    return f"a copy ran beside the device for {SECONDS:.0f} s"


async def run(ground: Ground, name: str) -> str:
    async with taught(ground, moved=True, hasty=True) as (guard, app):
        await app.do("hold")
        seen = await ground.hostile(name, guard)
    changes = app.shown.of(HONEST)
    if not (twin := [change for change in changes if change.state == "twin"]):
        raise Owed(f"two machines were not told apart: {changes}")
    if believed := [change for change in changes if change.at >= twin[0].at and change.held]:
        raise Owed(f"one of two was believed: {believed}")
    took = twin[0].at - changes[0].at
    return f"{seen}; the tile told of two machines after {took:.0f} s and of no lock from then on"


ATTACK: Final = Attack(
    "two_with_one_key",
    (17,),
    "copies a device's folder to another machine and runs it there, live",
    hostile,
    run,
    every_time=False,
)
