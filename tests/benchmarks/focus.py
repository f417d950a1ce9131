"""One screen closely: how old its picture is when it is painted, how often, and at what cost.

`python -m tests.benchmarks.focus [--seconds 20]`: a real agent on a real 1920x1080 X screen that
scrolls at 30 frames a second under a time code; the app's window is double-clicked and reads the
code from each picture as it is painted (`classroom_app.demo.gauge_focus`). Same machine, same
clock. Beside it, in the same run and then alone, x11vnc shows the same screen to a small client
that takes raw pixels and paints nothing (`tests.benchmarks.rfb`).
"""

import argparse
import asyncio
import shutil
import socket
import statistics
import time
from contextlib import suppress
from typing import Final

from classroom_app.demo.desktops import Desktop
from classroom_app.demo.evidence import until
from classroom_app.demo.pupils import Pupils
from classroom_app.demo.world import World
from tests.benchmarks.cost import children, cpu_of, family, loopback_bytes
from tests.benchmarks.on_screen import black_screen, show
from tests.benchmarks.played import lesson
from tests.benchmarks.report import report
from tests.benchmarks.rfb import watch

SETTLE_SECONDS: Final = 3.0
LOOKS: Final = 5
LIVE_SECONDS: Final = 30.0


async def _device(world: World) -> str:
    row = world.enrolments[0]
    display = await black_screen(world.stage, "real-1")
    await show(world.stage, "real-1", display, "moving")
    world.desktops[row.device] = Desktop("real-1", display, world.scratch / "typed.txt")
    world.pupils = Pupils(world)
    await world.pupils.start(1)
    return ""


async def _live(world: World) -> str:
    device = world.enrolments[0].device

    async def live() -> bool:
        tiles = (await world.window.ask("tiles"))["tiles"]
        return any(tile["device"] == device and tile["state"] == "live" for tile in tiles)

    await until(live, LIVE_SECONDS, "the screen on the wall")
    return ""


async def _opened(world: World) -> float:
    """Double-click the tile; return the milliseconds until a close picture was painted."""
    await world.window.ask("gauge-focus", run=True)
    began = time.monotonic()
    await world.window.ask("open", pupil=world.enrolments[0].pupil)

    async def painted() -> bool:
        return bool((await world.window.ask("facts"))["focus"]["frames"])

    await until(painted, LIVE_SECONDS, "a close picture")
    await asyncio.sleep(0.2)
    shown = (await world.window.ask("gauge-focus", run=False))["painted"]
    return (shown[0]["at"] - began) * 1000


async def _ours(world: World, seconds: float) -> dict[str, float]:
    first: list[float] = []
    for _ in range(LOOKS):
        first.append(await _opened(world))
        await asyncio.sleep(SETTLE_SECONDS)
        await world.window.ask("key", keys="Escape")
        await asyncio.sleep(1.0)
    await _opened(world)
    await asyncio.sleep(SETTLE_SECONDS)
    pid = world.app.process.pid if world.app else 0
    app = [pid, *children(pid)]
    agent = family(world.real[world.enrolments[0].device].process.pid)
    await world.window.ask("gauge-focus", run=True)
    cpu, began, sent = [cpu_of(app), cpu_of(agent)], time.monotonic(), loopback_bytes()
    await asyncio.sleep(seconds)
    took, sent = time.monotonic() - began, loopback_bytes() - sent
    cpu = [now - was for now, was in zip((cpu_of(app), cpu_of(agent)), cpu, strict=True)]
    painted = (await world.window.ask("gauge-focus", run=False))["painted"]
    read = [frame["age_ms"] for frame in painted if frame["age_ms"] >= 0]
    return {
        "first_picture_ms": max(first),
        "first_picture_ms_p50": statistics.median(first),
        **_ages(read, ""),
        "frames_per_second": len(painted) / took,
        "codes_unread": len(painted) - len(read),
        "app_cpu_cores": cpu[0] / took,
        "device_cpu_cores": cpu[1] / took,
        "bytes_per_second": sent / took,
        "width": painted[-1]["width"] if painted else 0,
    }


def _ages(ages: list[float], whose: str) -> dict[str, float]:
    if len(ages) < 2:
        return {}
    ranks = statistics.quantiles(ages, n=20)
    return {f"{whose}latency_ms_p50": ranks[9], f"{whose}latency_ms_p95": ranks[18]}


async def _peer(world: World, seconds: float) -> dict[str, float]:
    """Let x11vnc show the same screen, after ours has ended."""
    display = world.desktops[world.enrolments[0].device].display
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = ["x11vnc", "-display", display, "-rfbport", port, "-localhost", "-nopw", "-forever"]
    command += ["-wait", "10", "-defer", "10", "-nowf", "-noscr", "-nocursor", "-quiet"]
    server = await world.stage.start("x11vnc", command)

    async def listens() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(port)), 1):
            return True
        return False

    await until(listens, LIVE_SECONDS, "x11vnc")
    cpu = cpu_of([server.process.pid])
    seen, received = await asyncio.to_thread(watch, int(port), seconds)
    return {
        **_ages([age for _, age in seen], "peer_"),
        "peer_frames_per_second": len(seen) / seconds,
        "peer_device_cpu_cores": (cpu_of([server.process.pid]) - cpu) / seconds,
        "peer_bytes_per_second": received / seconds,
    }


async def run(seconds: float, seed: int) -> dict[str, float]:
    async with lesson(2, seed, started=_device, seen=_live, real_devices=1) as world:
        figures = await _ours(world, seconds)
        if shutil.which("x11vnc") is None:
            print("x11vnc is not installed: no peer to compare with (apt install x11vnc)")
            return figures
        await world.kill_app()
        figures |= await _peer(world, seconds)
    ratio = figures["latency_ms_p95"] / figures["peer_latency_ms_p95"]
    return figures | {"latency_ratio_to_peer": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    report("focus", vars(args), asyncio.run(run(args.seconds, args.seed)))


if __name__ == "__main__":
    main()
