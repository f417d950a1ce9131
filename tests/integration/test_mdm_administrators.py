"""Second factors, regions and the audit; on SQLite and on PostgreSQL."""

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from blake3 import blake3
from sqlalchemy import delete, update

from central_mdm.cli import main
from central_mdm.contract.region import School
from central_mdm.fleet.ended import choose_role, keep_person
from central_mdm.identity import audit, region, second_factor
from central_mdm.identity.model import audit_acts, second_factors, sign_in_failures
from central_mdm.identity.people import Person
from central_mdm.identity.region import join
from central_mdm.identity.rules import open_school
from central_mdm.identity.second_factor import STEP_SECONDS, code_at
from central_mdm.platform.acting import several
from central_mdm.platform.authentication import Caller
from central_mdm.platform.errors import Malformed, NotSignedIn, Refused
from tests.mdm import Mdm, bearer, new_request
from tests.school import now
from tests.second_factors import apart, wrong_code

pytestmark = pytest.mark.real_loop
on_sqlite = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
REGION = "region-north"
ROSE = Caller(REGION, "teacher", "r-1", duty="region")
LAMBERT = Caller("tilleuls", "teacher", "t-lambert", duty="administrator")
OTHER = Caller("region-south", "teacher", "r-1", duty="region")
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


async def asked(mdm: Mdm, path: str, token: str, body: object = None) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    answer = await mdm.http.request(
        method, path, json=body if body is not None else None, headers=bearer(token)
    )
    return answer.status_code, answer.json()


def now_code(mdm: Mdm, secret: bytes, steps: int = 0) -> str:
    return code_at(secret, mdm.clock.at // STEP_SECONDS + steps)


async def enrolled(mdm: Mdm, token: str) -> tuple[bytes, list[str]]:
    status, made = await asked(mdm, "/api/second-factor/enrolment", token, {})
    assert status == 200, made
    uri: str = made["uri"]
    (secret,) = parse_qs(urlsplit(uri).query)["secret"]
    return base64.b32decode(secret), made["recovery"]


async def administrating(mdm: Mdm) -> tuple[str, bytes, list[str]]:
    """Make Lambert an administrator with a second factor; return a token, secret and codes."""
    await choose_role(mdm.ground, mdm.school, "t-lambert", "administrator")
    first = (await mdm.sign_in())["token"]
    secret, recovery = await enrolled(mdm, first)
    mdm.clock.at = apart(secret, mdm.clock.at)
    status, whole = await asked(mdm, "/api/second-factor", first, {"code": now_code(mdm, secret)})
    assert status == 200, whole
    return whole["token"], secret, recovery


async def test_an_administrator_without_a_second_factor_may_only_enrol_one(mdm: Mdm) -> None:
    await choose_role(mdm.ground, mdm.school, "t-lambert", "administrator")
    signed = await mdm.sign_in(csr=new_request())
    assert (signed["second_factor"], signed["certificate"]) == ("enrol", "")
    for path in ("/api/audit", "/api/scopes", "/api/trust"):
        status, told = await asked(mdm, path, signed["token"])
        assert (status, told["code"]) == (403, "second-factor"), path
    secret, _ = await enrolled(mdm, signed["token"])
    right = {"code": now_code(mdm, secret)}
    status, whole = await asked(mdm, "/api/second-factor", signed["token"], right)
    assert (status, whole["second_factor"]) == (200, "")
    assert (await asked(mdm, "/api/audit", whole["token"]))[0] == 200
    status, told = await asked(mdm, "/api/second-factor/enrolment", signed["token"], {})
    assert (status, told["code"]) == (409, "enrolled"), "a password alone changes it no more"
    fresh = (await mdm.http.post("/api/refresh", json={"refresh": whole["refresh"]})).json()
    assert fresh["second_factor"] == "", "what was given stays given in its family"
    assert (await mdm.sign_in())["second_factor"] == "code"
    teacher = (await mdm.sign_in("keller"))["token"]
    status, told = await asked(mdm, "/api/second-factor/enrolment", teacher, {})
    assert (status, told["code"]) == (403, "wrong-duty")


@on_sqlite
async def test_a_code_is_good_once_and_with_the_password_brings_a_certificate(mdm: Mdm) -> None:
    _, secret, _ = await administrating(mdm)
    password = mdm.sample["teachers"][0]["password"]
    login = {"school": mdm.school, "login": "lambert", "password": password, "csr": new_request()}

    async def signed(code: str) -> dict[str, Any]:
        return (await mdm.http.post("/api/sign-in", json=login | {"code": code})).json()

    assert (await signed(now_code(mdm, secret)))["code"] == "wrong-code", "it has confirmed already"
    mdm.clock.at += STEP_SECONDS
    code = now_code(mdm, secret)
    assert (await signed(code))["certificate"]
    assert (await signed(code))["code"] == "wrong-code", "replayed"
    assert (await signed(now_code(mdm, secret, -1)))["code"] == "wrong-code", "older than the last"
    assert (await signed(now_code(mdm, secret, 1)))["token"], "a clock half a minute ahead"


@on_sqlite
async def test_a_code_given_while_the_clock_was_ahead_keeps_nobody_out_and_is_good_no_more(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = 6
    monkeypatch.setattr(second_factor, "SPENT_MAX", few)
    _, secret, _ = await administrating(mdm)
    begun = mdm.clock.at

    async def good(at: int) -> bool:
        """Give the code of this moment, where no wrong one of before is counted any more."""
        mdm.clock.at = at
        async with mdm.ground.database.writing(mdm.school) as connection:
            await connection.execute(delete(sign_in_failures))
        try:
            await second_factor.give(mdm.ground, LAMBERT, now_code(mdm, secret))
        except NotSignedIn:
            return False
        return True

    ahead = apart(secret, begun + 730 * 86_400, few + 3)
    assert [await good(ahead), await good(ahead)] == [True, False]
    right = begun + STEP_SECONDS
    assert [await good(right), await good(right)] == [True, False], "two years too early"
    assert not await good(begun), "spent before all that"
    assert [await good(ahead), await good(ahead + STEP_SECONDS)] == [False, True], "it was seen"
    for step in range(2, few + 2):
        assert await good(ahead + step * STEP_SECONDS)
    async with mdm.ground.database.reading(mdm.school) as connection:
        kept = (await connection.execute(second_factors.select())).one()
    assert len(kept.spent_steps.split()) == few
    assert not await good(right + 9 * STEP_SECONDS), "what is older than is known is spent"


@on_sqlite
async def test_each_recovery_code_stands_in_once_and_guessing_costs_time(mdm: Mdm) -> None:
    _, secret, recovery = await administrating(mdm)
    first = (await mdm.sign_in())["token"]
    assert len(set(recovery)) == 10
    spoken = "-".join(recovery[0][n : n + 4].lower() for n in range(0, 16, 4))
    assert (await asked(mdm, "/api/second-factor", first, {"code": spoken}))[0] == 200
    again = await asked(mdm, "/api/second-factor", first, {"code": recovery[0]})
    assert (again[0], again[1]["code"]) == (401, "wrong-code")
    wrong = {"code": wrong_code(secret, mdm.clock.at)}
    tries = [await asked(mdm, "/api/second-factor", first, wrong) for _ in range(6)]
    assert [status for status, _ in tries][-1] == 429
    async with mdm.ground.database.reading(mdm.school) as connection:
        found = await audit.acts_before(connection, mdm.school, 0)
        kept = (await connection.execute(second_factors.select())).one()
    assert "recovery-code-used" in {act.act for act in found.acts}
    assert recovery[1].encode() not in kept.secret


@on_sqlite
async def test_a_second_factor_that_was_brought_from_another_row_fits_nobody(mdm: Mdm) -> None:
    _, secret, _ = await administrating(mdm)
    await choose_role(mdm.ground, mdm.school, "t-keller", "administrator")
    other = (await mdm.sign_in("keller"))["token"]
    await enrolled(mdm, other)
    async with mdm.ground.database.writing(mdm.school) as connection:
        rows = (await connection.execute(second_factors.select())).all()
        mine = next(row.secret for row in rows if row.teacher == "t-lambert")
        theirs = update(second_factors).where(second_factors.c.teacher == "t-keller")
        await connection.execute(theirs.values(secret=mine))
    told = await asked(mdm, "/api/second-factor", other, {"code": now_code(mdm, secret)})
    assert (told[0], told[1]["code"]) == (401, "wrong-code")
    async with mdm.ground.database.writing(mdm.school) as connection:
        await second_factor.end(connection, mdm.school, "t-lambert")
    assert (await mdm.sign_in())["second_factor"] == "enrol", "another administrator ended it"


async def a_region(mdm: Mdm) -> str:
    """Make a region that the school is of; return the token of one of its people."""
    await open_school(mdm.ground, REGION, "The north", kind="region")
    await open_school(mdm.ground, "elsewhere", "Elsewhere")
    person = Person("r-1", "rose", "Rose", "region")
    await keep_person(mdm.ground, REGION, person, PASSWORD)
    async with mdm.ground.database.writing(REGION) as connection:
        await join(connection, REGION, School(mdm.school, "Les Tilleuls"))
    login = {"school": REGION, "login": "rose", "password": PASSWORD}
    first = (await mdm.http.post("/api/sign-in", json=login)).json()
    secret, _ = await enrolled(mdm, first["token"])
    right = {"code": now_code(mdm, secret)}
    return (await asked(mdm, "/api/second-factor", first["token"], right))[1]["token"]


@on_sqlite
async def test_a_region_opens_and_lists_its_own_schools_and_no_other(mdm: Mdm) -> None:
    token = await a_region(mdm)
    opened = {"school": "new-one", "name": "A new one"}
    assert (await asked(mdm, "/api/region/schools", token, opened))[0] == 201
    taken = opened | {"name": "Another"}
    assert (await asked(mdm, "/api/region/schools", token, taken))[1]["code"] == "school-exists"
    listed = (await asked(mdm, "/api/region/schools", token))[1]["schools"]
    assert {one["school"] for one in listed} == {mdm.school, "new-one"}
    status, told = await asked(mdm, "/api/region/schools/elsewhere/visits", token, {})
    assert (status, told["code"]) == (404, "no-school")
    here = (await asked(mdm, "/api/audit", token))[1]["acts"]
    assert [(act["act"], act["object"], act["detail"]) for act in here][:4] == [
        ("/api/region/schools/elsewhere/visits", "elsewhere", "refused: no-school"),
        ("/api/region/schools", "new-one", "refused: school-exists"),
        ("school-opened", "new-one", ""),
        ("second-factor-enrolled", "r-1", ""),
    ]
    with pytest.raises(Malformed, match="no-such-role"):
        await choose_role(mdm.ground, mdm.school, "t-lambert", "region")


class Died(Exception):
    """As by kill -9: nothing after it is done."""


@on_sqlite
async def test_a_school_whose_opening_died_halfway_is_opened_by_the_same_region_asked_again(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died after the school's key, then after the school's row: before it was the region's."""
    token = await a_region(mdm)
    opened = {"school": "new-one", "name": "A new one"}

    async def dies(*_: object) -> None:
        raise Died

    for part in ("rules.keep_school", "region.join"):
        with monkeypatch.context() as patched:
            patched.setattr(f"central_mdm.identity.{part}", dies)
            with pytest.raises(Died):
                await region.open_member(mdm.ground, ROSE, School(**opened))
    for other in (OTHER, ROSE):
        name = "A new one" if other is OTHER else "Another name"
        with pytest.raises(Refused, match="school-exists"):
            await region.open_member(mdm.ground, other, School("new-one", name))
    assert (await asked(mdm, "/api/region/schools", token, opened))[0] == 201
    listed = (await asked(mdm, "/api/region/schools", token))[1]["schools"]
    assert {one["school"] for one in listed} == {mdm.school, "new-one"}
    there = await asked(mdm, "/api/region/schools/new-one/visits", token, {})
    assert there[0] == 201


async def test_who_enters_a_school_is_in_the_audit_of_both_and_only_administrates_for_a_while(
    mdm: Mdm,
) -> None:
    token = await a_region(mdm)
    status, visit = await asked(mdm, f"/api/region/schools/{mdm.school}/visits", token, {})
    assert (status, visit["token_seconds"]) == (201, 1800)
    status, there = await asked(mdm, "/api/audit", visit["token"])
    assert (status, there["acts"][0]["act"]) == (200, "school-entered")
    assert there["acts"][0]["who"] == f"visitor:{REGION}/r-1"
    (entered, *_) = (await asked(mdm, "/api/audit", token))[1]["acts"]
    assert (entered["act"], entered["object"]) == ("school-entered", mdm.school)
    assert there["acts"][0]["session"] in entered["detail"]
    assert (await asked(mdm, "/api/audit", token.replace(REGION, mdm.school)))[0] == 401
    for path, body, why in (
        ("/api/scopes", None, "visitor"),
        ("/api/grants", "", "visitor"),
        ("/api/second-factor/enrolment", "", "visitor"),
        ("/api/region/schools", None, "wrong-duty"),
    ):
        status, told = await asked(mdm, path, visit["token"], body)
        assert (status, told["code"]) == (403, why), path
    mdm.clock.at += 1801
    assert (await asked(mdm, "/api/audit", visit["token"]))[0] == 401


async def test_an_act_that_was_changed_removed_or_put_in_between_is_found(mdm: Mdm) -> None:
    by, today = audit.By("console:root", "console"), now()  # the database keeps its own time
    async with mdm.ground.database.writing(mdm.school) as connection:
        for number in range(1, 6):
            at = today if number > 1 else 1_700_000_000
            await audit.record(connection, at, mdm.school, by, "role", f"t-{number}")
    mine = audit_acts.c.school == mdm.school
    database = mdm.ground.database

    async def found() -> audit.Verified:
        async with database.reading(mdm.school) as connection:
            return await audit.verify(connection, mdm.school)

    whole = await found()
    assert (whole.acts, whole.newest, whole.fault) == (5, 5, 0)
    changed = update(audit_acts).where(mine, audit_acts.c.number == 3).values(who="console:nobody")
    gone = delete(audit_acts).where(mine, audit_acts.c.number == 3)
    if database.url.get_backend_name() == "postgresql":
        for forged in (changed, gone):
            async with database.writing(mdm.school) as connection:
                assert (await connection.execute(forged)).rowcount == 0, "the server itself cannot"
        assert await found() == whole
        async with database.writing(mdm.school) as connection:
            forgotten = await audit.forget_acts(connection, mdm.school, today + 1)
        assert forgotten == 1, "none that is young, whatever the server is told to keep"
        assert (await found()).acts == 4
        return
    async with database.writing(mdm.school) as connection:
        await connection.execute(changed)
    assert (await found()).fault == 3
    async with database.writing(mdm.school) as connection:
        await connection.execute(gone)
    assert (await found()).fault == 4
    async with database.writing(mdm.school) as connection:
        assert await audit.forget_acts(connection, mdm.school, today + 1) == 4
    assert await found() == audit.Verified(0, 0, "")


@on_sqlite
async def test_the_audit_is_read_page_by_page_by_administrators_only(mdm: Mdm) -> None:
    token, _, _ = await administrating(mdm)
    by = audit.By("console:root", "console")
    async with mdm.ground.database.writing(mdm.school) as connection:
        for number in range(audit.PAGE):
            await audit.record(connection, mdm.clock.at, mdm.school, by, "role", f"t-{number}")
    first = (await asked(mdm, "/api/audit", token))[1]
    assert (len(first["acts"]), first["more"]) == (audit.PAGE, True)
    second = (await asked(mdm, f"/api/audit?before={first['acts'][-1]['number']}", token))[1]
    numbers = [act["number"] for act in (*first["acts"], *second["acts"])]
    assert numbers == list(range(len(numbers), 0, -1))
    teacher = (await mdm.sign_in("keller"))["token"]
    assert (await asked(mdm, "/api/audit", teacher))[1]["code"] == "wrong-duty"


async def test_an_act_says_what_was_declared_and_of_many_how_many_and_which(mdm: Mdm) -> None:
    await keep_person(mdm.ground, mdm.school, Person("a-1", "a", "A", "administrator"), "")
    headers = await mdm.as_administrator("a-1")

    async def does(path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        answer = await mdm.http.post(f"/api/{path}", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    made = [(await does("admin/classes", {"name": f"K {number}"}))["id"] for number in range(9)]
    await does("admin/archives", {"classes": made})
    rule = {"kind": "laptop", "class_id": "5B"}
    proxy: dict[str, Any] = {"scope": "school", "feature": "proxy"}
    await does("fleet/declarations", proxy | {"body": {"host": "proxy.example", "port": 3128}})
    await does("fleet/declarations", proxy | {"body": {"host": "x", "password": "y"}}, 400)
    await does("fleet/declarations", proxy)
    devices = [each["device"] for each in mdm.sample["devices"]]
    await does("fleet/groups", {"id": "lab", "name": "Lab", "members": devices[:2]})
    await does("fleet/groups", {"id": "lab", "name": "Lab", "rule": rule})
    async with mdm.ground.database.reading(mdm.school) as connection:
        acts = (await audit.acts_before(connection, mdm.school, 0)).acts
    told = [(act.object, act.detail) for act in acts[:6]][::-1]
    whole = blake3(" ".join(made).encode()).hexdigest()[:32]
    assert told == [
        (f"{made[0]} {made[1]} … 9 in all, blake3 {whole}", ""),
        ("school", 'feature=proxy body={"host":"proxy.example","port":3128}'),
        ("school", "refused: no-such-body feature=proxy"),
        ("school", "feature=proxy nothing"),
        ("group lab", f"members={devices[0]} {devices[1]}"),
        ("group lab", "kind=laptop class_id=5B"),
    ]


def test_no_id_is_cut_in_its_middle() -> None:
    ids = [f"id-{number}" for number in range(1000, 1100)]
    for room in range(70, 200):
        said = several(ids, room)
        assert len(said) <= room
        kept = said.partition(" … 100 in all, blake3 ")[0].split()
        assert kept == ids[: len(kept)]


def test_who_runs_a_command_is_whom_the_system_says_whatever_the_environment_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "claire")
    monkeypatch.setattr("os.getuid", lambda: 0)
    nobodys = "9" * 30
    for sudo, told in (
        ("", ""),
        ("claire", ""),
        ("1", " by sudo of daemon"),
        (nobodys, f" by sudo of {nobodys}"),
    ):
        monkeypatch.setenv("SUDO_UID", sudo)
        assert audit.by_console().who == f"console:root{told}"
    monkeypatch.setattr("os.getuid", lambda: 1)
    assert audit.by_console().who == "console:daemon", "who is not root has no sudo"


@on_sqlite
async def test_commands_open_schools_make_people_and_are_in_the_audit_without_names(
    mdm: Mdm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str, typed: str = "") -> dict[str, Any]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        with ThreadPoolExecutor(1) as thread:  # a loop of its own, beside pytest's
            folder = ("--folder", str(tmp_path), "--school", mdm.school)
            assert thread.submit(main, ["admin", *words, *folder]).result() == 0
        return json.loads(capsys.readouterr().out)

    named = ("--id", "t-new", "--login", "new", "--name", "Nadia Neuf")
    said("person", *named, "--role", "technician", typed=PASSWORD)
    said("password", "--login", "new", typed="another password")
    login = {"school": mdm.school, "login": "new", "password": "another password"}
    assert (await mdm.http.post("/api/sign-in", json=login)).status_code == 200
    shown = said("audit")["acts"]
    told = [(act["act"], act["object"], act["detail"]) for act in shown]
    assert told == [("admin password", "t-new", ""), ("admin person", "t-new", "role=technician")]
    assert all(act["who"].startswith("console:") for act in shown)
    assert said("audit", "--verify")["mark"] == shown[0]["mark"]
