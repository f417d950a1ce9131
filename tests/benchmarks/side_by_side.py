"""Two to four screens closely, side by side: how often each comes, how soon, at what cost.

`python -m tests.benchmarks.side_by_side [--looks 4] [--seconds 15]`: simulated devices as in
`tests.benchmarks.wall`, all of whose 1920x1080 pixels are new at every look; that many of six are
chosen in a window of 1920x1080 and opened with Ctrl+Enter. `first_pictures_ms` is from the key to
the second picture of the last of them, `frames_per_second` what the slowest one had, at the size
shown.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from classroom_app.demo.evidence import until
from classroom_app.demo.world import World
from tests.benchmarks.pages import draw_ring
from tests.benchmarks.played import lesson
from tests.benchmarks.report import report
from tests.benchmarks.wall import RING_FRAMES, all_shown, cost

DEVICES: Final = 6
SHOWN_SECONDS: Final = 20.0
SETTLE_SECONDS: Final = 3.0
KEPT: Final = ("app_cpu_cores", "devices_cpu_cores", "ui_stall_ms_p999", "ui_stall_ms_max")


async def _opened(world: World, looks: int) -> float:
    """Open them; return the milliseconds until each has shown two pictures more than before."""
    rows = world.enrolments[:looks]
    await world.window.ask("select", pupils=[row.pupil for row in rows])
    before = (await world.window.ask("gauge", run=True))["frames"]
    began = time.monotonic()
    await world.window.ask("key", keys="Ctrl+Return")

    async def shown() -> bool:
        now = (await world.window.ask("gauge", run=True))["frames"]
        return all(now.get(row.device, 0) > before.get(row.device, 0) + 1 for row in rows)

    await until(shown, SHOWN_SECONDS, "two pictures of each")
    return (time.monotonic() - began) * 1000


async def run(looks: int, seconds: float, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="pupitre-ring-") as folder:
        ring = Path(folder) / "ring.raw"
        await asyncio.to_thread(draw_ring, ring, RING_FRAMES, seed)
        async with lesson(DEVICES, seed, seen=all_shown, real_devices=0, ring=ring) as world:
            first = await _opened(world, looks)
            await asyncio.sleep(SETTLE_SECONDS)
            devices = {row.device for row in world.enrolments[:looks]}
            found = await cost(world, seconds, devices)
    return {"first_pictures_ms": first, "frames_per_second": found["frames_per_second_slowest"]} | {
        name: found[name] for name in KEPT
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, choices=[2, 3, 4], default=4)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    figures = asyncio.run(run(args.looks, args.seconds, args.seed))
    report("side_by_side", vars(args), figures)


if __name__ == "__main__":
    main()
