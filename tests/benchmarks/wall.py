"""The wall, measured: what a class of live screens costs, and how old its oldest picture is.

`python -m tests.benchmarks.wall --devices 40 [--seconds 30]`: simulated devices, each
a new raw frame of 1920x1080 at every look, drawn ahead and stamped, no two alike; to notice, scale
and encode them is the agent's own code. The window is 1920x1080 and shows all tiles. Cost and
stalls are measured first; then the window is grabbed again and again and each tile's stamp is read
from the picture: `staleness_seconds_max` is the greatest age of any tile in any grab.

`--peer veyon` with `--devices 8` compares with Veyon: see `tests.benchmarks.veyon`.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final

from PIL import Image

from classroom_app.demo.evidence import until
from classroom_app.demo.world import World
from device_bridge.simulator import code, drawn_ahead
from tests.benchmarks import veyon
from tests.benchmarks.cost import children, cpu_of, family, peak_megabytes
from tests.benchmarks.lesson import stalls
from tests.benchmarks.pages import draw_ring
from tests.benchmarks.played import lesson
from tests.benchmarks.report import report

RING_FRAMES: Final = 24
SHOWN_SECONDS: Final = 90.0
SETTLE_SECONDS: Final = 5.0
GRABS: Final = 10
GRAB_PAUSE_SECONDS: Final = 1.3  # meets the devices' half seconds at ever other moments


async def _ages(world: World, name: str) -> dict[str, float]:
    """Return how old each tile's picture was when the window was grabbed; unread tiles lack."""
    path = world.options.out / f"{name}.bmp"
    shot = await world.window.ask("grab", path=str(path))
    return await asyncio.to_thread(_read, path, shot)


def _read(path: Path, shot: dict[str, Any]) -> dict[str, float]:
    ages: dict[str, float] = {}
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    for tile in shot["tiles"]:
        x, y, width, height = tile["picture"]
        seen = code.read(whole.crop((x, y, x + width, y + height))) if width and height else None
        if seen and seen[0] == code.hash_of(tile["device"]):
            ages[tile["device"]] = drawn_ahead.age_seconds(seen[1], shot["at"])
    path.unlink()
    return ages


async def all_shown(world: World) -> str:
    everyone = {row.device for row in world.enrolments}
    read: set[str] = set()

    async def shown() -> bool:
        read.update(await _ages(world, "arriving"))
        return read >= everyone

    def claim() -> str:
        return f"{len(read)} of {len(everyone)} screens on the wall"

    await until(shown, SHOWN_SECONDS, claim, every=1.0)
    return ""


async def cost(
    world: World, seconds: float, watched: AbstractSet[str] = frozenset()
) -> dict[str, float]:
    """Return cores, memory, frames and stalls over `seconds`; frames of `watched`, or of all."""
    pid = world.app.process.pid if world.app else 0
    simulators = [child for child in world.stage.children if child.name.startswith("simulator")]
    devices = [one for child in simulators for one in family(child.process.pid)]
    decoders = children(pid)
    before = await world.window.ask("gauge", run=True)
    cpu = [cpu_of([pid]), cpu_of(decoders), cpu_of(devices)]
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    cpu = [
        (now - was) / took
        for now, was in zip((cpu_of([pid]), cpu_of(decoders), cpu_of(devices)), cpu, strict=True)
    ]
    after = await world.window.ask("gauge", run=False)
    frames = [
        count - before["frames"].get(one, 0)
        for one, count in after["frames"].items()
        if not watched or one in watched
    ]
    apart = sum(map(peak_megabytes, decoders))
    return {
        "app_cpu_cores": cpu[0] + cpu[1],
        "window_cpu_cores": cpu[0],
        "decoders_cpu_cores": cpu[1],
        "devices_cpu_cores": cpu[2],
        "app_rss_mb": peak_megabytes(pid) + apart,
        "window_rss_mb": peak_megabytes(pid),
        "decoders_rss_mb": apart,
        "frames_per_second_per_device": statistics.mean(frames) / took,
        "frames_per_second_slowest": min(frames) / took,
        **stalls(after["late_ms"]),
    }


async def _staleness(world: World) -> dict[str, float]:
    grabs: list[dict[str, float]] = []
    for number in range(GRABS):
        grabs.append(await _ages(world, f"stale-{number}"))
        await asyncio.sleep(GRAB_PAUSE_SECONDS)
    ages = [age for seen in grabs for age in seen.values()]
    return {
        "staleness_seconds_max": max(ages),
        "staleness_seconds_p50": statistics.median(ages),
        "tiles_visible": min(map(len, grabs)),
    }


async def run(devices: int, seconds: float, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="pupitre-ring-") as folder:
        ring = Path(folder) / "ring.raw"
        await asyncio.to_thread(draw_ring, ring, RING_FRAMES, seed)
        async with lesson(devices, seed, seen=all_shown, real_devices=0, ring=ring) as world:
            await asyncio.sleep(SETTLE_SECONDS)
            return await cost(world, seconds) | await _staleness(world)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--peer", choices=["", "veyon"], default="")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    if args.peer:
        veyon.own_settings()
        work = veyon.compare(args.devices, args.seconds, args.seed)
    else:
        work = run(args.devices, args.seconds, args.seed)
    figures = asyncio.run(work)
    report("wall", vars(args), figures)


if __name__ == "__main__":
    main()
