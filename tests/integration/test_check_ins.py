"""A device's check-ins against the real application: what it tells, and when."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from central_mdm.contract.fleet import Inventory
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment, read_school, write_school
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.mdm import CheckIns, Client, Duties, enrol
from device_bridge.session.keeper import retry_pauses
from tests.mdm import Mdm, bearer, new_request

pytestmark = pytest.mark.real_loop


Follow = Callable[[Sequence[str], str, str], None]


def duties_of(
    inventory: Callable[[], Inventory], client: Client, follow: Follow = lambda _, __, ___: None
) -> Duties:
    return Duties(
        ground=GroundHere(lambda: 1000.0, 0.0),
        deny=lambda _: None,
        deny_list_number=lambda: 0,
        inventory=inventory,
        apply=lambda _: "",
        follow=follow,
        pauses=lambda: retry_pauses(1.0, 1.0, lambda: 1.0),
        jitter=lambda: 1.0,
        client=client,
    )


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
    duties = duties_of(lambda: found, client)
    check_ins = CheckIns(folder, read_enrolment(folder), duties)
    for _ in range(3):
        await check_ins.once()
    assert told == [True, False, False]
    found = replace(found, networks="10.9.0.0/24")
    for _ in range(2):
        await check_ins.once()
    assert told[3:] == [True, False]


async def test_a_device_enrolled_before_there_was_a_discovery_key_gets_its_teachers_one(
    mdm: Mdm, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    folder, found = Folder(tmp_path / "device"), Inventory("laptop")
    await enrol(folder, "http://mdm", mdm.sample["devices"][0]["code"], found, client)
    given = read_school(folder).discovery
    assert len(given) == 64
    write_school(folder, replace(read_school(folder), discovery=""))
    duties = duties_of(lambda: found, client)
    check_ins = CheckIns(folder, read_enrolment(folder), duties)
    assert check_ins.discovery == b""
    await check_ins.once()
    assert check_ins.discovery.hex() == read_school(folder).discovery == given
    signed = await mdm.sign_in(csr=new_request())
    heard = await mdm.http.post("/api/grants", headers=bearer(signed["token"]))
    assert heard.json()["discovery"] == given, "the teachers have the same"
