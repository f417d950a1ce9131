"""`pupitre-agent simulate`: up to twenty simulated devices in one process, until told to end."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from device_bridge.discovery.interfaces import open_zeroconf
from device_bridge.garbage import settle
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.simulator.plan import Plan
from device_bridge.simulator.pupil import SimulatedPupil
from device_bridge.simulator.strings import serve_strings

WORKERS: Final = 3
ENROLLING_MAX: Final = 4
"""So many devices of one process make keys and ask the MDM at a time."""


async def simulate(plan: Plan, folder: Path, told: Callable[[str], None] = print) -> None:
    """Run all devices of `plan` under `folder`, which is there.

    `told` hears one JSON line a device that listens. Raises `DeviceError` where a device cannot be
    enrolled, `OSError` for a port or a socket.
    """
    with ThreadPoolExecutor(WORKERS, "simulator") as workers, bulk_threads() as bulk:
        pupils = [SimulatedPupil(folder / one.folder, one, workers, bulk) for one in plan.devices]
        turns = asyncio.Semaphore(ENROLLING_MAX)

        async def prepare(pupil: SimulatedPupil) -> tuple[str, int]:
            async with turns:
                return await pupil.prepare(plan.interfaces)

        ready = await asyncio.gather(*(prepare(pupil) for pupil in pupils))
        named = {device: pupil for (device, _), pupil in zip(ready, pupils, strict=True)}
        zeroconf = open_zeroconf(plan.interfaces)
        try:
            async with serve_strings(folder, named), asyncio.TaskGroup() as group:
                settle()
                for device, port in ready:
                    work = named[device].run(zeroconf, plan.interfaces)
                    group.create_task(work, name=f"device-{device}")
                    told(json.dumps({"device": device, "port": port}))
        finally:
            await zeroconf.async_close()
