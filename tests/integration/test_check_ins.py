"""A device's check-ins against the real application: what it tells, and when."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from central_mdm.contract.fleet import Inventory
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.mdm import CheckIns, Duties, enrol
from device_bridge.session.keeper import retry_pauses
from tests.mdm import Mdm

pytestmark = pytest.mark.real_loop


async def test_a_device_that_changed_its_network_tells_it_at_its_next_check_in(
    mdm: Mdm, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    folder, found = Folder(tmp_path / "device"), Inventory("laptop", networks="10.7.0.0/24")
    code = mdm.sample["devices"][0]["code"]
    await enrol(folder, "http://mdm", code, found, client)
    told: list[bool] = []

    async def listen(request: httpx.Request) -> None:
        told.append(b"10.7.0.0" in request.content or b"10.9.0.0" in request.content)

    mdm.http.event_hooks["request"].append(listen)
    duties = Duties(
        ground=GroundHere(lambda: 1000.0, 0.0),
        deny=lambda _: None,
        deny_list_number=lambda: 0,
        inventory=lambda: found,
        apply=lambda _: "",
        pauses=lambda: retry_pauses(1.0, 1.0, lambda: 1.0),
        jitter=lambda: 1.0,
        client=client,
    )
    check_ins = CheckIns(folder, read_enrolment(folder), duties)
    for _ in range(3):
        await check_ins.once()
    assert told == [True, False, False]
    found = replace(found, networks="10.9.0.0/24")
    for _ in range(2):
        await check_ins.once()
    assert told[3:] == [True, False]
