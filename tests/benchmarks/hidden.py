"""What a window costs that nobody sees: `python -m tests.benchmarks.hidden --devices 40`.

The app stands on a real X server with a window manager; its processor time is taken for
`--seconds` while it is seen, while another window covers it whole, and while it is minimised. The
decoders, processes of their own, are counted with it. Beside that: how many frames came.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from classroom_app.demo.evidence import until
from classroom_app.demo.wall import read_codes
from classroom_app.demo.world import World
from tests.benchmarks.lesson import children, cpu_seconds
from tests.benchmarks.played import lesson
from tests.benchmarks.report import report
from tests.desktop import Desktop, desktop

SETTLE_SECONDS = 5.0
FIND = ("xdotool", "search", "--onlyvisible", "--name", "^Pupitre$")


async def cost(world: World, seconds: float) -> tuple[float, float]:
    """Return the cores that the app and its decoders take, and how many frames come a second."""
    await asyncio.sleep(SETTLE_SECONDS)
    pid = world.app.process.pid if world.app else 0
    parts = [pid, *children(pid)]
    before, frames = sum(map(cpu_seconds, parts)), await came(world)
    await asyncio.sleep(seconds)
    took = sum(map(cpu_seconds, parts)) - before
    return took / seconds, (await came(world) - frames) / seconds


async def came(world: World) -> int:
    frames: dict[str, int] = (await world.window.ask("gauge", run=True))["frames"]
    await world.window.ask("gauge", run=False)
    return sum(frames.values())


async def run(devices: int, seconds: float, seed: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="pupitre-hidden-") as folder:
        async with desktop(Path(folder)) as opened:
            os.environ["DISPLAY"] = opened.display
            async with lesson(devices, seed, real_devices=0, headless=False) as world:

                async def seen() -> bool:
                    return len(await read_codes(world, "seen")) >= devices // 2

                for name, hide in ways(opened):
                    await hide()
                    if name == "seen":
                        await until(seen, 60, "the wall is live")
                    cores, frames = await cost(world, seconds)
                    figures |= {f"{name}_cpu_cores": cores, f"{name}_frames_per_second": frames}
    return figures


def ways(opened: Desktop) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
    async def cover() -> None:
        await opened.start("xterm", "-geometry", "400x120+0+0")

    async def minimise() -> None:
        opened.processes[-1].kill()
        await opened.run(*FIND, "windowminimize")

    async def show() -> None:
        await opened.run(*FIND, "windowactivate")

    return [("seen", show), ("covered", cover), ("minimised", minimise)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    report("hidden", vars(args), asyncio.run(run(args.devices, args.seconds, args.seed)))


if __name__ == "__main__":
    main()
