"""A device's check-ins against the real application: what it tells, and when."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace as replace_
from pathlib import Path

import httpx
import pytest
from msgspec import json
from msgspec.structs import replace
from sqlalchemy import select

from central_mdm.contract.fleet import Inventory
from central_mdm.contract.leaving import SignedReceipt
from central_mdm.fleet.model import devices, releases
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.central import Client
from device_bridge.agent.guard.enrolled import read_enrolment, read_school, write_school
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.leaving import Leaving, leave
from device_bridge.agent.guard.mdm import CheckIns, Duties, deliver_receipt, enrol
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.session.keeper import retry_pauses
from device_bridge.trust.identity import Identity
from tests.mdm import Mdm, bearer, new_request

pytestmark = pytest.mark.real_loop


Follow = Callable[[Sequence[str], str, str], None]


def duties_of(
    inventory: Callable[[], Inventory],
    client: Client,
    follow: Follow = lambda _, __, ___: None,
    renewing: Renewing | None = None,
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
        renewing=renewing,
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


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_certificate_near_its_end_is_renewed_by_a_check_in_and_a_released_device_leaves(
    mdm: Mdm, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    folder, found = Folder(tmp_path / "device"), Inventory("laptop")
    device = await enrol(folder, "http://mdm", mdm.sample["devices"][0]["code"], found, client)
    enrolled, taken = read_enrolment(folder), list[Identity]()
    renewing = Renewing(folder, enrolled, mdm.clock, taken.append)
    freed = list[bool]()
    duties = replace_(
        duties_of(lambda: found, client), renewing=renewing, freed=lambda: freed.append(True)
    )
    check_ins = CheckIns(folder, enrolled, duties)
    await check_ins.once()
    assert taken == []
    mdm.clock.at += 396 * 86_400 - 40 * 86_400
    await check_ins.once()
    (renewed,) = taken
    assert renewed.certificate.not_valid_after_utc.timestamp() == mdm.clock.at + 396 * 86_400
    assert read_enrolment(folder).identity.certificate == renewed.certificate
    await mdm.release(device)
    with pytest.raises(Leaving):
        await check_ins.once()
    assert freed == [True]

    async def deliver(receipt: SignedReceipt) -> None:
        for _ in range(2):  # the first answer was lost: told again it is no fault
            await deliver_receipt(folder, receipt, client)

    assert await leave(folder, mdm.clock, deliver)
    assert list(folder.root.iterdir()) == [folder.receipt]
    async with mdm.ground.database.reading(mdm.school) as connection:
        kept = (await connection.execute(select(releases.c.receipt))).scalar_one()
        assert kept == json.decode(folder.receipt.read_bytes(), type=SignedReceipt).receipt
        assert (await connection.execute(select(devices.c.id))).all() == []
