"""Hours of a lesson in minutes, to see whether memory stays flat.

`make soak` (SOAK_MINUTES=30): 40 devices show ever new frames. After a warm-up the resident memory
of the app with its decoders, and of one process of simulated agents, is sampled every ten seconds.
The median of the last fifth may exceed that of the first by 5 %; else the exit status is 1.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from classroom_app.demo.world import World
from tests.benchmarks.cost import children, resident_megabytes
from tests.benchmarks.pages import draw_ring
from tests.benchmarks.played import lesson
from tests.benchmarks.report import report
from tests.benchmarks.wall import RING_FRAMES, all_shown

WARM_UP_SHARE: Final = 0.2
EVERY_SECONDS: Final = 10.0
GROWTH_MAX: Final = 1.05


async def _sampled(world: World, minutes: float) -> dict[str, list[float]]:
    pid = world.app.process.pid if world.app else 0
    agents = next(
        child.process.pid for child in world.stage.children if child.name == "simulator-1"
    )
    found: dict[str, list[float]] = {"app": [], "decoders": [], "agents": []}
    ends = time.monotonic() + minutes * 60
    while time.monotonic() < ends:
        await asyncio.sleep(min(EVERY_SECONDS, minutes * 2))
        found["app"].append(resident_megabytes(pid))
        found["decoders"].append(sum(map(resident_megabytes, children(pid))))
        found["agents"].append(resident_megabytes(agents))
    return found


def growth(samples: list[float]) -> float:
    """Return the end over the beginning, once warm: medians of a fifth of the rest each."""
    warm = samples[int(len(samples) * WARM_UP_SHARE) :]
    part = max(1, len(warm) // 5)
    return statistics.median(warm[-part:]) / statistics.median(warm[:part])


async def run(devices: int, minutes: float, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="pupitre-ring-") as folder:
        ring = Path(folder) / "ring.raw"
        await asyncio.to_thread(draw_ring, ring, RING_FRAMES, seed)
        async with lesson(devices, seed, seen=all_shown, real_devices=0, ring=ring) as world:
            found = await _sampled(world, minutes)
    figures = {f"{name}_growth": growth(samples) for name, samples in found.items()}
    return figures | {f"{name}_rss_mb": samples[-1] for name, samples in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    figures = asyncio.run(run(args.devices, args.minutes, args.seed))
    report("soak", vars(args), figures)
    return int(
        any(figures[f"{name}_growth"] > GROWTH_MAX for name in ("app", "decoders", "agents"))
    )


if __name__ == "__main__":
    sys.exit(main())
