"""A quiet lesson, measured: discovery, lock, the wall's pace, the app's cost, the loop's stalls.

`python -m tests.benchmarks.lesson --devices 24 [--seconds 60]`. All parts are real processes, as
in the demo; simulators run at nice 10. The stall gauge is a 5 ms timer on the window's own loop;
beside it stands the same timer on an idle asyncio loop of the same run (`idle_stall_ms_max`), so
that what the machine's scheduler does is not blamed on the app. `discover_seconds` counts from
the click that opens the class, `discover_restarted_seconds` from the window of an app that starts
into a lesson and has listened to nothing yet (`classroom_app.found`).
"""

import argparse
import asyncio
import statistics
import time
from contextlib import suppress

from classroom_app.demo.act_offline import found_again
from classroom_app.demo.report import percentiles
from classroom_app.demo.world import World
from tests.benchmarks.cost import children, cpu_seconds, peak_megabytes
from tests.benchmarks.played import lesson, lock_once
from tests.benchmarks.report import report

SETTLE_SECONDS = 5.0
LOCK_ROUNDS = 10
TICK_SECONDS = 0.005


async def idle_loop(late: list[float]) -> None:
    """Measure a loop that has nothing to do."""
    last = time.perf_counter()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        now = time.perf_counter()
        late.append((now - last - TICK_SECONDS) * 1000)
        last = now


def stalls(late_ms: list[float]) -> dict[str, float]:
    late = sorted(late_ms)
    return {
        "ui_stall_ms_p999": round(late[min(len(late) - 1, int(len(late) * 0.999))], 1),
        "ui_stall_ms_max": round(late[-1], 1),
        "ui_ticks": len(late),
    }


async def measure(world: World, seconds: float) -> dict[str, float]:
    """Measure the quiet lesson for `seconds`."""
    lock_times = [ms for _ in range(LOCK_ROUNDS) for ms in await lock_once(world)]
    pid = world.app.process.pid if world.app else 0
    await asyncio.sleep(SETTLE_SECONDS)
    idle: list[float] = []
    before = await world.window.ask("gauge", run=True)
    beside = children(pid)
    cpu, apart, began = cpu_seconds(pid), sum(map(cpu_seconds, beside)), time.monotonic()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await idle_loop(idle)
    took, cpu = time.monotonic() - began, cpu_seconds(pid) - cpu
    apart = sum(map(cpu_seconds, beside)) - apart
    after = await world.window.ask("gauge", run=False)
    frames: dict[str, int] = {
        device: count - before["frames"].get(device, 0) for device, count in after["frames"].items()
    }
    return {
        "discover_seconds": world.report.discover_seconds,
        "lock_ms_p50": percentiles(lock_times).p50,
        "lock_ms_p99": percentiles(lock_times).p99,
        "frames_per_second_per_device": round(statistics.mean(frames.values()) / took, 2),
        "frames_per_second_slowest": round(min(frames.values()) / took, 2),
        "app_cpu_cores": round(cpu / took, 3),
        "app_rss_mb": round(peak_megabytes(pid), 1),
        "decoders_cpu_cores": round(apart / took, 3),
        "decoders_rss_mb": round(sum(map(peak_megabytes, beside)), 1),
        **stalls(after["late_ms"]),
        "idle_stall_ms_max": round(max(idle), 1),
    }


async def run(devices: int, seconds: float, seed: int) -> dict[str, float]:
    async with lesson(devices, seed) as world:
        figures = await measure(world, seconds)
        # Last, since it kills the app: what it finds when it starts into a running lesson.
        await world.restart_app()
        return figures | {"discover_restarted_seconds": round(await found_again(world), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    figures = asyncio.run(run(args.devices, args.seconds, args.seed))
    report("lesson", vars(args), figures)


if __name__ == "__main__":
    main()
