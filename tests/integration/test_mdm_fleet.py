"""Enrolment and check-in; on SQLite and on PostgreSQL."""

import asyncio

import httpx
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc import jws
from msgspec import json
from sqlalchemy import event, func, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from central_mdm.app import join
from central_mdm.contract.grants import Assignment
from central_mdm.contract.roster import ClassRow, DeviceRow
from central_mdm.fleet import seen as seeing
from central_mdm.fleet.declaring import declare_policy
from central_mdm.fleet.enrolment import Code, make_code, revoke_code
from central_mdm.fleet.house_rules import HouseRules, keep_house_rules
from central_mdm.fleet.model import devices, inventories, seen
from central_mdm.fleet.seen import ROWS_A_STATEMENT, Seen
from central_mdm.identity.certificates import key_of_request, thumbprint_of
from central_mdm.platform.errors import Malformed
from central_mdm.platform.pace import INTERVAL_SECONDS, next_check_in
from central_mdm.platform.readiness import Readiness
from central_mdm.roster.feed import publish
from central_mdm.roster.rules import put_class, put_device, remove_device
from tests.mdm import Mdm, bearer, new_request
from tests.two_users import until

pytestmark = pytest.mark.real_loop


async def enrol(mdm: Mdm, code: str, csr: str = "") -> httpx.Response:
    asked = {"code": code, "csr": csr or new_request(), "inventory": {"kind": "laptop"}}
    return await mdm.http.post("/api/enrolments", json=asked)


async def class_code(mdm: Mdm, uses: int = 3) -> str:
    async with mdm.ground.database.writing(mdm.school) as connection:
        code = Code("5B", mdm.clock.at + 3600, uses)
        await make_code(connection, mdm.school, "ABCD-EFGH-JKLM", code, mdm.clock.at)
    return "abcdefgh jklm"  # as somebody types it


async def test_a_device_of_the_roster_gets_its_known_id_and_papers(mdm: Mdm) -> None:
    entry = mdm.sample["devices"][2]
    answer = await enrol(mdm, entry["code"])
    enrolled = answer.json()
    assert enrolled["device"] == entry["device"]
    leaf = x509.load_pem_x509_certificate(enrolled["certificate"].encode())
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(enrolled["root"].encode()))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (uri,) = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uri == f"pupitre://{mdm.school}/device/{entry['device']}"
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
    payload = jws.extract_compact(enrolled["assignment"].encode()).payload
    assignment = json.decode(payload, type=Assignment)
    assert (assignment.device, assignment.classes) == (entry["device"], ("5B",))


async def test_a_code_for_one_device_is_good_once_even_for_two_at_once(mdm: Mdm) -> None:
    code = mdm.sample["devices"][0]["code"]
    answers = await asyncio.gather(*(enrol(mdm, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403, 403]


async def test_a_device_that_never_heard_the_answer_may_ask_again_with_its_key(mdm: Mdm) -> None:
    entry, csr = mdm.sample["devices"][0], new_request()
    first, second = [(await enrol(mdm, entry["code"], csr)).json() for _ in range(2)]
    assert first["device"] == second["device"]
    used = await mdm.http.post("/api/check-in", json={}, headers=bearer(first["token"]))
    assert used.status_code == 401  # the newer token is the one
    fine = await mdm.http.post("/api/check-in", json={}, headers=bearer(second["token"]))
    assert fine.status_code == 200


async def test_a_code_of_another_device_or_class_is_refused_to_whoever_is_enrolled_and_not_spent(
    mdm: Mdm,
) -> None:
    (one, other), csr = mdm.sample["devices"][:2], new_request()
    first = (await enrol(mdm, one["code"], csr)).json()
    headers = bearer(first["token"])
    async with mdm.ground.database.writing(mdm.school) as connection:
        await put_class(connection, mdm.school, ClassRow("6eB", "6e B"), mdm.clock.at)
        made = Code("6eB", mdm.clock.at + 3600)
        await make_code(connection, mdm.school, "WXYZ-WXYZ-WXYZ", made, mdm.clock.at)
    for code, names in ((other["code"], f"device {other['device']}"), ("WXYZWXYZWXYZ", "6e B")):
        refused = await enrol(mdm, code, csr)
        assert (refused.status_code, refused.json()["code"]) == (403, "other-place")
        is_ = f"This device is {one['device']} (class: 5e B), and the code is for {names}. "
        assert refused.json()["detail"].startswith(is_)
        assert (await mdm.http.post("/api/check-in", json={}, headers=headers)).is_success
        assert (await enrol(mdm, code)).is_success, "no use is spent"
    own = await class_code(mdm, uses=1)
    again = [(await enrol(mdm, code, csr)).json()["device"] for code in (own, one["code"])]
    assert again == [one["device"]] * 2, "each names its own place"
    assert (await enrol(mdm, own)).is_success


async def test_a_paired_device_keeps_its_class_by_whatever_class_code_and_may_ask_again(
    mdm: Mdm,
) -> None:
    csr = new_request()
    paired = f"d-{thumbprint_of(key_of_request(csr))[:24]}"
    async with mdm.ground.database.writing(mdm.school) as connection:
        await put_class(connection, mdm.school, ClassRow("6eB", "6e B"), mdm.clock.at)
        row = DeviceRow(paired, "6eB", "Tablet 1", "linux")
        await put_device(connection, mdm.school, row, mdm.clock.at)
    code = await class_code(mdm, uses=1)
    for _ in range(2):
        answer = (await enrol(mdm, code, csr)).json()
        payload = jws.extract_compact(answer["assignment"].encode()).payload
        assert json.decode(payload, type=Assignment).classes == ("6eB",)
        assert answer["device"] == paired
    assert (await enrol(mdm, code)).status_code == 403, "one use is spent, and no second"


async def test_a_class_code_counts_ends_and_can_be_revoked(mdm: Mdm) -> None:
    code = await class_code(mdm, uses=2)
    assert [(await enrol(mdm, code)).status_code for _ in range(3)] == [200, 200, 403]
    mdm.clock.at += 3601
    other = mdm.sample["devices"][0]["code"]
    assert (await enrol(mdm, other)).status_code == 200  # that one lasts longer
    async with mdm.ground.database.writing(mdm.school) as connection:
        assert await revoke_code(connection, mdm.school, mdm.sample["devices"][1]["code"])
    assert (await enrol(mdm, mdm.sample["devices"][1]["code"])).status_code == 403
    assert (await enrol(mdm, "NOSUCHCODE")).json()["code"] == "bad-code"


async def test_a_code_made_while_the_clock_was_ahead_is_none_once_it_is_right(mdm: Mdm) -> None:
    ahead = 730 * 86_400
    mdm.clock.at += ahead
    code = await class_code(mdm)
    mdm.clock.at -= ahead
    assert (await enrol(mdm, code)).status_code == 403, "on a slip that somebody has kept"
    async with mdm.ground.database.writing(mdm.school) as connection:
        made = Code("5B", mdm.clock.at + 3600)
        await make_code(connection, mdm.school, "ABCD-EFGH-WXYZ", made, mdm.clock.at)
    assert (await enrol(mdm, "ABCD-EFGH-WXYZ")).is_success


async def test_an_idle_check_in_is_one_read_and_no_write(mdm: Mdm) -> None:
    enrolled = (await enrol(mdm, mdm.sample["devices"][0]["code"])).json()
    headers = bearer(enrolled["token"])
    policy = {"policy_version": mdm.clock.at, "policy_state": "applied"}
    told = {**policy, "assignment_version": mdm.clock.at, "inventory_hash": "aa"}
    with_inventory = {**told, "inventory": {"kind": "laptop", "model": "T14"}}
    first = await mdm.http.post("/api/check-in", json=with_inventory, headers=headers)
    assert first.status_code == 200
    said: list[str] = []

    def heard(_: Connection, __: object, statement: str, *___: object) -> None:
        said.append(statement)

    event.listen(mdm.ground.database.engine.sync_engine, "before_cursor_execute", heard)
    idle = await mdm.http.post("/api/check-in", json=told, headers=headers)
    quiet = {"BEGIN", "BEGIN IMMEDIATE"}
    own = [line for line in said if line not in quiet and "set_config" not in line]
    assert len(own) == 1
    assert own[0].startswith("SELECT")
    assert set(idle.json()) == {"next_check_in_seconds", "head_count"}, "nothing is wanted"
    assert len(idle.content) <= 200


async def test_a_check_in_brings_policy_and_assignment_and_keeps_what_is_reported(
    mdm: Mdm,
) -> None:
    entry = mdm.sample["devices"][0]
    enrolled = (await enrol(mdm, entry["code"])).json()
    headers = bearer(enrolled["token"])
    policy = await declare_policy(mdm.ground, mdm.school, 120, "sea")
    async with mdm.ground.database.writing(mdm.school) as connection:
        news = await remove_device(connection, mdm.school, "5B", entry["device"], mdm.clock.at)
        await publish(connection, mdm.school, news)
    now = mdm.clock.at
    told = {"policy_version": now, "assignment_version": now, "inventory_hash": "bb"}
    answer = (await mdm.http.post("/api/check-in", json=told, headers=headers)).json()
    assert answer["policy"]["version"] == policy.version > now
    assert answer["want_inventory"]
    payload = jws.extract_compact(answer["assignment"].encode()).payload
    assert json.decode(payload, type=Assignment).classes == ()
    report = {
        "policy_version": policy.version,
        "policy_state": "failed",
        "policy_reason": "no wallpaper",
    }
    kept = {**told, **report, "inventory": {"kind": "laptop", "serial": "42"}}
    await mdm.http.post("/api/check-in", json=kept, headers=headers)
    mine = devices.c.id == entry["device"]
    async with mdm.ground.database.reading(mdm.school) as connection:
        row = (await connection.execute(select(devices).where(mine))).one()
        held = await connection.execute(
            select(inventories.c.body).where(inventories.c.device == entry["device"])
        )
    assert (row.policy_version, row.policy_state) == (policy.version, "failed")
    assert json.decode(held.scalar_one())["serial"] == "42"


async def test_when_each_was_seen_is_written_in_one_go(mdm: Mdm) -> None:
    gathered = Seen(mdm.ground.database)
    for number in range(700):
        gathered.touch(mdm.school, f"dev-{number}", mdm.clock.at)
        gathered.touch(mdm.school, f"dev-{number}", mdm.clock.at + 1)
    assert await gathered.flush() == 700
    gathered.touch(mdm.school, "dev-0", mdm.clock.at - 9)  # a late one never wins
    await gathered.flush()
    async with mdm.ground.database.reading(mdm.school) as connection:
        found = (await connection.execute(select(seen.c.seen_at))).scalars().all()
    assert set(found) == {mdm.clock.at + 1}
    assert len(found) == 700


async def test_when_each_was_seen_waits_for_a_database_that_fails_and_the_newest_wins(
    mdm: Mdm,
) -> None:
    gathered, at = Seen(mdm.ground.database), mdm.clock.at
    many = [f"dev-{number}" for number in range(ROWS_A_STATEMENT + 2)]

    async def rename(before: str, after: str) -> None:
        async with mdm.ground.database.writing("") as connection:
            await connection.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))

    for device in many:
        gathered.touch(mdm.school, device, at)
    await rename("fleet_seen", "fleet_away")
    with pytest.raises(SQLAlchemyError):
        await gathered.flush()
    await rename("fleet_away", "fleet_seen")
    gathered.touch(mdm.school, many[-1], at + 5)
    assert await gathered.flush() == len(many)
    async with mdm.ground.database.reading(mdm.school) as connection:
        found = (await connection.execute(select(seen.c.device, seen.c.seen_at))).all()
    assert {row.device: row.seen_at for row in found} == dict.fromkeys(many, at) | {
        many[-1]: at + 5
    }
    assert await gathered.flush() == 0


async def test_many_that_were_seen_are_written_without_hurry_and_at_the_end_at_once(
    mdm: Mdm,
) -> None:
    gathered = Seen(mdm.ground.database)
    for number in range(2 * ROWS_A_STATEMENT):
        gathered.touch(mdm.school, f"dev-{number}", mdm.clock.at)

    async def written() -> int:
        async with mdm.ground.database.reading(mdm.school) as connection:
            counted = select(func.count()).select_from(seen)
            return (await connection.execute(counted)).scalar_one()

    async with asyncio.TaskGroup() as tasks:
        spread = tasks.create_task(gathered.flush(600))
        await until(written)
        assert not spread.done()
        assert await written() == ROWS_A_STATEMENT
        spread.cancel()
    assert await gathered.flush() == ROWS_A_STATEMENT
    assert await written() == 2 * ROWS_A_STATEMENT


async def test_a_server_that_ends_while_it_spreads_what_it_saw_writes_all_of_it(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeing, "FLUSH_SECONDS", 1)
    app, door = join(mdm.ground, Readiness(mdm.ground))
    for number in range(4 * ROWS_A_STATEMENT):
        door.seen.touch(mdm.school, f"dev-{number}", mdm.clock.at)
    counted = select(func.count()).select_from(seen)

    async def written() -> int:
        async with mdm.ground.database.reading(mdm.school) as connection:
            return (await connection.execute(counted)).scalar_one()

    async with app.lifespan():
        await until(written)
    assert await written() == 4 * ROWS_A_STATEMENT


def test_a_fleet_that_wakes_at_once_comes_back_spread_over_the_interval() -> None:
    waits = [next_check_in(f"dev-{number}", 1_000_000) for number in range(9000)]
    assert min(waits) >= 30
    assert max(waits) <= INTERVAL_SECONDS + 30
    busiest = max(waits.count(second) for second in set(waits))
    assert busiest < 4 * 9000 / INTERVAL_SECONDS


async def test_a_placed_device_gets_a_higher_version_of_its_assignment(mdm: Mdm) -> None:
    code = await class_code(mdm)
    enrolled = (await enrol(mdm, code)).json()
    async with mdm.ground.database.writing(mdm.school) as connection:
        row = DeviceRow(enrolled["device"], "4A", "cart", "laptop")
        news = await put_device(connection, mdm.school, row, mdm.clock.at)
        await publish(connection, mdm.school, news)
    told = {"assignment_version": mdm.clock.at}
    headers = bearer(enrolled["token"])
    answer = (await mdm.http.post("/api/check-in", json=told, headers=headers)).json()
    payload = jws.extract_compact(answer["assignment"].encode()).payload
    newest = json.decode(payload, type=Assignment)
    assert newest.version > mdm.clock.at
    assert newest.classes == ("4A", "5B")


async def test_a_devices_next_check_in_brings_what_the_school_rules(mdm: Mdm) -> None:
    enrolled = (await enrol(mdm, await class_code(mdm))).json()
    before = json.decode(jws.extract_compact(enrolled["assignment"].encode()).payload)
    assert (before["networks"], before["gateways"], before["private_seconds"]) == ([], [], 0)
    rules = HouseRules(("10.7.1.9/16",), ("02-00-00-00-00-AB",), 600, 900)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_house_rules(connection, mdm.school, rules, mdm.clock.at)
        with pytest.raises(Malformed):
            await keep_house_rules(
                connection, mdm.school, HouseRules(("10.7.0.0/99",)), mdm.clock.at
            )
    headers = bearer(enrolled["token"])
    told = {"assignment_version": mdm.clock.at}
    answer = (await mdm.http.post("/api/check-in", json=told, headers=headers)).json()
    payload = jws.extract_compact(answer["assignment"].encode()).payload
    newest = json.decode(payload, type=Assignment)
    assert newest.networks == ("10.7.0.0/16",)
    assert (newest.gateways, newest.private_seconds) == (("02:00:00:00:00:ab",), 600)
    assert newest.close_seconds == 900


async def test_teachers_of_a_class_are_told_on_which_networks_its_devices_are(mdm: Mdm) -> None:
    entry = mdm.sample["devices"][0]
    headers = bearer((await enrol(mdm, entry["code"])).json()["token"])
    first, second = (
        {"kind": "laptop", "networks": each} for each in ("10.7.0.0/24", "10.9.0.0/16")
    )
    told = {"inventory_hash": "aa", "inventory": first}
    await mdm.http.post("/api/check-in", json=told, headers=headers)
    moved = {"inventory_hash": "bb", "inventory": second}
    await mdm.http.post("/api/check-in", json=moved, headers=headers)
    gathered = Seen(mdm.ground.database)
    gathered.touch(mdm.school, entry["device"], mdm.clock.at)
    await gathered.flush()
    mdm.clock.at += 90
    teacher = await mdm.as_teacher()
    answer = await mdm.http.get("/api/whereabouts?class=5B", headers=teacher)
    (told,) = answer.json()["devices"]
    assert told.pop("identity_ends_at") == mdm.clock.at - 90 + 396 * 86_400
    assert told == {"device": entry["device"], "seconds_ago": 90, "networks": "10.9.0.0/16"}
    foreign = await mdm.http.get("/api/whereabouts?class=no-such", headers=teacher)
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign-class")
    as_device = await mdm.http.get("/api/whereabouts?class=5B", headers=headers)
    assert as_device.status_code == 403


async def test_what_is_no_range_of_addresses_is_not_taken_for_a_network(mdm: Mdm) -> None:
    headers = bearer((await enrol(mdm, mdm.sample["devices"][0]["code"])).json()["token"])
    told = {"inventory_hash": "aa", "inventory": {"kind": "x", "networks": "FRITZ!Box Mueller"}}
    answer = await mdm.http.post("/api/check-in", json=told, headers=headers)
    assert answer.status_code == 400
