"""A device is known by a pass for a day, and gets the next by its key; on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import json as mjson
from sqlalchemy import insert, select

from central_mdm.contract.fleet import PROOF_TYPE, CheckIn, Inventory, KeyShown
from central_mdm.fleet.certified import Certified, certificates_of, certified
from central_mdm.fleet.declaring import declare_policy
from central_mdm.fleet.groups import hold_devices
from central_mdm.fleet.model import devices, inventories, seen
from central_mdm.fleet.proving import new_pass
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.standing import standings
from central_mdm.fleet.telling import Telling, tellings
from central_mdm.identity.model import certificates, revocations
from central_mdm.identity.revocation import end_device
from central_mdm.platform.passes import DAY_SECONDS, NONCE_SECONDS, is_fresh, new_nonce
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import CheckIns, enrol, read_fleet
from device_bridge.trust.grants import sign
from tests.integration.test_check_ins import duties_of
from tests.mdm import Mdm, bearer

pytestmark = pytest.mark.real_loop
FOUND = Inventory("laptop")


@asynccontextmanager
async def enrolled(mdm: Mdm, root: Path) -> AsyncGenerator[tuple[Folder, CheckIns, list[str]]]:
    """Enrol a device; yield its folder, its check-ins and the paths that it asks."""

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    folder, asked = Folder(root / "device"), list[str]()
    await enrol(folder, "http://mdm", mdm.sample["devices"][0]["code"], FOUND, client)
    yield folder, coming(mdm, folder, asked), asked


def coming(mdm: Mdm, folder: Folder, asked: list[str]) -> CheckIns:
    """Have an enrolled device come; into `asked` go the paths that it asks."""

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    async def listen(request: httpx.Request) -> None:
        asked.append(request.url.path)

    mdm.http.event_hooks["request"].append(listen)
    return CheckIns(folder, read_enrolment(folder), duties_of(lambda: FOUND, client))


async def show(
    mdm: Mdm, key: Ed25519PrivateKey, said: KeyShown, school: str = ""
) -> httpx.Response:
    """Show a key at a school, at ours where none is named."""
    public = key.public_key().public_bytes_raw().hex()
    proof = {"school": school or mdm.school, "key": public, "proof": sign(said, PROOF_TYPE, key)}
    return await mdm.http.post("/api/proofs", json=proof)


def token_of(folder: Folder) -> str:
    kept = read_fleet(folder)
    assert kept is not None
    return kept.token


async def test_a_device_shows_its_key_once_a_day_and_not_again(mdm: Mdm, tmp_path: Path) -> None:
    async with enrolled(mdm, tmp_path) as (folder, check_ins, asked):
        first = token_of(folder)
        await check_ins.once()
        assert asked == ["/api/check-in"]
        mdm.clock.at += DAY_SECONDS
        for _ in range(2):
            await check_ins.once()
        shown = ["/api/check-in", "/api/proofs", "/api/check-in"]
        assert asked[1:] == [*shown, "/api/check-in"]
        assert token_of(folder) != first
        late = await mdm.http.post("/api/check-in", json={}, headers=bearer(first))
        assert (late.status_code, late.json()["code"]) == (401, "unproven")


async def test_a_pass_that_was_given_while_the_clock_was_ahead_is_none_once_it_is_right(
    mdm: Mdm, tmp_path: Path
) -> None:
    ahead = 730 * DAY_SECONDS
    async with enrolled(mdm, tmp_path) as (folder, _, __):
        mdm.clock.at += ahead
        given = bearer(await mdm.passed(read_enrolment(folder).device))
        assert (await mdm.http.post("/api/check-in", json={}, headers=given)).is_success
        mdm.clock.at -= ahead
        answer = await mdm.http.post("/api/check-in", json={}, headers=given)
        assert (answer.status_code, answer.json()["code"]) == (401, "unproven")


async def test_only_the_certified_key_and_a_fresh_nonce_make_a_pass(
    mdm: Mdm, tmp_path: Path
) -> None:
    async with enrolled(mdm, tmp_path) as (folder, _, __):
        who = read_enrolment(folder)
        spent = bearer(f"p.AAAA.{mdm.school}")
        refused = await mdm.http.post("/api/check-in", json={}, headers=spent)
        nonce = refused.headers["replay-nonce"]
        mine, said = who.identity.key, KeyShown(mdm.school, who.device, nonce)
        assert (await show(mdm, mine, said)).status_code == 200
        stranger = await show(mdm, Ed25519PrivateKey.generate(), said)
        assert (stranger.status_code, stranger.json()["code"]) == (403, "another-key")
        others = mdm.sample["devices"][1]["device"], "dev-of-nobody"
        for other in others:  # nor is it told whether there is such a device
            answer = await show(mdm, mine, KeyShown(mdm.school, other, nonce))
            assert answer.content == stranger.content
        assert (await show(mdm, mine, said, "school-2")).json()["code"] == "forged"
        assert (await show(mdm, mine, KeyShown(mdm.school, who.device, "x"))).status_code == 401
        elsewhere = KeyShown("school-2", who.device, nonce)
        assert (await show(mdm, mine, elsewhere, "school-2")).content == stranger.content
        mdm.clock.at += NONCE_SECONDS + 1
        old = await show(mdm, mine, said)
        assert (old.status_code, old.json()["code"]) == (401, "unproven")
        assert old.headers["replay-nonce"] != nonce
        fresh = KeyShown(mdm.school, who.device, old.headers["replay-nonce"])
        assert (await show(mdm, mine, fresh)).status_code == 200
        await end_device(mdm.ground, mdm.school, who.device)
        assert (await show(mdm, mine, fresh)).content == stranger.content


async def test_who_shows_a_key_without_a_pause_is_held_back_alone(mdm: Mdm, tmp_path: Path) -> None:
    async with enrolled(mdm, tmp_path) as (folder, _, __):
        who, teacher = read_enrolment(folder), await mdm.as_teacher()
        nonce = new_nonce(mdm.ground.keys.passes(), mdm.clock())
        said = KeyShown(mdm.school, who.device, nonce)
        answers = [await show(mdm, who.identity.key, said) for _ in range(25)]
        refused = [each for each in answers if each.status_code == 429]
        assert len(refused) == 5
        assert all(int(each.headers["retry-after"]) > 0 for each in refused)
        assert (await mdm.http.get("/api/scopes", headers=teacher)).is_success
        mdm.clock.at += 60
        assert (await show(mdm, who.identity.key, said)).is_success


async def test_the_door_refuses_by_the_words_of_the_rooms(mdm: Mdm) -> None:
    """A check-in is refused at the door, a receipt by the rooms: who asks cannot tell which."""
    for agent, kind in (("python-httpx/0.28.1", "json"), ("Pupitre/2", "problem+json")):
        headers = {**bearer(f"p.AAAA.{mdm.school}"), "user-agent": agent}
        answers = [
            await mdm.http.post(f"/api/{path}", json={}, headers=headers)
            for path in ("check-in", "receipts")
        ]
        for answer in answers:
            assert answer.status_code == 401
            assert answer.headers["content-type"] == f"application/{kind}"
            assert is_fresh(mdm.ground.keys.passes(), answer.headers["replay-nonce"], mdm.clock())
        assert answers[0].content == answers[1].content
        assert answers[0].headers.keys() == answers[1].headers.keys()
    for spoilt in ("p.AAAA.", f"p.{'A' * 400}.{mdm.school}"):
        answer = await mdm.http.post("/api/check-in", json={}, headers=bearer(spoilt))
        assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")


async def test_a_device_that_checks_in_without_a_pause_is_held_to_a_few_a_minute(
    mdm: Mdm, tmp_path: Path
) -> None:
    async with enrolled(mdm, tmp_path) as (folder, check_ins, _):
        await check_ins.once()
        headers, told = bearer(token_of(folder)), {"inventory_hash": ""}
        told |= mjson.decode(mjson.encode(CheckIn(inventory=Inventory("laptop"))))
        answers = [
            await mdm.http.post("/api/check-in", json=told, headers=headers) for _ in range(70)
        ]
        refused = [each for each in answers if each.status_code == 429]
        assert len(refused) >= 10
        assert {each.json()["code"] for each in refused} == {"too-many-requests"}
        assert all(int(each.headers["retry-after"]) > 0 for each in refused)
        mdm.clock.at += 120
        assert (await mdm.http.post("/api/check-in", json=told, headers=headers)).is_success


async def test_a_pass_is_good_for_its_own_school_only(mdm: Mdm, tmp_path: Path) -> None:
    async with enrolled(mdm, tmp_path) as (folder, _, __):
        mine = token_of(folder)
        assert (await mdm.http.post("/api/check-in", json={}, headers=bearer(mine))).is_success
        moved = f"{mine.rpartition('.')[0]}.school-2"
        for forged in (moved, f"{mine[:-20]}A{mine[-19:]}", f"p..{mdm.school}"):
            answer = await mdm.http.post("/api/check-in", json={}, headers=bearer(forged))
            assert answer.status_code == 401, forged


async def test_what_is_gathered_joins_school_and_device_and_no_other_pair(mdm: Mdm) -> None:
    """Two schools have a device of the same name: each pair finds its own row, or none."""
    twins = {mdm.school: "a" * 64, "school-2": "b" * 64}
    for school, token_hash in twins.items():
        row = {"school": school, "id": "twin", "token_hash": token_hash, "enrolled_at": 1}
        async with mdm.ground.database.writing(school) as connection:
            await connection.execute(insert(devices).values(row))
            await connection.execute(
                insert(devices).values({**row, "id": f"only-{school}", "token_hash": school})
            )
    standing, gathered = standings(mdm.ground.database), Seen(mdm.ground.database)
    told, inventory = tellings(mdm.ground.database), Inventory("laptop")
    pairs = [*((school, "twin") for school in twins), ("school-2", f"only-{mdm.school}")]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.run()) for each in (standing, told)]
        found = await asyncio.gather(*(standing.ask(pair) for pair in pairs))
        for school, device in pairs:
            tells = CheckIn(policy_state=school, inventory_hash=school, inventory=inventory)
            await told.ask(Telling(school, device, tells, 7))
        for each in running:
            each.cancel()
    assert [each.token_hash if each else "" for each in found] == [*twins.values(), ""]
    for school in twins:
        async with mdm.ground.database.reading(school) as connection:
            wanted = select(devices.c.id, devices.c.inventory_hash).where(
                devices.c.school == school, devices.c.inventory_hash != ""
            )
            assert (await connection.execute(wanted)).all() == [("twin", school)]
    for number, school in enumerate(twins):
        gathered.touch(school, "twin", 100 + number)
    assert await gathered.flush() == 2
    for number, school in enumerate(twins):
        async with mdm.ground.database.reading(school) as connection:
            rows = (await connection.execute(select(seen).where(seen.c.school == school))).all()
        assert [tuple(row) for row in rows] == [(school, "twin", 100 + number)]


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_who_holds_one_device_keeps_no_other_schools_report_waiting(mdm: Mdm) -> None:
    told = {"policy_state": "failed", "inventory_hash": "d" * 64, "inventory": {"kind": "tablet"}}
    for school in ("held", "free"):
        row = {"school": school, "id": "twin", "token_hash": "c" * 64, "enrolled_at": 1}
        async with mdm.ground.database.writing(school) as connection:
            await connection.execute(insert(devices).values(row))

    async def tell(school: str) -> httpx.Response:
        headers = bearer(new_pass(mdm.ground, school, "twin", "c" * 64).token)
        return await mdm.http.post("/api/check-in", json=told, headers=headers)

    async def kept(school: str) -> list[tuple[object, ...]]:
        async with mdm.ground.database.reading(school) as connection:
            its = inventories.c.device == devices.c.id
            wanted = select(devices.c.policy_state, inventories.c.hash).join(inventories, its)
            found = await connection.execute(wanted.where(devices.c.school == school))
            return [tuple(row) for row in found]

    async with mdm.ground.database.writing("held") as connection:
        await hold_devices(connection, "held", devices.c.id == "twin")
        refused, answered = await asyncio.gather(tell("held"), tell("free"))
    assert (answered.status_code, await kept("free")) == (200, [("failed", "d" * 64)])
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) > 0
    assert await kept("held") == []
    assert (await tell("held")).is_success
    assert await kept("held") == await kept("free")


async def test_keys_that_are_gathered_are_each_schools_own_whatever_their_names(mdm: Mdm) -> None:
    """Two schools have a device of the same name, and one key; one of them has ended it."""
    schools = (mdm.school, "school-2")
    for school in schools:
        row = {"school": school, "id": "twin", "token_hash": school, "enrolled_at": 1}
        mine = {"school": school, "role": "device", "party": "twin"}
        made = [
            {"serial": "1", "thumbprint": "b" * 64, "ends_at": 9, "rank": 0},
            {"serial": "2", "thumbprint": school, "ends_at": 1, "rank": 10},
            {"serial": "3", "thumbprint": "c" * 64, "ends_at": 99, "rank": 99, "role": "teacher"},
            {"serial": "4", "thumbprint": "e" * 64, "ends_at": 99, "rank": 99, "party": "other"},
        ]
        async with mdm.ground.database.writing(school) as connection:
            await connection.execute(insert(devices).values(row))
            await connection.execute(
                insert(devices).values({**row, "id": "bare", "token_hash": ""})
            )
            await connection.execute(insert(certificates), [mine | each for each in made])
            ended = {"school": school, "thumbprint": schools[1], "ends_at": 9}
            await connection.execute(insert(revocations).values(ended))
    gathered = certificates_of(mdm.ground.database)
    names = ("twin", "bare", "nobody")
    pairs = [(school, device) for school in schools for device in names]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(gathered.run())
        found = await asyncio.gather(*(gathered.ask(pair) for pair in pairs))
        running.cancel()
    bare = Certified("", "", ended=False)
    assert found == [
        *(Certified(schools[0], schools[0], ended=False), bare, None),
        *(Certified(schools[1], schools[1], ended=True), bare, None),
    ]
    for school, device in pairs:
        async with mdm.ground.database.reading(school) as connection:
            alone = await certified(connection, school, device)
        assert alone == found[pairs.index((school, device))]


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_the_role_that_gathers_shows_nothing_to_whoever_is_its_member(mdm: Mdm) -> None:
    """The server is a member of that role, to make its functions; SQLite has no roles."""
    async with mdm.ground.database.gathering() as connection:
        for column in (devices.c.id, certificates.c.serial, revocations.c.thumbprint):
            assert (await connection.execute(select(column))).all() == []


async def test_what_is_wanted_anew_is_told_to_a_device_that_is_idle_otherwise(
    mdm: Mdm, tmp_path: Path
) -> None:
    async with enrolled(mdm, tmp_path) as (folder, _, __):
        headers = bearer(token_of(folder))
        told = {"policy_state": "", "inventory_hash": "aa", "wanted": 1}
        told |= {"assignment_version": mdm.clock.at}
        first = {**told, "inventory": {"kind": "laptop"}}
        await mdm.http.post("/api/check-in", json=first, headers=headers)

        async def heard() -> set[str]:
            return set((await mdm.http.post("/api/check-in", json=told, headers=headers)).json())

        assert await heard() == {"next_check_in_seconds", "head_count"}
        await declare_policy(mdm.ground, mdm.school, 120, "sea")
        assert await heard() == {"next_check_in_seconds", "head_count", "wanted", "urgent"}
