"""Default deny, tenancy, and the database's form; on SQLite and on PostgreSQL."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import suppress
from typing import Final

import httpx
import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from central_mdm.app import ROOMS, application, join
from central_mdm.contract.identity import Problem
from central_mdm.identity.model import teachers
from central_mdm.identity.rules import open_school
from central_mdm.platform.api import PROBLEM
from central_mdm.platform.errors import TooFast
from central_mdm.platform.migrate import NEWEST, version_of
from central_mdm.platform.readiness import Readiness
from central_mdm.schema import all_tables, tenant_tables
from tests.mdm import Mdm, bearer, new_request
from tests.mdm_askers import administrators, asker_of
from tests.unit.test_kubernetes import FOLDER, server_groups

pytestmark = pytest.mark.real_loop
INGRESS = FOLDER / "ingress.yaml"
SENT = re.compile(r"path: (\S+)\n.*\n +backend: \{service: \{name: pupitre-mdm-(\w+),")
OPEN = {
    "/health",
    "/ready",
    "/api/sign-in",
    "/api/sign-in-ways",
    "/api/openid",
    "/api/openid/code",
    "/api/refresh",
    "/api/enrolments",
    "/api/proofs",
}


def doors(app: Litestar) -> Iterator[tuple[str, str]]:
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for method in route.methods - {"OPTIONS"}:
            yield str(method), route.path


async def test_every_route_but_the_open_ones_needs_a_token(mdm: Mdm) -> None:
    found = set(doors(mdm.app))
    assert len(found) > 12
    forged = f"t.{'x' * 43}.{mdm.school}"
    for method, path in found:
        url = path.replace("{name:str}", "0" * 64).replace("{file:str}", "f")
        for headers in ({}, bearer(forged), {"authorization": "Basic eDp5"}, bearer("t..")):
            answer = await mdm.http.request(method, url, headers=headers)
            if path in OPEN:
                assert answer.status_code in {200, 400}, (method, path)
            else:
                assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_no_route_lets_devices_go_wipes_or_ends_anybody(mdm: Mdm) -> None:
    acts = {"release", "releases", "wipe", "unenrol", "end", "end-grants", "devices", "collect"}
    for method, path in doors(mdm.app):
        assert not acts & set(path.split("/")), (method, path)
        assert method in {"GET", "POST", "PUT"}, "nothing is deleted over the network"


async def test_a_device_is_no_teacher(mdm: Mdm) -> None:
    headers = await mdm.as_teacher()
    wrong = await mdm.http.post("/api/check-in", json={}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong-role")


async def test_what_does_not_exist_and_what_is_not_json_are_problems_too(mdm: Mdm) -> None:
    missing = await mdm.http.get("/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "no-such-path")
    wrong = await mdm.http.delete("/api/grants")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "no-such-method")


async def test_a_problem_is_rfc_9457s_and_an_older_app_gets_the_type_that_it_reads(
    mdm: Mdm,
) -> None:
    older, newer = {}, {"accept": "application/json, application/problem+json"}
    others = {"accept": "*/*", "user-agent": "curl/8"}
    for headers, kind in (
        (older, "application/json"),
        (newer, "application/problem+json"),
        (others, "application/problem+json"),
    ):
        answer = await mdm.http.get("/api/scopes", headers=headers)
        assert answer.headers["content-type"] == kind
        assert answer.json() == {
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "code": "not-signed-in",
            "detail": "",
        }


async def reading(mdm: Mdm) -> list[tuple[str, dict[str, str]]]:
    """Return each described route that reads JSON, with a token that opens it."""
    asked = {"code": mdm.sample["devices"][0]["code"], "inventory": {"kind": "test"}}
    enrolled = await mdm.http.post("/api/enrolments", json=asked | {"csr": new_request()})
    headers = {"device": bearer(enrolled.json()["token"]), "teacher": await mdm.as_teacher()}
    tokens = await administrators(mdm.ground, mdm.school)
    headers |= {who: bearer(token) for who, token in tokens.items()}
    described = mdm.app.openapi_schema.to_schema()["paths"]
    found = [
        (path, headers[asker_of(path)])
        for path, methods in described.items()
        if "application/json" in methods.get("post", {}).get("requestBody", {}).get("content", ())
    ]
    assert len(found) > 9
    return found


async def test_what_is_no_json_of_ours_is_refused_by_every_route_that_reads_some(mdm: Mdm) -> None:
    deep = b"[" * 1500 + b"]" * 1500
    bad = (b"{", b"\xff", b"", deep, b'{"heads": ' + deep + b"}", b"\xef\xbb\xbf{}", b"[]", b"1")
    bad += ('{"school": "é"}'.encode("utf-16"), gzip.compress(b"{}"))
    for path, headers in await reading(mdm):
        for body in bad:
            answer = await mdm.http.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), (path, body)
        # A field that a route does not know is no concern of its own, whatever stands in it.
        for body in (b'{"unknown": "\xe9"}', b'{"unknown": ' + deep + b"}"):
            answer = await mdm.http.post(path, content=body, headers=headers)
            assert answer.status_code in {200, 400}, (path, body)


async def test_a_body_without_end_is_cut_by_every_route_that_reads_one(mdm: Mdm) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b" " * 65536

    for path, headers in await reading(mdm):
        answer = await mdm.http.post(path, content=endless(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large"), path
    teacher = await mdm.as_teacher()
    put = await mdm.http.put(f"/api/chunks/{'0' * 64}", content=endless(), headers=teacher)
    assert put.status_code == 413


async def test_a_zero_byte_in_a_text_is_no_failure_of_ours(mdm: Mdm) -> None:
    asked = {"school": mdm.school, "login": "a\0b", "password": "x"}
    answer = await mdm.http.post("/api/sign-in", json=asked)
    assert answer.status_code in {400, 401}


async def test_the_migrations_make_exactly_what_the_rooms_declare(mdm: Mdm) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection)
        return list(compare_metadata(context, all_tables()))

    async with mdm.ground.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_every_table_but_the_doors_bears_the_school() -> None:
    assert all("school" in table.primary_key.columns for table in tenant_tables())


async def test_a_new_database_is_of_the_version_that_needs_no_migration(mdm: Mdm) -> None:
    async with mdm.ground.database.engine.connect() as connection:
        assert await connection.run_sync(version_of) == NEWEST


async def test_postgresql_shows_a_transaction_the_rows_of_its_own_school_only(mdm: Mdm) -> None:
    if mdm.ground.database.url.get_backend_name() == "sqlite":
        # SQLite has no such thing: there the statements alone hold it.
        return
    await open_school(mdm.ground, "elsewhere", "Elsewhere")
    async with mdm.ground.database.reading("elsewhere") as connection:
        counted = select(func.count()).select_from(teachers)
        assert (await connection.execute(counted)).scalar() == 0
        guarded = text("SELECT count(*) FROM pg_policies WHERE policyname = 'tenant'")
        assert (await connection.execute(guarded)).scalar() == len(tenant_tables())
    row = {"school": mdm.school, "id": "x", "login": "x", "name": "x", "password_hash": "x"}
    with pytest.raises(DBAPIError, match="row-level security"):
        async with mdm.ground.database.writing("elsewhere") as connection:
            await connection.execute(insert(teachers).values(row))


ASKERS: Final[tuple[tuple[dict[str, str], str], ...]] = (
    ({}, "application/json"),  # apps and devices of before
    ({"accept": "application/json, application/problem+json"}, PROBLEM),
    ({"user-agent": "curl/8"}, PROBLEM),
)
"""Who asks by which headers, and the type that a problem is to have for them."""


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_full_house_says_that_it_lives_and_sends_all_else_away(mdm: Mdm) -> None:
    app, door = join(mdm.ground, Readiness(mdm.ground))
    door.rooms.inside = door.rooms.most
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://mdm") as http:
        for path in ("/health", "/ready"):  # who is asked too much is not to be started anew for it
            assert (await http.get(path)).status_code == 200
        away = await asyncio.gather(
            *(http.get("/api/scopes", headers=headers) for headers, _ in ASKERS)
        )
    assert door.rooms.refused == len(ASKERS)
    for answer, (_, kind) in zip(away, ASKERS, strict=True):
        assert_problem(answer, kind, Problem("busy", "", 503, "Service Unavailable"))


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_who_checks_in_too_often_is_told_so_at_the_door(mdm: Mdm) -> None:
    one = mdm.sample["devices"][0]
    asked = {"code": one["code"], "csr": new_request(), "inventory": {"kind": "test"}}
    assert (await mdm.http.post("/api/enrolments", json=asked)).is_success
    with suppress(TooFast):
        while True:
            mdm.ground.limits.check_in(mdm.school, one["device"])
    app, door = join(mdm.ground, Readiness(mdm.ground))
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://mdm") as http:
        http.headers.update(bearer(await mdm.passed(one["device"])))
        for headers, kind in ASKERS:
            answer = await http.post("/api/check-in", json={"inventory_hash": ""}, headers=headers)
            assert_problem(answer, kind, Problem("too-many-requests", "", 429, "Too Many Requests"))
    assert door.check_ins.outcomes.too_fast == len(ASKERS)


def assert_problem(answer: httpx.Response, kind: str, told: Problem) -> None:
    """Find an answer as the generated description has it, with a time to come back at."""
    assert (answer.status_code, answer.headers["content-type"]) == (told.status, kind)
    assert msgspec.json.decode(answer.content, type=Problem, strict=True) == told
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_mornings_proofs_and_teachers_sign_ins_take_no_place_of_each_other(
    mdm: Mdm,
) -> None:
    app, door = join(mdm.ground, Readiness(mdm.ground))
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType] - two names for ASGI
    proof = {"school": mdm.school, "key": "0" * 64, "proof": "x"}
    async with httpx.AsyncClient(transport=transport, base_url="http://mdm") as http:

        async def answered() -> tuple[int, int]:
            shown = await http.post("/api/proofs", json=proof)
            return shown.status_code, (await http.post("/api/sign-in", json={})).status_code

        assert await answered() == (403, 400)
        door.rooms.inside = door.rooms.most
        assert await answered() == (403, 503)
        door.rooms.inside, door.proofs.way.inside = 0, door.proofs.way.most
        assert await answered() == (503, 400)
    assert (door.proofs.outcomes.refused, door.proofs.way.refused) == (2, 1)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_process_of_one_room_has_the_routes_of_no_other(mdm: Mdm) -> None:
    def routes(only: Collection[str]) -> list[str]:
        return [path for _, path in doors(application(mdm.ground, only=only))]

    every, common = routes(ROOMS), routes(())
    assert {"/health", "/ready"} <= set(common)
    apart = [path for room in ROOMS for path in routes({room}) if path not in common]
    assert sorted(apart) == sorted(path for path in every if path not in common)
    transport = httpx.ASGITransport(application(mdm.ground, only={"fleet"}))  # pyright: ignore[reportArgumentType] - two names for ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://mdm") as http:
        assert (await http.post("/api/sign-in", json={})).status_code == 404
        assert (await http.post("/api/check-in", json={})).status_code == 401


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_the_ingress_sends_each_path_to_a_server_that_has_its_room(mdm: Mdm) -> None:
    sent = dict(SENT.findall(INGRESS.read_text(encoding="utf-8")))
    there = {
        name: {path for _, path in doors(application(mdm.ground, only=rooms))}
        for name, rooms in server_groups().items()
    }
    assert set(there) == set(sent.values())
    for path in {path for _, path in doors(mdm.app) if path.startswith("/api/")}:
        (prefix,) = (each for each in sent if path == each or path.startswith(f"{each}/"))
        assert path in there[sent[prefix]], path


async def test_a_token_of_one_school_opens_no_other(mdm: Mdm) -> None:
    await open_school(mdm.ground, "elsewhere", "Elsewhere")
    token = (await mdm.sign_in())["token"].removesuffix(mdm.school) + "elsewhere"
    answer = await mdm.http.get("/api/scopes", headers=bearer(token))
    assert answer.status_code == 401
