"""Who may do what, and whom the school ends: roles, substitutes, deny lists; on both databases."""

import asyncio
from base64 import b32decode
from logging import WARNING
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import json
from sqlalchemy import delete, select, update

from central_mdm.contract.grants import Assignment, DenyList, Grant
from central_mdm.contract.identity import Problem
from central_mdm.fleet.declaring import declare_policy
from central_mdm.fleet.ended import choose_role, end_person, keep_person, take_back
from central_mdm.fleet.model import policies
from central_mdm.identity.certificates import thumbprint_of
from central_mdm.identity.model import deny_lists, schools
from central_mdm.identity.people import Person, choose_password
from central_mdm.identity.revocation import end_device, end_grants, newest, publish_list
from central_mdm.identity.roles import ALL, DEFAULTS, choose_verbs
from central_mdm.identity.second_factor import STEP_SECONDS, code_at
from central_mdm.platform.errors import Malformed, Missing, Refused
from central_mdm.roster.feed import publish
from central_mdm.roster.model import devices
from central_mdm.roster.rules import give_class, remove_device, take_class
from device_bridge.trust.grants import read_assignment, read_deny_list, read_grant
from device_bridge.trust.identity import School
from tests.integration.test_mdm_register import waiting
from tests.mdm import Mdm, bearer, new_request, request_by
from tests.restored import forget_who_was_ended
from tests.school import spoilt
from tests.second_factors import apart

pytestmark = pytest.mark.real_loop
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
HOUR = 3600


def code(content: bytes) -> str:
    return json.decode(content, type=Problem).code


def school_of(signed: dict[str, Any]) -> School:
    return School.pin(signed["school"], signed["root"].encode())


async def granted(mdm: Mdm, login: str) -> Grant:
    """Sign in with a certificate and return what a device would read of the grant."""
    signed = await mdm.sign_in(login, csr=new_request())
    issued = await mdm.http.post("/api/grants", headers=bearer(signed["token"]))
    assert issued.status_code == 200, issued.text
    return read_grant(issued.json()["grant"], school_of(signed))


async def listed(mdm: Mdm, login: str, after: int = 0) -> DenyList | None:
    signed = await mdm.sign_in(login)
    answer = await mdm.http.get(f"/api/trust?deny_list={after}", headers=bearer(signed["token"]))
    statement = answer.json()["deny_list"]
    return read_deny_list(statement, school_of(signed)) if statement else None


async def test_who_is_ended_cannot_sign_in_and_all_keys_ever_had_are_on_the_list(mdm: Mdm) -> None:
    assert await listed(mdm, "keller") is None
    keys = [Ed25519PrivateKey.generate() for _ in range(2)]
    signed: dict[str, str] = {}
    for key in keys:
        signed = await mdm.sign_in(csr=request_by(key))
    assert await end_person(mdm.ground, mdm.school, "t-lambert") == mdm.clock.at
    told = await listed(mdm, "keller")
    assert told is not None
    assert set(told.keys) == {thumbprint_of(key.public_key()) for key in keys}
    assert (told.number, told.generation) == (mdm.clock.at, 0)
    assert await listed(mdm, "keller", after=mdm.clock.at) is None
    for path in ("/api/grants", "/api/refresh"):
        body = {"refresh": signed["refresh"]} if path == "/api/refresh" else None
        answer = await mdm.http.post(path, json=body, headers=bearer(signed["token"]))
        assert answer.status_code == 401
    password = mdm.sample["teachers"][0]["password"]
    asked = {"school": mdm.school, "login": "lambert", "password": password}
    answer = await mdm.http.post("/api/sign-in", json=asked)
    assert (answer.status_code, code(answer.content)) == (401, "wrong-password")
    with pytest.raises(Missing):
        await end_person(mdm.ground, mdm.school, "t-nobody")


async def test_a_stolen_device_is_on_the_list_until_its_certificate_would_have_ended(
    mdm: Mdm,
) -> None:
    device = mdm.sample["devices"][0]
    asked = {"code": device["code"], "csr": new_request(), "inventory": {"kind": "laptop"}}
    enrolled = (await mdm.http.post("/api/enrolments", json=asked)).json()
    key = x509.load_pem_x509_certificate(enrolled["certificate"].encode()).public_key()
    await end_device(mdm.ground, mdm.school, device["device"])
    told = await listed(mdm, "keller")
    assert told is not None
    assert told.keys == (thumbprint_of(key),)  # pyright: ignore[reportArgumentType] - Ed25519
    mdm.clock.at += 400 * 24 * HOUR
    assert await end_grants(mdm.ground, mdm.school) == mdm.clock.at
    told = await listed(mdm, "keller")
    assert told is not None
    assert (told.keys, told.generation) == ((), mdm.clock.at)
    with pytest.raises(Missing):
        await end_device(mdm.ground, mdm.school, "dev-nobody")


async def test_a_device_hears_of_a_newer_list_at_its_next_check_in(mdm: Mdm) -> None:
    asked = {"csr": new_request(), "inventory": {"kind": "laptop"}}
    code_ = mdm.sample["devices"][0]["code"]
    enrolled = (await mdm.http.post("/api/enrolments", json={"code": code_, **asked})).json()
    headers = bearer(enrolled["token"])

    async def check_in(number: int) -> str:
        answer = await mdm.http.post("/api/check-in", json={"deny_list": number}, headers=headers)
        return answer.json().get("deny_list", "")

    assert await check_in(0) == ""
    await mdm.sign_in(csr=new_request())
    await end_person(mdm.ground, mdm.school, "t-lambert")
    number = read_deny_list(await check_in(0), school_of(enrolled)).number
    assert number == mdm.clock.at
    assert await check_in(number) == ""


async def test_a_server_set_back_to_a_copy_numbers_above_all_that_devices_have_seen(
    mdm: Mdm,
) -> None:
    device = mdm.sample["devices"][0]["device"]
    mine = (devices.c.school == mdm.school, devices.c.id == device)
    version = select(devices.c.assignment_version).where(*mine)

    async def numbers() -> tuple[int, ...]:
        number = await end_grants(mdm.ground, mdm.school)
        generation = (await granted(mdm, "keller")).generation
        policy = await declare_policy(mdm.ground, mdm.school, 120, "")
        async with mdm.ground.database.writing(mdm.school) as connection:
            await remove_device(connection, mdm.school, "5B", device, mdm.clock.at)
            assignment = (await connection.execute(version)).scalar_one()
        return number, generation, policy.version, assignment

    async with mdm.ground.database.reading(mdm.school) as connection:
        copied = (await connection.execute(version)).scalar_one()
    mdm.clock.at += 60
    seen = await numbers()
    await forget_who_was_ended(mdm)
    async with mdm.ground.database.writing(mdm.school) as connection:  # as in the copy
        newer = (policies.c.school == mdm.school, policies.c.version >= mdm.clock.at)
        await connection.execute(delete(policies).where(*newer))
        back = update(devices).where(*mine).values(assignment_version=copied)
        await connection.execute(back)
    mdm.clock.at += 60
    assert all(new > old for new, old in zip(await numbers(), seen, strict=True))


async def test_a_device_that_knows_more_than_a_copy_serves_again_what_the_copy_says(
    mdm: Mdm,
) -> None:
    asked = {"csr": new_request(), "inventory": {"kind": "laptop"}}
    asked["code"] = mdm.sample["devices"][0]["code"]
    enrolled = (await mdm.http.post("/api/enrolments", json=asked)).json()

    async def check_in(version: int) -> str:
        told = {"assignment_version": version}
        answer = await mdm.http.post("/api/check-in", json=told, headers=bearer(enrolled["token"]))
        return answer.json().get("assignment", "")

    def read(token: str) -> Assignment:
        return read_assignment(token, school_of(enrolled), enrolled["device"])

    first = read(enrolled["assignment"])
    assert await check_in(first.version) == ""
    mdm.clock.at = first.version + 120
    again = read(await check_in(first.version + 90))
    assert (again.version, again.classes) == (mdm.clock.at, first.classes)
    assert await check_in(again.version) == ""


async def test_whom_a_server_set_back_to_a_copy_has_forgotten_to_end_any_app_brings_back(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    key = Ed25519PrivateKey.generate()
    await mdm.sign_in(csr=request_by(key))
    await end_grants(mdm.ground, mdm.school)
    mdm.clock.at += 1
    number = await end_person(mdm.ground, mdm.school, "t-lambert")
    signed = await mdm.sign_in("keller")
    headers = bearer(signed["token"])
    held = (await mdm.http.get("/api/trust", headers=headers)).json()["deny_list"]
    await forget_who_was_ended(mdm)
    mdm.clock.at += 60
    await end_grants(mdm.ground, mdm.school)  # its next list is the newest, and names nobody
    trust = f"/api/trust?deny_list={number}"
    assert (await mdm.http.get(trust, headers=headers)).json()["lost_list"]
    for wrong in ("x", spoilt(held)):
        answer = await mdm.http.post("/api/trust", json={"deny_list": wrong}, headers=headers)
        assert (answer.status_code, code(answer.content)) == (403, "foreign-list")
    mdm.clock.at += 1
    for _ in range(2):  # the second time is nothing new
        answer = await mdm.http.post("/api/trust", json={"deny_list": held}, headers=headers)
        assert answer.status_code == 204
    told = (await mdm.http.get(trust, headers=headers)).json()
    assert not told.get("lost_list")
    newest = read_deny_list(told["deny_list"], school_of(signed))
    assert newest.keys == (thumbprint_of(key.public_key()),)
    assert (newest.number, newest.generation) == (mdm.clock.at, mdm.clock.at - 1), "as it was told"
    assert [each.getMessage() for each in caplog.records if each.levelno >= WARNING] == [
        "ended again"
    ]
    caplog.clear()
    again = {"school": mdm.school, "login": "lambert", "password": "x"}
    assert (await mdm.http.post("/api/sign-in", json=again)).status_code == 401


async def test_a_list_that_is_brought_back_does_not_let_go_whom_the_school_has_ended_since(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    for login in ("lambert", "keller"):
        await mdm.sign_in(login, csr=new_request())
    await end_person(mdm.ground, mdm.school, "t-lambert")
    mdm.clock.at += 100
    async with mdm.ground.database.writing(mdm.school) as connection:
        number = await publish_list(connection, mdm.ground, mdm.school)
        brought = (await newest(connection, mdm.school)).statement
        lost = delete(deny_lists).where(deny_lists.c.number == number)
        await connection.execute(lost)  # as in a copy of before
    mdm.clock.at -= 50
    await end_person(mdm.ground, mdm.school, "t-keller")
    headers = bearer((await mdm.sign_in("sane"))["token"])
    answer = await mdm.http.post("/api/trust", json={"deny_list": brought}, headers=headers)
    assert answer.status_code == 204
    async with mdm.ground.database.reading(mdm.school) as connection:
        held = await newest(connection, mdm.school)
    assert held.number > number
    assert len(read_deny_list(held.statement, school_of(await mdm.sign_in("sane"))).keys) == 2
    caplog.clear()  # "ended again"


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_who_is_ended_while_a_list_that_ends_them_is_brought_back_is_ended(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    await mdm.sign_in(csr=new_request())
    await end_person(mdm.ground, mdm.school, "t-lambert")
    async with mdm.ground.database.reading(mdm.school) as connection:
        lost = (await newest(connection, mdm.school)).statement
    await forget_who_was_ended(mdm)
    mdm.clock.at += 60
    async with asyncio.TaskGroup() as group, mdm.ground.database.writing(mdm.school) as act:
        mine = select(schools.c.school).where(schools.c.school == mdm.school)
        await act.execute(mine.with_for_update())
        group.create_task(take_back(mdm.ground, mdm.school, lost))
        await waiting(mdm, 1)
        group.create_task(end_person(mdm.ground, mdm.school, "t-lambert"))
        await waiting(mdm, 2)
    caplog.clear()  # "ended again"
    again = {"school": mdm.school, "login": "lambert", "password": "x"}
    assert (await mdm.http.post("/api/sign-in", json=again)).status_code == 401


async def test_a_grant_says_under_which_list_and_generation_it_holds(mdm: Mdm) -> None:
    before = await granted(mdm, "keller")
    assert (before.generation, before.deny_list, before.role) == (0, 0, "teacher")
    await end_grants(mdm.ground, mdm.school)
    after = await granted(mdm, "keller")
    assert (after.generation, after.deny_list) == (mdm.clock.at, mdm.clock.at)


async def test_a_substitute_has_a_class_for_today_and_what_the_role_allows(mdm: Mdm) -> None:
    school, teacher = mdm.school, "t-keller"
    own = (await granted(mdm, "keller")).classes
    other = next(each for each in mdm.sample["class_ids"] if each not in own)
    await choose_role(mdm.ground, school, teacher, "substitute")
    until = mdm.clock.at + 8 * HOUR
    async with mdm.ground.database.writing(school) as connection:
        news = await give_class(connection, school, teacher, other, until)
        news += await give_class(connection, school, teacher, own[0], until)
        await publish(connection, school, news)
    grant = await granted(mdm, "keller")
    assert grant.classes == tuple(sorted((*own, other)))
    assert grant.ends_at == until
    assert (grant.role, grant.verbs) == ("substitute", DEFAULTS["substitute"])
    mdm.clock.at = until
    assert (await granted(mdm, "keller")).classes == own  # for good stays for good
    scopes = await mdm.http.get("/api/scopes", headers=await mdm.as_teacher("keller"))
    assert f"class:{other}" not in scopes.json()["scopes"]


async def granted_to_head(mdm: Mdm) -> httpx.Response:
    """Ask for the grant of Lambert, who administrates, by password and code."""
    signed = await mdm.sign_in(csr=new_request())
    token = signed["token"]
    if signed["second_factor"] == "enrol":
        made = (await mdm.http.post("/api/second-factor/enrolment", headers=bearer(token))).json()
        uri: str = made["uri"]
        mdm.tokens["secret"] = parse_qs(urlsplit(uri).query)["secret"][0]
    secret = b32decode(mdm.tokens["secret"])
    mdm.clock.at = apart(secret, mdm.clock.at + STEP_SECONDS)
    password = mdm.sample["teachers"][0]["password"]
    asked = {"school": mdm.school, "login": "lambert", "password": password, "csr": new_request()}
    asked["code"] = code_at(secret, mdm.clock.at // STEP_SECONDS)
    whole = (await mdm.http.post("/api/sign-in", json=asked)).json()
    assert whole["certificate"], "one sign-in is good for both"
    audit = await mdm.http.get("/api/audit", headers=bearer(whole["token"]))
    assert audit.status_code == 200
    return await mdm.http.post("/api/grants", headers=bearer(whole["token"]))


@on_sqlite
async def test_a_head_who_teaches_administrates_and_is_a_teacher_of_the_own_classes_only(
    mdm: Mdm,
) -> None:
    own = (await granted(mdm, "lambert")).classes
    await choose_role(mdm.ground, mdm.school, "t-lambert", "administrator")
    issued = await granted_to_head(mdm)
    root = School.pin(mdm.school, (await mdm.sign_in("keller"))["root"].encode())
    grant = read_grant(issued.json()["grant"], root)
    assert (grant.classes, grant.verbs, grant.role) == (own, ALL, "administrator")
    await choose_verbs(mdm.ground, mdm.school, "teacher", ("lock", "watch"))
    grant = read_grant((await granted_to_head(mdm)).json()["grant"], root)
    assert grant.verbs == ("watch", "lock"), "no more than any teacher"
    await choose_verbs(mdm.ground, mdm.school, "administrator", ())
    assert code((await granted_to_head(mdm)).content) == "no-verbs", "the school says so"
    await choose_verbs(mdm.ground, mdm.school, "administrator", ("message",))
    async with mdm.ground.database.writing(mdm.school) as connection:
        for each in own:
            told = await take_class(connection, mdm.school, "t-lambert", each)
            await publish(connection, mdm.school, told)
    assert code((await granted_to_head(mdm)).content) == "no-class"


async def test_the_school_says_what_a_role_may_do(mdm: Mdm) -> None:
    await choose_verbs(mdm.ground, mdm.school, "teacher", ("lock", "watch"))
    assert (await granted(mdm, "lambert")).verbs == ("watch", "lock")
    await choose_verbs(mdm.ground, mdm.school, "teacher", ())
    signed = await mdm.sign_in("lambert", csr=new_request())
    answer = await mdm.http.post("/api/grants", headers=bearer(signed["token"]))
    assert (answer.status_code, code(answer.content)) == (409, "no-verbs")
    for role, verbs in (("teacher", ("wipe",)), ("head", ("lock",))):
        with pytest.raises(Malformed):
            await choose_verbs(mdm.ground, mdm.school, role, verbs)
    with pytest.raises(Malformed):
        await choose_role(mdm.ground, mdm.school, "t-lambert", "head")
    with pytest.raises(Missing):
        await choose_role(mdm.ground, mdm.school, "t-nobody", "teacher")


async def test_who_was_ended_by_mistake_is_taken_back_and_needs_new_papers(mdm: Mdm) -> None:
    async def signs_in(password: str, csr: str = "") -> httpx.Response:
        asked = {"school": mdm.school, "login": "lambert", "password": password, "csr": csr}
        return await mdm.http.post("/api/sign-in", json=asked)

    old, key = mdm.sample["teachers"][0]["password"], new_request()
    before = (await signs_in(old, key)).json()
    headers = await mdm.as_administrator("t-keller")
    await choose_role(mdm.ground, mdm.school, "t-keller", "administrator")
    lambert = Person("t-lambert", "lambert", "Camille Lambert", "teacher")
    for back in ("command", "route"):
        await end_person(mdm.ground, mdm.school, "t-lambert")
        with pytest.raises(Refused, match="ended"):
            await choose_password(mdm.ground, mdm.school, "lambert", "another long one")
        if back == "command":
            await keep_person(mdm.ground, mdm.school, lambert, old)
        else:
            told = {"teacher": "t-lambert"}
            answer = await mdm.http.post("/api/admin/returns", json=told, headers=headers)
            assert answer.status_code == 200, answer.text
        again = await signs_in(old)
        assert again.status_code == 200, back
        for token in (before["token"], again.json()["token"]):
            answer = await mdm.http.post("/api/grants", headers=bearer(token))
            assert answer.status_code in {401, 409}, "no grant for what is revoked"
        issued = await granted(mdm, "lambert")
        told_list = await listed(mdm, "lambert")
        assert told_list is not None
        assert issued.thumbprint not in told_list.keys
    nobody = {"teacher": "t-nobody"}
    answer = await mdm.http.post("/api/admin/returns", json=nobody, headers=headers)
    assert (answer.status_code, code(answer.content)) == (404, "no-teacher")


@on_sqlite
async def test_with_an_empty_password_the_one_of_before_is_gone(mdm: Mdm) -> None:
    signed = await mdm.sign_in()
    lambert = Person("t-lambert", "lambert", "Camille Lambert", "teacher")
    await keep_person(mdm.ground, mdm.school, lambert, "")
    asked = {"school": mdm.school, "login": "lambert"}
    asked["password"] = mdm.sample["teachers"][0]["password"]
    answer = await mdm.http.post("/api/sign-in", json=asked)
    assert (answer.status_code, code(answer.content)) == (401, "wrong-password")
    answer = await mdm.http.get("/api/scopes", headers=bearer(signed["token"]))
    assert answer.status_code == 401
