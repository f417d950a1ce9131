"""A device's check-ins against the real application: what it tells, and when."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace as replace_
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import json
from msgspec.structs import replace
from sqlalchemy import insert, select

from central_mdm.contract.fleet import Inventory, Policy
from central_mdm.contract.leaving import SignedReceipt
from central_mdm.fleet.ended import end_person
from central_mdm.fleet.model import devices, policies, releases
from central_mdm.identity.revocation import end_device
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.central import SOONEST_SECONDS, Client
from device_bridge.agent.guard.enrolled import read_enrolment, read_school, write_school
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.agent.guard.leaving import Leaving, leave
from device_bridge.agent.guard.mdm import CheckIns, Duties, deliver_receipt, enrol, read_fleet
from device_bridge.agent.guard.renewing import Renewing
from device_bridge.session.keeper import retry_pauses
from device_bridge.trust.identity import Identity, thumbprint
from device_bridge.trust.revocation import DenyLists
from tests.enrolled import DEVICE, folder_of
from tests.guards import Hands, guard_in
from tests.mdm import Mdm, bearer, new_request, request_by
from tests.restored import forget_who_was_ended
from tests.school import SmallSchool

pytestmark = pytest.mark.real_loop


def overheard(mdm: Mdm, word: bytes) -> list[bool]:
    """Say of each request whether the word is in it."""
    told: list[bool] = []

    async def listen(request: httpx.Request) -> None:
        told.append(word in request.content)

    mdm.http.event_hooks["request"].append(listen)
    return told


NONE = DenyLists(SmallSchool().school)
Follow = Callable[[Sequence[str], str, str], None]


def duties_of(
    inventory: Callable[[], Inventory],
    client: Client,
    follow: Follow = lambda _, __, ___: None,
    renewing: Renewing | None = None,
    lists: DenyLists | None = None,
) -> Duties:
    """Do what a check-in asks; where no `lists` are given, none that comes is taken."""

    def deny(token: str) -> None:
        if lists is not None:
            lists.take(token)

    return Duties(
        ground=GroundHere(lambda: 1000.0, 0.0),
        deny=deny,
        deny_lists=lambda: lists or NONE,
        inventory=inventory,
        apply=lambda _: "",
        follow=follow,
        pauses=lambda: retry_pauses(1.0, 1.0, lambda: 1.0),
        client=client,
        renewing=renewing,
        spread=lambda: 1.0,
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


async def test_whom_a_server_set_back_to_a_copy_has_forgotten_a_device_tells_it_and_still_refuses(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    key = Ed25519PrivateKey.generate()
    await mdm.sign_in(csr=request_by(key))
    folder, found = Folder(tmp_path / "device"), Inventory("laptop")
    await enrol(folder, "http://mdm", mdm.sample["devices"][0]["code"], found, client)
    enrolment = read_enrolment(folder)
    lists = DenyLists(enrolment.school)
    duties = duties_of(lambda: found, client, lists=lists)
    check_ins = CheckIns(folder, enrolment, duties)
    brought = overheard(mdm, b"lost_list")
    ended = await end_person(mdm.ground, mdm.school, "t-lambert")
    await check_ins.once()
    assert (lists.denied.number, lists.denied.keys) == (ended, {thumbprint(key.public_key())})
    await forget_who_was_ended(mdm)
    mdm.clock.at += 60
    shorter = await end_device(mdm.ground, mdm.school, enrolment.device)
    assert await check_ins.once() == SOONEST_SECONDS, "it is to bring its list, and at once"
    assert lists.denied.number == ended, "which it would not have any more"
    mdm.clock.at += 1
    await check_ins.once()
    assert lists.denied.number == mdm.clock.at > shorter
    ours = (one.public_key() for one in (key, enrolment.identity.key))
    assert lists.denied.keys == set(map(thumbprint, ours))
    assert not lists.denied.forgotten.until, "the school's own list names them again"
    await check_ins.once()
    assert brought == [False, False, True, False], "once is enough"
    assert "ended again" in caplog.messages
    caplog.clear()


async def test_a_list_that_no_school_has_signed_changes_nothing_and_ends_no_check_in(
    mdm: Mdm,
) -> None:
    asked = {"csr": new_request(), "inventory": {"kind": "laptop"}}
    code = mdm.sample["devices"][0]["code"]
    enrolled = await mdm.http.post("/api/enrolments", json={"code": code, **asked})
    token = enrolled.json()["token"]
    told = {"deny_list": 7, "lost_list": SmallSchool().deny_list(7)}
    for more, wanted in (({}, True), (told, False)):
        asked = {"deny_list": 7, **more}
        answer = await mdm.http.post("/api/check-in", json=asked, headers=bearer(token))
        assert answer.status_code == 200, answer.text
        assert answer.json().get("want_list", False) == wanted
    answer = await mdm.http.post("/api/check-in", json={"deny_list": 7}, headers=bearer(token))
    assert "deny_list" not in answer.json()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_is_refused_or_spoilt_keeps_nothing_else_of_a_check_in_back(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    guard = guard_in(tmp_path / "device", Hands())
    folder, found = guard.folder, Inventory("laptop")
    await enrol(folder, "http://mdm", mdm.sample["devices"][0]["code"], found, client)
    enrolled = read_enrolment(folder)
    guard.witness.introduce(enrolled, guard.ground.floor)
    strange = DenyLists(SmallSchool().school)
    duties = replace_(duties_of(lambda: found, client, lists=strange), witness=guard.witness)
    check_ins = CheckIns(folder, enrolled, duties)
    await check_ins.once()
    await end_person(mdm.ground, mdm.school, "t-keller")
    policy = Policy(mdm.clock.at + 9, 77)
    row = {"version": policy.version, "screen_timeout_seconds": 77, "wallpaper": ""}
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(policies).values(school=mdm.school, **row))
    folder.heads.unlink(missing_ok=True)
    folder.heads.mkdir()  # as a sector that cannot be read any more
    await check_ins.once()
    kept = read_fleet(folder)
    assert kept is not None
    assert kept.policy == policy
    assert "statement refused" in caplog.messages
    caplog.clear()


async def comes_to_nobody(folder: Folder, so: Callable[[], bool]) -> CheckIns:
    """Start anew, and come to a server that is not there, until it is so."""

    @asynccontextmanager
    async def nobody() -> AsyncGenerator[httpx.AsyncClient]:
        async with httpx.AsyncClient(proxy="http://127.0.0.1:9", trust_env=False) as http:
            yield http

    duties = replace_(duties_of(lambda: Inventory("laptop"), nobody), pace=0.0)
    duties = replace_(duties, pauses=lambda: retry_pauses(0.01, 0.01, lambda: 1.0))
    check_ins = CheckIns(folder, read_enrolment(folder), duties)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        coming = group.create_task(check_ins.run())
        while not so():  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0.01)
        coming.cancel()
    return check_ins


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_did_not_meet_the_mdm_before_it_was_switched_off_tells_apps_when_it_starts(
    mdm: Mdm, tmp_path: Path
) -> None:
    """A device that is on for a lesson only would else wait for an hour each time, and never tell.

    Apps bring their own when they link, which is in the first minute of a lesson.
    """

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    folder, code = Folder(tmp_path / "device"), mdm.sample["devices"][0]["code"]
    await enrol(folder, "http://mdm", code, Inventory("laptop"), client)
    first = await comes_to_nobody(folder, lambda: b'"away":true' in folder.fleet.read_bytes())
    assert first.meets(), "it may be there in a moment"
    duties = duties_of(lambda: Inventory("laptop"), client)
    second = CheckIns(folder, read_enrolment(folder), duties)
    assert not second.meets()
    await second.once()
    assert second.meets()
    assert CheckIns(folder, read_enrolment(folder), duties).meets()


async def test_a_spoilt_address_of_the_mdm_ends_no_agent_and_apps_are_told_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    school = SmallSchool()
    folder = folder_of(tmp_path / "device", school, school.identity("device", DEVICE))
    folder.fleet.write_bytes(b"no json")
    come = await comes_to_nobody(folder, lambda: caplog.messages.count("check-in failed") > 1)
    assert not come.meets()
