"""How long until all devices are found: one app, two agents, simulators with 20 records each.

`python -m tests.benchmarks.discovery --devices 24`; on the loopback interface. Prints one JSON
object: the seconds from the browser's start until each device was heard once, and the last.
"""

import argparse
import asyncio
import json
import platform
import statistics
import sys
from asyncio.subprocess import PIPE
from functools import partial

from zeroconf.asyncio import AsyncZeroconf

from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.browse import Browser
from device_bridge.discovery.sightings import Sighting

LOOPBACK = ("127.0.0.1",)
SHARED_MAX = 20
ALONE = 2


async def announce(first: int, count: int, mark: str) -> None:
    """Be a process of `count` devices until standard input closes."""
    async with AsyncZeroconf(interfaces=list(LOOPBACK)) as shared, asyncio.TaskGroup() as tasks:
        over = asyncio.Event()

        async def one(number: int) -> None:
            name = f"{mark}-{number}"
            async with Announcer(
                shared, partial(str, name), 7000 + number, "laptop", LOOPBACK
            ) as announcer:
                await announcer.said()
                print("announced", flush=True)
                await over.wait()

        for number in range(first, first + count):
            tasks.create_task(one(number))
        await asyncio.to_thread(sys.stdin.read)
        over.set()


async def discover(devices: int, mark: str) -> list[float]:
    """Return when each of `devices` was heard, in seconds after the browser's start."""
    loop = asyncio.get_running_loop()
    heard: dict[str, float] = {}
    complete = asyncio.Event()
    began = loop.time()

    def hear(sighting: Sighting) -> None:
        if sighting.name.startswith(f"{mark}-"):
            heard.setdefault(sighting.name, loop.time() - began)
        if len(heard) == devices:
            complete.set()

    async with asyncio.TaskGroup() as tasks:
        browsing = tasks.create_task(Browser(hear, lambda _: None, interfaces=LOOPBACK).run())
        async with asyncio.timeout(60):
            await complete.wait()
        browsing.cancel()
    return sorted(heard.values())


async def measure(devices: int, rounds: int) -> dict[str, float]:
    mark = f"bench-{asyncio.get_running_loop().time():.0f}"
    shares = [1] * min(ALONE, devices)
    while sum(shares) < devices:
        shares.append(min(SHARED_MAX, devices - sum(shares)))
    processes: list[asyncio.subprocess.Process] = []
    for number, count in enumerate(shares):
        part = ("--part", str(sum(shares[:number])), str(count), mark)
        command = (sys.executable, "-m", "tests.benchmarks.discovery", *part)
        processes.append(
            await asyncio.create_subprocess_exec("nice", *command, stdin=PIPE, stdout=PIPE)
        )
    for process, count in zip(processes, shares, strict=True):
        assert process.stdout is not None
        for _ in range(count):
            await process.stdout.readline()
    runs = [await discover(devices, mark) for _ in range(rounds)]
    for process in processes:
        await process.communicate()
    last = [run[-1] for run in runs]
    return {
        "discover_seconds": round(statistics.median(last), 3),
        "discover_seconds_max": round(max(last), 3),
        "first_seconds": round(statistics.median(run[0] for run in runs), 3),
        "half_seconds": round(statistics.median(run[len(run) // 2] for run in runs), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--part", nargs=3)
    options = parser.parse_args()
    if options.part:
        first, count, mark = options.part
        asyncio.run(announce(int(first), int(count), mark))
        return
    figures = asyncio.run(measure(options.devices, options.rounds))
    args = {"devices": options.devices, "rounds": options.rounds}
    machine = f"{platform.machine()} {platform.system()} {platform.python_version()}"
    print(
        json.dumps({"benchmark": "discovery", "args": args, "machine": machine, "figures": figures})
    )


if __name__ == "__main__":
    main()
