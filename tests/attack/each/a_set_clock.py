"""The pupil's program sets the device's clock: ten years on and back to 1970, under a lock."""

import asyncio
import random
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import ask_status
from tests.attack.dialling import Target, own_network
from tests.attack.ground import Ground, Owed
from tests.attack.guard import GuardProcess
from tests.attack.kinds import Attack
from tests.attack.loot import told_of
from tests.attack.taught import taught
from tests.attack.wall import HONEST

AHEAD, BACK, RIGHT = "+10y", "-56y", "+0"
SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.2
DRIFT_SECONDS: Final = 2.0
COVERED_SECONDS: Final = 15.0
FAKETIME: Final = "*/faketime/libfaketime.so.1"


class Seen(NamedTuple):
    at: float
    locked: bool
    left: int


async def hostile(target: Target, _: random.Random) -> str:
    """Set it while the app hears of it, then alone: no renewal comes where no cable is."""
    clock = Path(told_of(target)["clock"])
    print("begun", flush=True)
    for set_to in (AHEAD, BACK):
        _set(clock, set_to)
        await asyncio.sleep(SECONDS)
    for set_to in (AHEAD, BACK):
        await own_network("link", "set", "net0", "down")
        _set(clock, set_to)
        await asyncio.sleep(SECONDS)
    _set(clock, RIGHT)
    await own_network("link", "set", "net0", "up")
    return f"the clock was set to {AHEAD} and {BACK}, with a network and without"


def _set(clock: Path, to: str) -> None:
    beside = clock.with_suffix(".new")
    beside.write_text(f"{to}\n")
    beside.replace(clock)


def shifted_by(clock: Path) -> tuple[str, ...]:
    """Return the command before another that gives it the clock of a file (faketime(1))."""
    library = next(Path("/usr/lib").glob(FAKETIME), None)
    if library is None:
        raise Owed("the Debian package faketime is not here")
    told = ("FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1")
    return ("env", f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={clock}", *told)


async def look(guard: GuardProcess) -> Seen:
    status = await ask_status(Folder(guard.folder))
    if status is None:
        raise Owed("the guard says nothing")
    return Seen(monotonic(), status.attention.covered, status.attention.ends_in_seconds)


async def run(ground: Ground, name: str) -> str:
    clock, begun = ground.folder / "clock", asyncio.Event()
    _set(clock, RIGHT)
    within = shifted_by(clock)
    told = {"clock": str(clock)}
    seen: list[Seen] = []
    async with taught(ground, moved=True, within=within) as (guard, app):
        await app.do("hold")
        async with asyncio.timeout(COVERED_SECONDS):
            while not (await look(guard)).locked:  # noqa: ASYNC110 - asked, as a person does
                await asyncio.sleep(LOOK_SECONDS)
        async with asyncio.TaskGroup() as group:
            attack = group.create_task(
                ground.hostile(name, guard, begun, on=ground.device, told=told)
            )
            await begun.wait()
            while not attack.done():
                seen.append(await look(guard))
                await asyncio.sleep(LOOK_SECONDS)
    if free := [one for one in seen if not one.locked]:
        raise Owed(f"the lock fell: {free[:3]}")
    alone = seen[len(seen) * 5 // 8 :]
    real, told_of_it = alone[-1].at - alone[0].at, alone[0].left - alone[-1].left
    if abs(real - told_of_it) > DRIFT_SECONDS:
        raise Owed(f"in {real:.1f} s the lock's life fell by {told_of_it} s")
    states = [change.state for change in app.shown.of(HONEST)]
    if "clock" not in states:
        raise Owed(f"the tile does not say that the clock is wrong: {states}")
    return (
        f"{attack.result()}; locked throughout, its life fell by {told_of_it} s in {real:.1f}; "
        f"the tile was {', '.join(dict.fromkeys(states))}"
    )


ATTACK: Final = Attack(
    "a_set_clock",
    (30, 31),
    "sets the device's clock ten years on and back to 1970 under a lock, then without a network",
    hostile,
    run,
    every_time=False,
)
