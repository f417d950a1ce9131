"""A region that is switched on in one second comes to its MDM over the whole time it was given."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NoReturn

from msgspec import json

from central_mdm.contract.fleet import Inventory
from device_bridge.agent.guard.central import FleetKept, web_client
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import CheckIns, evenly
from tests.enrolled import DEVICE, folder_of
from tests.integration.test_check_ins import duties_of
from tests.school import SmallSchool

DEVICES, SECONDS, PARTS = 1000, 600, 10


async def test_as_many_devices_come_in_the_first_minute_of_a_start_as_in_the_last(
    tmp_path: Path,
) -> None:
    moments = list[float]()
    school = SmallSchool()
    folder = folder_of(tmp_path / "device", school, school.identity("device", DEVICE))
    folder.fleet.write_bytes(json.encode(FleetKept("http://mdm", "d.x", first_seconds=SECONDS)))
    duties = replace(duties_of(lambda: Inventory("laptop"), web_client), spread=evenly)
    loop = asyncio.get_running_loop()

    class Comes(CheckIns):
        async def once(self) -> NoReturn:
            moments.append(loop.time() - began)
            raise asyncio.CancelledError

    enrolled, began = read_enrolment(folder), loop.time()
    runs = (Comes(folder, enrolled, duties).run() for _ in range(DEVICES))
    await asyncio.gather(*runs, return_exceptions=True)
    edges = [SECONDS * part / PARTS for part in range(PARTS + 1)]
    came = [sum(low <= at < high for at in moments) for low, high in pairwise(edges)]
    assert sum(came) == DEVICES
    even = DEVICES / PARTS
    # Six times what chance alone makes of it: one run in millions fails so.
    assert max(abs(part - even) for part in came) < 6 * even**0.5, came
