"""Small programs that run inside a namespace: a device that announces, an app that browses."""

import asyncio
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import About, Device
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.platform.linux_gateway import gateway_of
from device_bridge.discovery.announce import Announcer
from device_bridge.discovery.browse import Browser
from device_bridge.discovery.examine import Situation, examine
from device_bridge.discovery.sightings import Sighting
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.protocol.fields import HOME_PORT


async def until_told() -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


LOOK_SECONDS = 0.5
PACE = 0.6
"""The browser asks at 3 s and at 9 s; zeroconf by itself at 0, 1, 5 and 14 s."""


async def announce(device: str, port: str) -> None:
    looks = Announcer(None, lambda: device, int(port), "laptop", look_seconds=LOOK_SECONDS)
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


async def pupil(folder: str) -> None:
    """Be an enrolled device on every network that its school allows; SIGUSR1: its pupil joins."""
    with ThreadPoolExecutor(2) as workers, bulk_threads() as bulk:
        made = Makings(system_clock(), lambda: "id", os.urandom, workers, bulk)
        about = About("test", lambda _: "", lambda: 1.0, gateway=gateway_of, pace=0.1)
        device = Device(Folder(Path(folder)), made, about)
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, device.networks.join)
        device.bind(port=HOME_PORT)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(device.run())
            print("running", flush=True)
            await until_told()
            task.cancel()


async def knock(host: str) -> None:
    """Say whether the devices' port is open at `host`."""
    try:
        _, writer = await asyncio.open_connection(host, HOME_PORT)
        writer.close()
    except OSError as error:
        print(type(error).__name__, flush=True)
    else:
        print("open", flush=True)


PARTS = {
    "announce": announce,
    "browse": browse,
    "doctor": doctor,
    "pupil": pupil,
    "knock": knock,
}

if __name__ == "__main__":
    asyncio.run(PARTS[sys.argv[1]](*sys.argv[2:]))
