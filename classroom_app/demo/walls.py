"""The wall of 1, 9, 24, 40 and 100 devices, light and dark: `python -m classroom_app.demo.walls`.

Each wall is a lesson of its own, with so many simulated devices and the app as everybody runs it:
a picture is kept once every tile shows its own device's screen, read from the window's picture.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from classroom_app.demo import act_arrive
from classroom_app.demo.evidence import EvidenceError, until
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Stage, StageError, trouble
from classroom_app.demo.strings import PuppetError
from classroom_app.demo.tell import Teller
from classroom_app.demo.wall import read_codes
from classroom_app.demo.world import Options, World
from classroom_app.stopping import stoppable

COUNTS = (1, 9, 24, 40, 100)
LIVE_SECONDS = 60.0
AT_ONCE = 2
"""Most of the way to a wall one process starts after the other, and a second core waits."""


async def both_looks(world: World, name: str) -> None:
    """Keep the wall in both looks, each once every screen is seen in it."""
    for look in ("light", "dark"):
        await live(world, f"{name}-{look}")
        await world.window.ask("click", name="more")
        await world.window.ask("click", name="theme")
        await world.window.ask("key", keys="Escape")  # so that no button has the keys


async def live(world: World, name: str) -> None:
    """Keep the picture of the wall in which every tile shows its own device's screen of now."""
    here = set(world.names)
    seen: set[str] = set()

    async def all_live() -> bool:
        nonlocal seen
        seen = await read_codes(world, name)
        return seen >= here

    await until(all_live, LIVE_SECONDS, lambda: f"{len(seen)} of {len(here)} screens live")


async def wall_of(options: Options) -> None:
    """Let so many devices come to a lesson, and keep their wall."""
    name = f"wall-{options.devices:03}"
    # What the way to the wall leaves of pictures is of no use here.
    beside = options.out / "logs" / name
    beside.mkdir(parents=True, exist_ok=True)
    stage = Stage(beside)
    options = replace(options, out=beside)
    with tempfile.TemporaryDirectory(prefix="pupitre-wall-") as scratch:
        world = World(options, Path(scratch), stage, Report(options.devices), Teller(sys.stderr))
        try:
            await act_arrive.mdm(world)
            await act_arrive.devices(world)
            await world.class_.start_late()
            await act_arrive.teacher(world)
            await both_looks(world, f"../../{name}")
        finally:
            await world.close()


async def walls(options: Options, counts: Sequence[int]) -> None:
    for count in counts:
        await wall_of(replace(options, devices=count))
        print(f"{count} devices: {options.out}/wall-{count:03}-light.png and -dark.png", flush=True)


async def beside(options: Options, told: Callable[[str], None]) -> None:
    """Keep all walls beside what a lesson has left; of each it is told, also where one failed."""
    out = options.out / "walls"
    alone = replace(options, out=out, headless=True, faults=False, real_devices=0)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(count: int) -> None:
        async with places:
            try:
                await wall_of(replace(alone, devices=count))
            except (StageError, EvidenceError, PuppetError, ExceptionGroup) as error:
                told(f"{count} devices: NOT AS IT SHOULD BE: {trouble(error)}")
            else:
                told(f"{count} devices: {out}/wall-{count:03}-light.png and -dark.png")

    async with asyncio.TaskGroup() as group:
        for count in sorted(COUNTS, reverse=True):  # the longest first
            group.create_task(one(count), name=f"wall-{count}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo-out/walls"))
    parser.add_argument("--devices", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    options = Options(0, args.out, args.seed, headless=True, faults=False, real_devices=0)
    try:
        asyncio.run(stoppable(walls(options, args.devices)))
    except (StageError, EvidenceError, PuppetError, ExceptionGroup) as error:
        print(trouble(error), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
