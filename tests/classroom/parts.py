"""Small programs that run inside a namespace: a device that announces, an app that browses."""

import asyncio
import json
import signal
import sys
import time

import msgspec

from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.browse import Browser
from device_bridge.discovery.examine import Situation, examine
from device_bridge.discovery.sightings import Sighting


async def until_told() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


LOOK_SECONDS = 0.5
PACE = 0.6
"""The browser asks at 3 s and at 9 s; zeroconf by itself at 0, 1, 5 and 14 s."""


async def announce(device: str, port: str) -> None:
    looks = Announcer(None, device, int(port), "laptop", look_seconds=LOOK_SECONDS)
    async with looks as announcer:
        await announcer.said()
        print("announced", flush=True)
        await until_told()


async def browse() -> None:
    began = time.monotonic()

    def heard(sighting: Sighting) -> None:
        told = {"heard": msgspec.to_builtins(sighting), "after": time.monotonic() - began}
        print(json.dumps(told), flush=True)

    def lost(device: str) -> None:
        print(json.dumps({"lost": device}), flush=True)

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(Browser(heard, lost, pace=PACE).run())
        print("browsing", flush=True)
        await until_told()
        task.cancel()


async def doctor(*devices: str) -> None:
    at = tuple((host, int(port)) for host, _, port in (text.partition(":") for text in devices))
    checks = await examine(Situation(devices=at, heard=at))
    found = {check.key: [check.state, dict(check.facts)] for check in checks}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    part = {"announce": announce, "browse": browse, "doctor": doctor}[sys.argv[1]]
    asyncio.run(part(*sys.argv[2:]))
