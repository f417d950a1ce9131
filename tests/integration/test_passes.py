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
from central_mdm.fleet.declaring import declare_policy
from central_mdm.fleet.model import devices, seen
from central_mdm.fleet.seen import Seen
from central_mdm.fleet.standing import standings
from central_mdm.fleet.telling import Telling, tellings
from central_mdm.platform.passes import DAY_SECONDS, NONCE_SECONDS
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import CheckIns, enrol, read_fleet
from device_bridge.trust.grants import sign
from tests.integration.test_check_ins import duties_of
from tests.mdm import Mdm, bearer

pytestmark = pytest.mark.real_loop


@asynccontextmanager
async def enrolled(mdm: Mdm, root: Path) -> AsyncGenerator[tuple[Folder, CheckIns, list[str]]]:
    """Enrol a device; yield its folder, its check-ins and the paths that it asks."""

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield mdm.http

    folder, found, asked = Folder(root / "device"), Inventory("laptop"), list[str]()
    await enrol(folder, "http://mdm", mdm.sample["devices"][0]["code"], found, client)

    async def listen(request: httpx.Request) -> None:
        asked.append(request.url.path)

    mdm.http.event_hooks["request"].append(listen)
    yield folder, CheckIns(folder, read_enrolment(folder), duties_of(lambda: found, client)), asked


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

        async def show(
            key: Ed25519PrivateKey, said: KeyShown, school: str = mdm.school
        ) -> httpx.Response:
            public = key.public_key().public_bytes_raw().hex()
            proof = {"school": school, "key": public, "proof": sign(said, PROOF_TYPE, key)}
            return await mdm.http.post("/api/proofs", json=proof)

        mine, said = who.identity.key, KeyShown(mdm.school, who.device, nonce)
        assert (await show(mine, said)).status_code == 200
        stranger = await show(Ed25519PrivateKey.generate(), said)
        assert (stranger.status_code, stranger.json()["code"]) == (403, "another-key")
        neighbour = KeyShown(mdm.school, mdm.sample["devices"][1]["device"], nonce)
        assert (await show(mine, neighbour)).json()["code"] == "another-key"
        assert (await show(mine, said, "school-2")).json()["code"] == "forged"
        assert (await show(mine, KeyShown(mdm.school, who.device, "x"))).status_code == 401
        mdm.clock.at += NONCE_SECONDS + 1
        old = await show(mine, said)
        assert (old.status_code, old.json()["code"]) == (401, "unproven")
        assert old.headers["replay-nonce"] != nonce


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
async def test_the_role_that_gathers_shows_nothing_to_whoever_is_its_member(mdm: Mdm) -> None:
    """The server is a member of that role, to make its functions; SQLite has no roles."""
    async with mdm.ground.database.gathering() as connection:
        rows = (await connection.execute(select(devices.c.id))).all()
    assert rows == []


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
