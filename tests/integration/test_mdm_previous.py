"""While servers are updated, the version before serves on the newest schema, beside the new one."""

import asyncio
import json
import os
import re
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from blake3 import blake3
from sqlalchemy import Connection, create_engine, inspect, text

from central_mdm.contract.fleet import Inventory
from central_mdm.contract.partage import ChunkRef, FileOffered, Manifest
from central_mdm.joining import ground_at
from central_mdm.platform import migrations
from central_mdm.platform.migrate import NEWEST, upgrade
from central_mdm.verifying import look_through
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.sync import Sync
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.enrolled import read_enrolment
from device_bridge.agent.guard.mdm import CheckIns, enrol
from tests import postgres
from tests.benchmarks.served import listening
from tests.integration.test_check_ins import duties_of
from tests.mdm import Prepared, bearer, new_request, sample_of_today
from tests.previous import command, kept, version_in
from tests.sync_store import MemoryStore, Trusting

pytestmark = pytest.mark.real_loop
VERSIONS = sorted((Path(migrations.__file__).parent / "versions").glob("v*.py"))
OPERATE = Path(__file__).parents[2] / "docs" / "operate.md"
BYTES_MAX = 400_000


def test_the_code_of_the_version_just_before_is_kept_here() -> None:
    before = VERSIONS[-2].name[1:5]
    assert VERSIONS[-1].name[1:5] == NEWEST
    how = "keep it: python -m tests.previous COMMIT, the last one of that version"
    assert [version_in(path) for path in kept()] == [before], how
    assert kept()[0].stat().st_size < BYTES_MAX


def test_indexes_that_an_operator_makes_before_an_update_are_the_migrations_own(
    a_cluster: Callable[[], Path],
) -> None:
    statements = re.findall("^CREATE INDEX CONCURRENTLY .*;$", OPERATE.read_text(), re.MULTILINE)
    names = sorted(re.findall("IF NOT EXISTS ([a-z_]+) ON ", "\n".join(statements)))
    assert len(names) == len(statements) > 0
    wanted = text("SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(:names)")

    def made(connection: Connection) -> list[tuple[str, str]]:
        rows = connection.execute(wanted, {"names": names})
        return sorted((name, definition) for name, definition in rows)

    with postgres.database(a_cluster(), "test_ahead") as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            upgrade(connection, "0020")
        with engine.connect() as connection, connection.begin() as tried:
            upgrade(connection, "head")
            by_migration = made(connection)
            tried.rollback()
        by_hand = engine.execution_options(isolation_level="AUTOCOMMIT")
        with by_hand.connect() as connection:
            assert made(connection) == []
            for statement in statements:
                connection.execute(text(statement))
        with engine.begin() as connection:
            upgrade(connection, "head")
            assert made(connection) == by_migration
        engine.dispose()
    assert [name for name, _ in by_migration] == names


class Shape(NamedTuple):
    """What code may count on: columns by table, which of them an insert must give, what is one."""

    columns: set[tuple[str, str]]
    demanded: set[tuple[str, str]]
    unique: set[tuple[str, tuple[str, ...]]]


def shape(connection: Connection) -> Shape:
    """Look at a whole database."""
    found, made = inspect(connection), Shape(set(), set(), set())
    for table in found.get_table_names():
        for column in found.get_columns(table):
            made.columns.add((table, column["name"]))
            if not column["nullable"] and column["default"] is None:
                made.demanded.add((table, column["name"]))
        keys = [found.get_pk_constraint(table)["constrained_columns"]]
        keys += [one["column_names"] for one in found.get_unique_constraints(table)]
        keys += [one["column_names"] for one in found.get_indexes(table) if one["unique"]]
        made.unique.update((table, tuple(sorted(map(str, key)))) for key in keys)
    return made


def taken_away(before: Shape, after: Shape) -> list[object]:
    """List what code that knew the shape of before can do no longer."""
    known = {table for table, _ in before.columns}
    demanded = {one for one in after.demanded - before.demanded if one[0] in known}
    unique = {one for one in after.unique - before.unique if one[0] in known}
    return [*(before.columns - after.columns), *demanded, *unique]


def unread_since(text: str) -> str:
    """Return the version of `UNREAD_SINCE` in a migration; "" where it names none."""
    found = re.search(r'^UNREAD_SINCE(?:: Final)? = "([0-9]{4})"$', text, re.MULTILINE)
    return found[1] if found else ""


def test_a_migration_that_takes_away_names_the_version_that_does_without() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        before = Shape(set(), set(), set())
        for path in VERSIONS:
            number = path.name[1:5]
            upgrade(connection, number)
            after = shape(connection)
            named = unread_since(path.read_text(encoding="utf-8"))
            assert not taken_away(before, after) or "" < named < number, path.name
            before = after
        for harm in (
            "ALTER TABLE teachers DROP COLUMN thumbprint",
            "ALTER TABLE teachers RENAME COLUMN name TO full_name",
            "ALTER TABLE tenants RENAME TO schools_here",
            "CREATE UNIQUE INDEX one ON roster_classes (name)",
        ):
            connection.execute(text(harm))
            assert taken_away(before, shape(connection)), harm
            before = shape(connection)
    engine.dispose()


@contextmanager
def earlier(folder: Path, *more: str) -> Generator[str]:
    """Serve what is in `folder` by the code of the version before; yield its address."""
    (code,) = kept()
    words = command("serve", "--folder", folder, *more)
    told = os.environ | {"PYTHONPATH": str(code)}
    with (
        (folder / "log-before").open("ab") as log,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, env=told, cwd="/") as process,
    ):
        assert process.stdout
        try:
            assert process.stdout.readline().decode().strip() == version_in(code)
            yield json.loads(process.stdout.readline())["listening"]
        finally:
            process.terminate()


class InTurn(httpx.AsyncBaseTransport):
    """Sends each request to the next server, as an ingress before several does."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._turns = cycle([httpx.URL(each) for each in servers])
        self._http = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        server = next(self._turns)
        request.url = request.url.copy_with(host=server.host, port=server.port)
        return await self._http.handle_async_request(request)

    async def aclose(self) -> None:
        await self._http.aclose()


class App(Cloud):
    """The teacher's client, whatever carries what it asks."""

    def __init__(self, through: httpx.AsyncClient) -> None:
        super().__init__()
        self._http = through


@asynccontextmanager
async def through(*servers: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=InTurn(servers), base_url="http://mdm") as http:
        yield http


async def a_device_lives(http: httpx.AsyncClient, folder: Folder, code: str) -> None:
    """Let the agent's own code enrol, check in, change, show its key anew."""

    @asynccontextmanager
    async def client() -> AsyncGenerator[httpx.AsyncClient]:
        yield http

    found = Inventory("laptop", networks="10.7.0.0/24")
    await enrol(folder, "http://mdm", code, found, client)
    check_ins = CheckIns(folder, read_enrolment(folder), duties_of(lambda: found, client))
    for networks in ("10.7.0.0/24", "10.7.0.0/24", "10.9.0.0/24"):
        found = Inventory("laptop", networks=networks)
        await check_ins.once()


async def a_teacher_lives(http: httpx.AsyncClient, sample: dict[str, Any], name: str) -> None:
    """Let the app's own code sign in, get a grant, pull, push, and bring collected work."""
    app, store = App(http), MemoryStore(origin=f"store-{name}")
    account, piece = sample["teachers"][0], name.encode() * 100
    manifest = Manifest(1, "fixed-4m", len(piece), (ChunkRef(len(piece), blake3(piece).digest()),))
    store.chunks[blake3(piece).digest()] = piece
    pupil = sample["devices"][0]["pupil"]
    packed = msgspec.msgpack.encode(manifest)
    store.files.append(FileOffered(f"file-{name}", f"l-{name}", "5B", pupil, name, packed))
    for number in range(1, 4):
        about = {"id": f"{name}-{number}", "origin": store.origin, "lesson": f"l-{name}"}
        store.write(number, **about)
    who = (sample["school"], account["login"], account["password"])
    await app.sign_in("http://mdm", *who, new_request())
    await app.grant()
    await app.refresh()
    for _ in range(2):
        sync = Sync(app, store, Trusting(), lambda _: None, time.time)
        await sync.once()
        assert sync.state.in_step
    assert {one.state for one in store.outcomes.values()} == {"applied"}
    assert store.answers[f"file-{name}"].state == "kept"
    assert "class:5B" in store.rows
    (chunk,) = manifest.chunks
    assert await app.get_chunk(chunk.hash.hex(), f"file-{name}") == piece


async def asked_amiss(server: str, sample: dict[str, Any]) -> list[tuple[int, str]]:
    """Ask whether it is ready, and then for what is to be refused; return how it was."""
    school = sample["school"]
    stranger, forged = bearer(f"t.{'x' * 43}.{school}"), bearer(f"p.{'A' * 60}.{school}")
    asked: list[tuple[str, dict[str, object], dict[str, str]]] = [
        ("/api/sign-in", {"school": school, "login": "lambert", "password": "no"}, {}),
        ("/api/sign-in", {"school": school}, {}),
        ("/api/enrolments", {"code": "AAAA-BBBB", "csr": "x", "inventory": {"kind": "x"}}, {}),
        ("/api/check-in", {}, forged),
        ("/api/check-in", {}, stranger),
        ("/api/journal", {"events": []}, {}),
        ("/nowhere", {}, {}),
    ]
    async with httpx.AsyncClient(base_url=server) as http:
        assert (await http.get("/ready")).json() == {"ok": True}
        answers = [
            await http.post(path, json=body, headers=headers) for path, body, headers in asked
        ]
    return [(answer.status_code, answer.json()["code"]) for answer in answers]


def errors_in(log: Path) -> list[str]:
    """Return what a server found wrong with itself: a traceback begins at the line's start."""
    return [line for line in log.read_text().splitlines() if line.startswith("Traceback")]


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_old_and_new_servers_serve_one_school_in_turn(
    tmp_path: Path, prepared_school: Prepared
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(prepared_school.copy(tmp_path))
        sample = await sample_of_today(tmp_path, url)
        old, (new, _) = await asyncio.gather(
            asyncio.to_thread(stack.enter_context, earlier(tmp_path, "--database", url)),
            asyncio.to_thread(stack.enter_context, listening(tmp_path, "--database", url)),
        )
        given = [device["code"] for device in sample["devices"]]
        rounds = {"in-turn": (old, new), "another-way": (new, old, old)}
        for code, (name, servers) in zip(given, rounds.items(), strict=False):
            async with through(*servers) as http:
                await a_device_lives(http, Folder(tmp_path / name), code)
                await a_teacher_lives(http, sample, name)
        assert await asked_amiss(old, sample) == await asked_amiss(new, sample)
    assert errors_in(tmp_path / "log-before") == errors_in(tmp_path / "log") == []


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_school_of_its_own_may_go_back_to_the_version_before_and_on_again(
    tmp_path: Path, prepared_school: Prepared
) -> None:
    with prepared_school.copy(tmp_path):
        sample = await sample_of_today(tmp_path)
        with earlier(tmp_path) as old:
            async with through(old) as http:
                await a_device_lives(http, Folder(tmp_path / "old"), sample["devices"][0]["code"])
                await a_teacher_lives(http, sample, "old")
        async with ground_at(tmp_path) as ground:
            looked = (await look_through(ground))[sample["school"]]
        assert (looked.events, looked.chunks, looked.faults) == (3, 1, [])
    assert errors_in(tmp_path / "log-before") == []
