"""An identity's life at the MDM: renewed in time, listed before its end, released."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import json
from sqlalchemy import insert

from central_mdm.contract.grants import DENIED_MAX, DENY_TYPE, DenyList
from central_mdm.contract.leaving import RECEIPT_TYPE, Receipt, SignedReceipt
from central_mdm.contract.names import Party
from central_mdm.fleet.ending import ending
from central_mdm.fleet.enrolment import Code, make_code
from central_mdm.fleet.proving import enrolled_by
from central_mdm.identity.certificates import thumbprint_of
from central_mdm.identity.model import certificates, revocations
from central_mdm.identity.renewal import renew_once
from central_mdm.identity.revocation import (
    end_device,
    end_grants,
    end_teachers,
    newest,
    publish_list,
)
from central_mdm.identity.rules import register
from central_mdm.identity.statements import read, sign
from central_mdm.platform.errors import Missing, NotAllowed, Refused
from device_bridge.trust.grants import read_deny_list
from device_bridge.trust.identity import School
from tests.mdm import Mdm, bearer, new_request, request_by

pytestmark = pytest.mark.real_loop
DAY = 86_400
YEAR = 396 * DAY
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)


async def enrolled(mdm: Mdm, key: Ed25519PrivateKey) -> dict[str, Any]:
    code = mdm.sample["devices"][0]["code"]
    asked = {"code": code, "csr": request_by(key), "inventory": {"kind": "laptop"}}
    return (await mdm.http.post("/api/enrolments", json=asked)).json()


async def renewed(mdm: Mdm, device: str, csr: str) -> str:
    asked = {"csr": csr, "policy_version": 1, "assignment_version": 1}
    headers = bearer(await mdm.passed(device))
    answer = await mdm.http.post("/api/check-in", json=asked, headers=headers)
    return answer.json().get("certificate", "")


def certified(pem: str) -> tuple[str, int]:
    """Return whose key it is of, and when it ends."""
    read = x509.load_pem_x509_certificate(pem.encode())
    key = read.public_key()
    assert isinstance(key, Ed25519PublicKey)
    return thumbprint_of(key), int(read.not_valid_after_utc.timestamp())


@on_sqlite
async def test_a_certificate_is_renewed_near_its_end_for_the_tokens_own_key_only(mdm: Mdm) -> None:
    key = Ed25519PrivateKey.generate()
    device = await enrolled(mdm, key)
    mdm.clock.at += YEAR - 200 * DAY
    assert await renewed(mdm, device["device"], request_by(key)) == "", "not yet"
    mdm.clock.at += 145 * DAY
    assert await renewed(mdm, device["device"], new_request()) == "", "another key"
    fresh = [await renewed(mdm, device["device"], request_by(key)) for _ in range(5)]
    assert certified(fresh[0]) == (thumbprint_of(key.public_key()), mdm.clock.at + YEAR)
    assert set(fresh) == {fresh[0]}, "an answer may be lost: it is the same one"
    mdm.clock.at += 3 * DAY
    late = await renewed(mdm, device["device"], request_by(key))
    assert late == fresh[0], "not yet again, however late the answer was lost"
    mdm.clock.at += YEAR
    assert await renewed(mdm, device["device"], request_by(key)), "also when it has ended"
    await end_device(mdm.ground, mdm.school, device["device"])
    mdm.clock.at += YEAR
    assert await renewed(mdm, device["device"], request_by(key)) == "", "ended by the school"


async def test_a_device_whose_certificate_had_ended_when_it_was_ended_is_renewed_by_no_way(
    mdm: Mdm,
) -> None:
    key = Ed25519PrivateKey.generate()
    device = (await enrolled(mdm, key))["device"]
    mdm.clock.at += YEAR + DAY
    await end_device(mdm.ground, mdm.school, device)
    assert await renewed(mdm, device, request_by(key)) == ""
    headers = bearer((await mdm.sign_in("keller"))["token"])
    carried = await mdm.http.post("/api/renewals", json={"csr": request_by(key)}, headers=headers)
    assert (carried.status_code, carried.json()["code"]) == (403, "ended")
    shown = {"key": key.public_key().public_bytes_raw().hex()}
    papers = await mdm.http.post("/api/successors", json=shown, headers=headers)
    assert (papers.status_code, papers.json()["code"]) == (403, "ended")
    assert (await enrolled(mdm, key))["code"] == "ended"


async def test_a_key_that_was_certified_several_times_is_on_the_list_until_the_last_of_them_ends(
    mdm: Mdm,
) -> None:
    key, right = Ed25519PrivateKey.generate(), mdm.clock.at
    device = (await enrolled(mdm, key))["device"]
    async with mdm.ground.database.writing(mdm.school) as connection:
        for days in (60, 0, 0, 0):
            mdm.clock.at = right + days * DAY
            party = Party(mdm.school, "device", device)
            await register(connection, mdm.ground, party, key.public_key())
    await end_device(mdm.ground, mdm.school, device)
    mdm.clock.at = right + YEAR + 59 * DAY
    await end_grants(mdm.ground, mdm.school)
    async with mdm.ground.database.reading(mdm.school) as connection:
        told = (await newest(connection, mdm.school)).statement
    root = School.pin(mdm.school, (await mdm.sign_in())["root"].encode())
    assert read_deny_list(told, root).keys == (thumbprint_of(key.public_key()),)


@on_sqlite
async def test_a_device_enrolled_anew_has_only_its_newest_key_renewed(mdm: Mdm) -> None:
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    first = await enrolled(mdm, old)
    mdm.clock.at += DAY
    async with mdm.ground.database.writing(mdm.school) as connection:
        code = Code("5B", mdm.clock.at + 60, 1, first["device"])
        await make_code(connection, mdm.school, "ANEW-2", code, mdm.clock.at)
    asked = {"code": "ANEW-2", "csr": request_by(new), "inventory": {"kind": "laptop"}}
    second = (await mdm.http.post("/api/enrolments", json=asked)).json()
    assert second["device"] == first["device"]
    mdm.clock.at += YEAR - 30 * DAY
    assert await renewed(mdm, second["device"], request_by(old)) == ""
    assert await renewed(mdm, second["device"], request_by(new))


async def test_a_device_certified_by_a_clock_ahead_is_certified_again_and_its_next_key_counts(
    mdm: Mdm,
) -> None:
    old, new, right = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), mdm.clock.at
    device = (await enrolled(mdm, old))["device"]
    party = Party(mdm.school, "device", device)

    async def renews(at: int) -> str:
        mdm.clock.at = at
        async with mdm.ground.database.writing(mdm.school) as connection:
            return await renew_once(connection, mdm.ground, party, old.public_key())

    ahead = right + YEAR - 30 * DAY
    assert certified(await renews(ahead))[1] == ahead + YEAR
    async with mdm.ground.database.writing(mdm.school) as connection:
        for _ in range(3):  # so often an answer may be lost
            await register(connection, mdm.ground, party, old.public_key())
    now = await renews(right)
    assert certified(now) == (thumbprint_of(old.public_key()), right + YEAR)
    assert await renews(right) == now, "once"
    async with mdm.ground.database.writing(mdm.school) as connection:
        code = Code("5B", right + 3600, 1, device)
        await make_code(connection, mdm.school, "ANEW-2", code, right)
    asked = {"code": "ANEW-2", "csr": request_by(new), "inventory": {"kind": "laptop"}}
    assert (await mdm.http.post("/api/enrolments", json=asked)).json()["device"] == device
    for at in (right, ahead + DAY):
        mdm.clock.at = at
        async with mdm.ground.database.reading(mdm.school) as connection:
            assert await enrolled_by(connection, mdm.school, device, new.public_key())
            with pytest.raises(NotAllowed):
                await enrolled_by(connection, mdm.school, device, old.public_key())


@on_sqlite
async def test_a_teachers_app_carries_a_devices_request_and_renews_its_own(mdm: Mdm) -> None:
    device_key, own = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    await enrolled(mdm, device_key)
    await mdm.sign_in(csr=request_by(own))
    mdm.clock.at += YEAR - 30 * DAY
    signed, other = await mdm.sign_in(), await mdm.sign_in("keller")

    async def asked(csr: str, token: str) -> tuple[int, dict[str, Any]]:
        headers = bearer(token)
        answer = await mdm.http.post("/api/renewals", json={"csr": csr}, headers=headers)
        return answer.status_code, answer.json()

    for key in (device_key, own):
        status, told = await asked(request_by(key), signed["token"])
        assert status == 200, told
        assert certified(told["certificate"])[0] == thumbprint_of(key.public_key())
    again = [(await asked(request_by(own), signed["token"]))[0] for _ in range(4)]
    assert again == [200, 200, 200, 429], "without a key an answer may be lost, not all"
    assert (await asked(request_by(own), other["token"]))[1]["code"] == "another-teacher"
    assert (await asked(new_request(), signed["token"]))[0] == 404
    assert (await asked("no request", signed["token"]))[0] == 400


@on_sqlite
async def test_who_ends_within_sixty_days_is_listed_until_renewed(mdm: Mdm) -> None:
    key = Ed25519PrivateKey.generate()
    device = await enrolled(mdm, key)

    async def listed(days: int) -> list[tuple[str, int]]:
        async with mdm.ground.database.reading(mdm.school) as connection:
            rows = await ending(connection, mdm.school, mdm.clock.at, days)
        return [(row.id, row.days) for row in rows]

    mdm.clock.at += YEAR - 61 * DAY
    assert await listed(60) == []
    mdm.clock.at += 2 * DAY
    assert await listed(60) == [(device["device"], 59)]
    assert await listed(30) == []
    assert await renewed(mdm, device["device"], request_by(key))
    assert await listed(60) == []


async def test_a_released_device_hears_it_and_after_its_receipt_is_refused_everywhere(
    mdm: Mdm,
) -> None:
    key = Ed25519PrivateKey.generate()
    device = await enrolled(mdm, key)
    name, headers = device["device"], bearer(device["token"])
    der = x509.load_pem_x509_certificate(device["certificate"].encode()).public_bytes(Encoding.DER)
    thumbprint = thumbprint_of(key.public_key())

    async def receipt(said: Receipt, by: Ed25519PrivateKey) -> int:
        told = json.encode(SignedReceipt(sign(by, RECEIPT_TYPE, said), der))
        typed = {"content-type": "application/json", **headers}
        return (await mdm.http.post("/api/receipts", content=told, headers=typed)).status_code

    said = Receipt(mdm.school, name, thumbprint, 1)
    assert await receipt(said, key) == 403, "nobody released it"
    with pytest.raises(Missing):
        await mdm.release("no-such")
    statements = [await mdm.release(name) for _ in range(2)]
    heard = (await mdm.http.post("/api/check-in", json={}, headers=headers)).json()
    assert heard["release"] == statements[1]
    assert await receipt(said, Ed25519PrivateKey.generate()) == 403
    assert await receipt(Receipt(mdm.school, "another", thumbprint, 1), key) == 403
    assert await receipt(said, key) == 200
    assert (await mdm.http.post("/api/check-in", json={}, headers=headers)).status_code == 401
    mdm.clock.at += YEAR - DAY
    teacher = await mdm.as_teacher()
    asked = {"csr": request_by(key)}
    refused = await mdm.http.post("/api/renewals", json=asked, headers=teacher)
    assert (refused.status_code, refused.json()["code"]) == (403, "ended")
    scope = await mdm.http.get("/api/changes?scope=class:5B", headers=teacher)
    rows = [one for one in scope.json()["changes"] if one["id"] == name]
    assert [one["row"] for one in rows] == [None], "no class has it"
    with pytest.raises(Refused, match="has-left"):
        await mdm.release(name)


@on_sqlite
async def test_a_key_that_the_school_has_ended_is_enrolled_no_more_by_its_code(mdm: Mdm) -> None:
    key = Ed25519PrivateKey.generate()
    device = await enrolled(mdm, key)
    assert (await enrolled(mdm, key))["device"] == device["device"], "an answer was lost"
    await end_device(mdm.ground, mdm.school, device["device"])
    assert (await enrolled(mdm, key))["code"] == "ended"


async def certify(mdm: Mdm, role: str, numbers: range) -> list[dict[str, Any]]:
    """Certify a key of one party each; return the rows. The higher the number, the longer."""
    held = mdm.clock.at + 30 * DAY
    rows: list[dict[str, Any]] = [
        {"school": mdm.school, "role": role, "party": f"{role}-{n}", "serial": f"{role}-{n}"}
        | {"thumbprint": f"{n:064x}", "ends_at": held + n}
        for n in numbers
    ]
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(certificates), rows)
    return rows


async def published(mdm: Mdm, rows: list[dict[str, Any]]) -> DenyList:
    """Revoke these at once; return the list."""
    names = ("school", "thumbprint", "ends_at")
    async with mdm.ground.database.writing(mdm.school) as connection:
        some = [{name: row[name] for name in names} for row in rows]
        await connection.execute(insert(revocations), some)
        await publish_list(connection, mdm.ground, mdm.school, ())
    return await newest_list(mdm)


async def newest_list(mdm: Mdm) -> DenyList:
    async with mdm.ground.database.reading(mdm.school) as connection:
        statement = (await newest(connection, mdm.school)).statement
    key = mdm.ground.keys.key(mdm.school).public_key()
    told = read(statement, DENY_TYPE, DenyList, key)
    assert told
    return told


@pytest.mark.parametrize("teachers", [1, DENIED_MAX + 1])
async def test_a_full_deny_list_names_people_first_and_never_drops_one_in_silence(
    mdm: Mdm, caplog: pytest.LogCaptureFixture, teachers: int
) -> None:
    rows = await certify(mdm, "teacher", range(teachers))
    rows += await certify(mdm, "device", range(teachers, teachers + DENIED_MAX + 5))
    told = await published(mdm, rows)
    people = {f"{n:064x}" for n in range(teachers)}
    assert (len(told.keys), len(people & set(told.keys))) == (250, min(teachers, 250))
    assert bool(told.generation) == (teachers > DENIED_MAX), "all grants end, for who is not named"
    assert "deny list is full" in caplog.messages
    caplog.clear()


@on_sqlite
async def test_who_had_no_room_on_a_full_list_ends_all_grants_once_and_not_with_each_list(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    first = DENIED_MAX + 10
    await published(mdm, await certify(mdm, "teacher", range(10, first + 1)))
    await certify(mdm, "device", range(first + 1, first + 2))
    await certify(mdm, "teacher", range(1))  # it ends sooner than all those before
    await certify(mdm, "teacher", range(first + 2, first + 3))

    async def ends(role: str, number: int) -> tuple[bool, bool]:
        mdm.clock.at += 1
        before = await newest_list(mdm)
        if role == "device":
            await end_device(mdm.ground, mdm.school, f"{role}-{number}")
        else:
            async with mdm.ground.database.writing(mdm.school) as connection:
                await end_teachers(connection, mdm.ground, mdm.school, [f"{role}-{number}"])
        told = await newest_list(mdm)
        return told.generation > before.generation, f"{number:064x}" in told.keys

    assert (await newest_list(mdm)).generation, "of those who had no room at the start"
    assert await ends("device", first + 1) == (False, False), "a stolen device ends nobody's grant"
    assert await ends("teacher", 0) == (True, False), "this one has no room"
    assert await ends("teacher", 0) == (False, False)
    assert await ends("teacher", first + 2) == (True, True), "another one has none any more for it"
    mdm.clock.at += 1
    await end_grants(mdm.ground, mdm.school)
    assert (await newest_list(mdm)).generation == mdm.clock.at
    assert set(caplog.messages) == {"deny list is full"}
    caplog.clear()
