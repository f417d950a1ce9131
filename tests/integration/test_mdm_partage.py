"""Files come chunk by chunk, are kept when whole, and are read back by their class only."""

import asyncio
import base64
import errno
import logging
import os
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import blake3
import httpx
import msgspec
import pytest
from litestar.types import HTTPReceiveMessage, Message
from sqlalchemy import delete, event, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from central_mdm.contract.partage import CHUNK_BYTES_MAX, FILES_ASKED_MAX, ChunkRef, Manifest
from central_mdm.contract.register import Teaching
from central_mdm.fleet.ended import choose_role
from central_mdm.identity.model import teachers
from central_mdm.identity.rules import open_school
from central_mdm.joining import OBJECTS
from central_mdm.partage import forgetting
from central_mdm.partage.api import CHUNKS_BESIDE, OFFER_BYTES_MAX
from central_mdm.partage.forgetting import drop_documents, forget_files
from central_mdm.partage.holding import mark_absent
from central_mdm.partage.model import chunks, documents, files
from central_mdm.partage.quota import (
    LENT_BYTES_MAX,
    LENT_SECONDS,
    Lent,
    keep_quota,
    room_of_person,
    room_of_school,
)
from central_mdm.platform.authentication import Caller
from central_mdm.roster.administering import teach
from central_mdm.tidying import DAY_SECONDS, Retention, tidy
from central_mdm.verifying import look_through
from tests.disks import disk
from tests.mdm import Mdm, Prepared, running, waiting

pytestmark = pytest.mark.real_loop


def document(*sizes: int) -> tuple[list[bytes], bytes]:
    """Make chunks of these sizes and the encoded manifest over them."""
    pieces = [os.urandom(size) for size in sizes]
    refs = tuple(ChunkRef(len(each), blake3.blake3(each).digest()) for each in pieces)
    return pieces, msgspec.msgpack.encode(Manifest(1, "fixed-4m", sum(sizes), refs))


def an_offer(mdm: Mdm, manifest: bytes, **changed: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": "file-1",
        "lesson": "lesson-1",
        "class_id": "5B",
        "pupil": mdm.sample["devices"][0]["pupil"],
        "name": "../Élève — devoir.pdf",
        "manifest": base64.b64encode(manifest).decode(),
    }
    return made | changed


async def offer(mdm: Mdm, offered: dict[str, Any], login: str = "lambert") -> dict[str, Any]:
    answer = await mdm.http.post("/api/files", json=offered, headers=await mdm.as_teacher(login))
    assert answer.status_code == 200, answer.text
    return answer.json()


def later(mdm: Mdm, days: int) -> None:
    mdm.clock.at += days * DAY_SECONDS
    mdm.tokens.clear()  # they have ended


async def put(mdm: Mdm, content: bytes, name: str = "") -> int:
    url = f"/api/chunks/{name or blake3.blake3(content).hexdigest()}"
    answer = await mdm.http.put(url, content=content, headers=await mdm.as_teacher())
    return answer.status_code


async def grouped(mdm: Mdm, headers: dict[str, str], name: str = "G") -> httpx.Response:
    """Have something written into the database."""
    asked = {"id": "g", "name": name, "rule": {"kind": "laptop"}}
    return await mdm.http.post("/api/fleet/groups", json=asked, headers=headers)


def want_full(answer: httpx.Response, caplog: pytest.LogCaptureFixture) -> None:
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 60
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert said == ["the disk is full"]
    caplog.clear()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_where_the_database_s_disk_is_full_a_request_is_to_come_again_in_a_minute(
    tmp_path: Path, prepared_school: Prepared, caplog: pytest.LogCaptureFixture
) -> None:
    with disk(tmp_path / "disk", "16m") as small:
        folder = small.folder / "school"
        with prepared_school.copy(folder) as url:
            async with running(folder, url) as mdm:
                await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
                mine = await mdm.as_administrator("t-sane")
                small.fill()
                want_full(await grouped(mdm, mine), caplog)
                small.empty()
                assert (await grouped(mdm, mine)).status_code == 200


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_where_postgresql_s_disk_is_full_a_request_is_to_come_again_in_a_minute(
    mdm: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    await choose_role(mdm.ground, mdm.school, "t-sane", "administrator")
    mine = await mdm.as_administrator("t-sane")
    raises = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
    raises += "$$ BEGIN RAISE 'no room' USING ERRCODE = 'disk_full'; END $$"
    before = "CREATE TRIGGER full_disk BEFORE INSERT ON fleet_groups EXECUTE FUNCTION no_room()"
    async with mdm.ground.database.writing(mdm.school) as connection:
        for statement in (raises, before):
            await connection.execute(text(statement))
    want_full(await grouped(mdm, mine), caplog)


async def test_where_the_disk_is_full_a_chunk_is_to_come_again_in_a_minute(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no room", descriptor)

    pieces, manifest = document(100)
    await offer(mdm, an_offer(mdm, manifest))
    url = f"/api/chunks/{blake3.blake3(pieces[0]).hexdigest()}"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = await mdm.http.put(url, content=pieces[0], headers=await mdm.as_teacher())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 60  # spread, so that not all come at once
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert said == ["the disk is full"]
    caplog.clear()
    assert await put(mdm, pieces[0]) == 204
    assert (await offer(mdm, an_offer(mdm, manifest)))["missing"] == []


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", f"/api/chunks/{'0' * 64}"), ("POST", "/api/files")]
)
async def test_an_upload_that_is_cut_off_is_no_fault_of_the_servers(
    mdm: Mdm, method: str, path: str
) -> None:
    """No traceback is logged (a test ends red for one): a school's line is cut every day."""
    told: list[dict[str, Any]] = []
    comes = iter(({"type": "http.request", "body": b"{", "more_body": True},))
    headers = {**await mdm.as_teacher(), "content-length": "4000", "host": "mdm"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("mdm", 80),
    }

    async def receive() -> dict[str, Any]:
        return next(comes, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    await mdm.app(scope, receive, send)  # pyright: ignore[reportArgumentType] - two names for ASGI
    assert told[0]["status"] == 400


async def test_no_other_user_of_the_machine_reads_what_was_handed_in(
    mdm: Mdm, tmp_path: Path
) -> None:
    (tmp_path / OBJECTS).mkdir()
    (tmp_path / OBJECTS).chmod(0o755)  # by an operator, or by a restore of before
    assert await put(mdm, b"work") == 204
    assert (tmp_path / OBJECTS).stat().st_mode & 0o777 == 0o750


class SlowLine:
    """Asks for one thing, takes some bytes, and no more until it `goes_on`: as uvicorn waits."""

    def __init__(self, path: str, token: str) -> None:
        about = {"method": "GET", "scheme": "http", "root_path": "", "query_string": b""}
        where = {"path": path, "raw_path": path.encode(), "client": None, "server": None}
        headers = [(b"host", b"mdm"), (b"authorization", token.encode())]
        self.scope: Any = {"type": "http", **about, **where, "headers": headers}
        self.waits, self.goes_on, self._over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.sent = list[bytes]()
        self._says = [True]

    async def receive(self) -> HTTPReceiveMessage:
        if self._says:
            self._says.pop()
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.sent and not self.goes_on.is_set():
            self.waits.set()
            await self.goes_on.wait()
        if message["type"] == "http.response.body":
            self.sent.extend([message["body"]] if message["body"] else [])
            if not message["more_body"]:
                self._over.set()


async def test_a_whole_file_is_read_from_its_place_a_chunk_at_a_time(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces, manifest = document(CHUNK_BYTES_MAX, 70_000, 1)
    for piece in pieces:
        await put(mdm, piece)
    await offer(mdm, an_offer(mdm, manifest))
    line = SlowLine("/api/files/file-1", (await mdm.as_teacher())["authorization"])
    read, reads = list[str](), mdm.ground.objects.read

    async def reading(school: str, name: str) -> bytes | None:
        read.append(name)
        return await reads(school, name)

    monkeypatch.setattr(mdm.ground.objects, "read", reading)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(mdm.app(line.scope, line.receive, line.send))
        await line.waits.wait()
        assert (len(read), line.sent) == (1, pieces[:1])
        line.goes_on.set()
    assert line.sent == pieces


async def test_a_file_is_kept_when_its_last_chunk_is_here_and_read_back_whole(mdm: Mdm) -> None:
    pieces, manifest = document(CHUNK_BYTES_MAX, 70_000, 1)
    offered = an_offer(mdm, manifest)
    asked = await offer(mdm, offered)
    assert asked["missing"] == [blake3.blake3(each).hexdigest() for each in pieces]
    for piece in (pieces[2], pieces[0], pieces[0]):  # in any order, twice is once
        assert await put(mdm, piece) == 204
    assert (await offer(mdm, offered))["missing"] == [blake3.blake3(pieces[1]).hexdigest()]
    await put(mdm, pieces[1])
    kept = await offer(mdm, offered)
    assert (kept["state"], kept["document"]) == ("kept", blake3.blake3(manifest).hexdigest())
    assert await offer(mdm, offered) == kept
    read = await mdm.http.get("/api/files/file-1", headers=await mdm.as_teacher("keller"))
    assert read.content == b"".join(pieces)
    assert read.headers["content-type"] == "application/octet-stream"
    assert "/" not in read.headers["content-disposition"]


async def test_only_teachers_of_the_class_may_read_or_hand_in(mdm: Mdm) -> None:
    pieces, manifest = document(10)
    await put(mdm, pieces[0])
    await offer(mdm, an_offer(mdm, manifest))
    foreign = await mdm.http.get("/api/files/file-1", headers=await mdm.as_teacher("sane"))
    assert (foreign.status_code, foreign.json()["code"]) == (404, "no-file")
    refused = await offer(mdm, an_offer(mdm, manifest, id="file-2"), login="sane")
    assert refused["reason"] == "foreign-class"
    stranger = await offer(mdm, an_offer(mdm, manifest, id="file-2", pupil="nobody"))
    assert stranger["reason"] == "foreign-pupil"


async def test_who_has_a_class_no_more_brings_and_reads_what_is_of_then_and_no_other_work(
    mdm: Mdm,
) -> None:
    pieces, manifest = document(1)
    await put(mdm, pieces[0])
    await offer(mdm, an_offer(mdm, manifest))
    for told in (Teaching("t-sane", "5B"), Teaching("t-lambert", "5B", teaches=False)):
        await teach(mdm.ground, mdm.school, told)
    late = await offer(mdm, an_offer(mdm, manifest, id="file-2"))
    assert late["state"] == "kept", "collected before, and brought now"
    theirs = await offer(mdm, an_offer(mdm, manifest, id="file-3"), login="sane")
    assert theirs["state"] == "kept"
    headers = await mdm.as_teacher()
    asked = [await mdm.http.get(f"/api/files/file-{n}", headers=headers) for n in (1, 2, 3)]
    assert [answer.status_code for answer in asked] == [200, 200, 404]
    listed = (await mdm.http.get("/api/files?class=5B", headers=headers)).json()
    assert [each["id"] for each in listed["files"]] == ["file-1", "file-2"]


async def test_a_teacher_asks_which_works_are_here_and_hears_nothing_of_anothers(
    mdm: Mdm,
) -> None:
    async def lacking(login: str, *ids: str) -> list[str]:
        headers = await mdm.as_teacher(login)
        told = await mdm.http.post("/api/files/lacking", json={"ids": ids}, headers=headers)
        assert told.status_code == 200, told.text
        return told.json()["ids"]

    pieces, manifest = document(1)
    await put(mdm, pieces[0])
    await offer(mdm, an_offer(mdm, manifest))
    await offer(mdm, an_offer(mdm, manifest, id="file-2"), login="keller")
    assert await lacking("lambert", "none", "file-1", "file-2") == ["none", "file-2"]
    assert await lacking("keller", "file-1", "file-2") == ["file-1"]
    assert await lacking("keller") == []
    many = {"ids": ["file-1"] * (FILES_ASKED_MAX + 1)}
    headers = await mdm.as_teacher()
    refused = await mdm.http.post("/api/files/lacking", json=many, headers=headers)
    assert refused.status_code == 400


async def test_the_same_id_for_another_document_is_refused(mdm: Mdm) -> None:
    for number, (pieces, manifest) in enumerate((document(5), document(6))):
        await put(mdm, pieces[0])
        answer = await offer(mdm, an_offer(mdm, manifest))
        assert answer["state"] == ("refused" if number else "kept")


async def test_a_manifest_that_lies_is_refused(mdm: Mdm) -> None:
    pieces, _ = document(100)
    await put(mdm, pieces[0])
    digest = blake3.blake3(pieces[0]).digest()
    lies = [
        Manifest(1, "fixed-4m", 99, (ChunkRef(100, digest),)),
        Manifest(1, "fixed-4m", 50, (ChunkRef(50, digest),)),
    ]
    reasons = [
        (await offer(mdm, an_offer(mdm, msgspec.msgpack.encode(lie))))["reason"] for lie in lies
    ]
    assert reasons == ["bad-manifest", "wrong-size"]
    assert (await offer(mdm, an_offer(mdm, b"\xc1 no manifest")))["reason"] == "bad-manifest"


async def test_an_empty_file_is_a_file(mdm: Mdm) -> None:
    _, manifest = document()
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"
    read = await mdm.http.get("/api/files/file-1", headers=await mdm.as_teacher())
    assert (read.status_code, read.content) == (200, b"")


async def test_a_chunk_is_what_its_name_says_and_no_larger_than_a_chunk(mdm: Mdm) -> None:
    assert await put(mdm, b"content", "0" * 64) == 400
    assert await put(mdm, b"content", "../../etc/passwd") in {400, 404}
    assert await put(mdm, b"content", "ABCD") == 400
    assert await put(mdm, b"") == 400
    assert await put(mdm, bytes(CHUNK_BYTES_MAX + 1)) == 413


async def test_what_one_school_holds_is_missing_in_another(mdm: Mdm, tmp_path: Path) -> None:
    pieces, _ = document(64)
    await put(mdm, pieces[0])
    await open_school(mdm.ground, "..", "A school with a name to climb by")
    name = blake3.blake3(pieces[0]).hexdigest()
    assert await mdm.ground.objects.read(mdm.school, name) == pieces[0]
    assert await mdm.ground.objects.read("..", name) is None
    await mdm.ground.objects.keep("..", name, pieces[0])
    assert not list(tmp_path.rglob("*.part"))  # noqa: ASYNC240 - a small folder
    assert len(list((tmp_path / "objects").rglob(name))) == 2


async def test_a_file_comes_back_by_manifest_and_chunks_and_goes_on_where_it_was_cut(
    mdm: Mdm,
) -> None:
    pieces, manifest = document(1000, 50)
    for piece in pieces:
        await put(mdm, piece)
    await offer(mdm, an_offer(mdm, manifest))
    headers = await mdm.as_teacher()
    (named,) = (await mdm.http.get("/api/files?class=5B", headers=headers)).json()["files"]
    assert (named["id"], named["size"]) == ("file-1", 1050)
    told = await mdm.http.get("/api/files/file-1/manifest", headers=headers)
    assert base64.b64decode(told.json()["manifest"]) == manifest
    url = f"/api/chunks/{(name := blake3.blake3(pieces[0]).hexdigest())}?file=file-1"
    whole = await mdm.http.get(url, headers=headers)
    assert (whole.status_code, whole.content) == (200, pieces[0])
    for asked, status, part in (
        ("bytes=990-", 206, pieces[0][990:]),
        ("bytes=-4", 206, pieces[0][-4:]),
        ("bytes=0-0", 206, pieces[0][:1]),
        ("bytes=1000-", 416, b""),
        ("bytes=1-2,5-6", 200, pieces[0]),
        ("lines=1-2", 200, pieces[0]),
    ):
        some = await mdm.http.get(url, headers={**headers, "range": asked})
        assert (some.status_code, some.content) == (status, part), asked
    held = {**headers, "if-none-match": whole.headers["etag"]}
    assert (await mdm.http.get(url, headers=held)).status_code == 304
    other = f"/api/chunks/{'0' * 64}?file=file-1"
    assert (await mdm.http.get(other, headers=headers)).json()["code"] == "no-chunk"
    for path in (url, "/api/files/file-1/manifest", "/api/files?class=5B"):
        foreign = await mdm.http.get(path, headers=await mdm.as_teacher("sane"))
        assert foreign.status_code == 404, name
    sane = next(each["id"] for each in mdm.sample["teachers"] if each["login"] == "sane")
    async with mdm.ground.database.writing(mdm.school) as connection:
        whose = (teachers.c.school == mdm.school, teachers.c.id == sane)
        await connection.execute(update(teachers).where(*whose).values(role="administrator"))
    answers = await mdm.http.get(url, headers=await mdm.as_administrator("t-sane"))
    assert answers.content == pieces[0]


async def test_a_school_that_is_full_says_how_much_is_left_before_a_byte_is_sent(mdm: Mdm) -> None:
    pieces, manifest = document(600, 300)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 700)
    await put(mdm, pieces[0])
    refused = await offer(mdm, an_offer(mdm, manifest))
    assert (refused["state"], refused["reason"], refused["left_bytes"]) == ("refused", "quota", 100)
    assert (refused["allowed_bytes"], refused["quota_of"]) == (700, "school")
    assert await put(mdm, pieces[1]) == 413
    assert await put(mdm, pieces[0]) == 204, "what is here takes no more room"
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 900)
    assert await put(mdm, pieces[1]) == 204
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"


async def test_one_person_fills_no_more_than_their_own_part_of_the_school(mdm: Mdm) -> None:
    pieces, manifest = document(600, 300)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 10_000, person=700)
    await put(mdm, pieces[0])
    refused = await offer(mdm, an_offer(mdm, manifest))
    assert (refused["reason"], refused["quota_of"]) == ("quota", "person")
    assert (refused["left_bytes"], refused["allowed_bytes"]) == (100, 700)
    url = f"/api/chunks/{blake3.blake3(pieces[1]).hexdigest()}"
    answer = await mdm.http.put(url, content=pieces[1], headers=await mdm.as_teacher())
    assert (answer.status_code, answer.json()["code"]) == (413, "quota")
    assert answer.json()["detail"] == "The person keeps 600 of 700 bytes: 100 are left."
    other = await mdm.http.put(url, content=pieces[1], headers=await mdm.as_teacher("keller"))
    assert other.status_code == 204, "a colleague has room of their own"
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept", "it counts once"
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 10_000)
        caller = Caller(mdm.school, "teacher", "t-lambert")
        of_school = await room_of_school(connection, caller)
        of_person = await room_of_person(connection, caller)
    assert (of_school.allowed, of_person.allowed) == (10_000, 700)


def statements(mdm: Mdm) -> list[tuple[str, Any]]:
    """Return what is asked of the database from now on, with its parameters."""
    seen: list[tuple[str, Any]] = []

    def asked(*told: Any) -> None:  # noqa: ANN401 - connection, cursor, statement, and more
        seen.append((told[2], told[3]))

    event.listen(mdm.ground.database.engine.sync_engine, "before_cursor_execute", asked)
    return seen


async def test_what_is_held_is_not_summed_for_each_chunk_and_a_lowered_quota_holds_in_a_minute(
    mdm: Mdm,
) -> None:
    seen = statements(mdm)
    for number in range(10):
        pieces, manifest = document(1000)
        made = an_offer(mdm, manifest, id=f"file-{number}")
        assert (await offer(mdm, made))["missing"]
        assert await put(mdm, pieces[0]) == 204
        assert (await offer(mdm, made))["state"] == "kept"
    assert len([asked for asked, _ in seen if "sum(" in asked]) == 2, "the school's, the person's"
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 10_000)
    mdm.clock.at += LENT_SECONDS
    assert await put(mdm, b"1") == 413


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_person_s_loan_is_summed_by_what_they_brought_and_never_the_whole_school(
    mdm: Mdm,
) -> None:
    async def sums(process: Lent, person: str, size: int) -> list[str]:
        seen.clear()
        caller = Caller(mdm.school, "teacher", person)
        async with mdm.ground.database.reading(mdm.school) as connection:
            assert await process.lacking(connection, caller, size, takes=True) is None
        return ["person" if "brought_by" in asked else "school" for asked, _ in seen]

    seen, process = statements(mdm), Lent(mdm.ground.clock)
    assert sorted(await sums(process, "t-lambert", 1)) == ["person", "school"]
    assert await sums(process, "t-keller", 1) == ["person"], "another's first"
    assert await sums(process, "t-lambert", 1) == []
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 100 * LENT_BYTES_MAX, person=160)
    person = Lent(mdm.ground.clock)
    assert sorted(await sums(person, "t-lambert", 10)) == ["person", "school"]
    assert await sums(person, "t-lambert", 1) == ["person"], "what was lent is used up"
    assert await sums(process, "t-keller", LENT_BYTES_MAX - 2) == ["school"]


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_quota_is_passed_by_no_more_than_was_lent_to_another_process(mdm: Mdm) -> None:
    async def lacks(process: Lent, size: int) -> int | None:
        caller = Caller(mdm.school, "teacher", "t-lambert")
        async with mdm.ground.database.reading(mdm.school) as connection:
            full = await process.lacking(connection, caller, size, takes=True)
        return full.left if full else None

    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 160_000)
    fills, other = Lent(mdm.ground.clock), Lent(mdm.ground.clock)
    assert [await lacks(one, 1000) for one in (fills, other)] == [None, None]
    row = {"school": mdm.school, "hash": "ab" * 32, "size": 160_000}
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(chunks).values(row))
    assert await lacks(fills, 9001) == 0
    assert [await lacks(other, size) for size in (9000, 1)] == [None, 0]


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_one_person_has_few_chunks_under_way_and_keeps_nobody_elses_out(mdm: Mdm) -> None:
    headers, content = await mdm.as_teacher(), bytes(100_000)
    under_way, goes_on = asyncio.Barrier(CHUNKS_BESIDE + 1), asyncio.Event()
    url = f"/api/chunks/{blake3.blake3(content).hexdigest()}"

    async def slow() -> AsyncGenerator[bytes]:
        yield content[:-1]
        await under_way.wait()
        await goes_on.wait()
        yield content[-1:]

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        begun = [
            tasks.create_task(mdm.http.put(url, content=slow(), headers=headers))
            for _ in range(CHUNKS_BESIDE)
        ]
        await under_way.wait()
        refused = await mdm.http.put(url, content=content, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        other = await mdm.http.put(url, content=content, headers=await mdm.as_teacher("sane"))
        assert other.status_code == 204
        goes_on.set()
    assert {task.result().status_code for task in begun} == {204}
    assert await put(mdm, content) == 204


async def test_chunks_of_an_upload_that_was_given_up_go_after_a_week_and_not_before(
    mdm: Mdm, tmp_path: Path
) -> None:
    pieces, manifest = document(10, 20)
    names = [blake3.blake3(piece).hexdigest() for piece in pieces]
    await put(mdm, pieces[0])
    later(mdm, 6)
    assert (await offer(mdm, an_offer(mdm, manifest)))["missing"] == names[1:]
    later(mdm, 6)
    await tidy(mdm.ground, mdm.school, Retention())
    assert await mdm.ground.objects.read(mdm.school, names[0]) == pieces[0], "counted on since"
    later(mdm, 2)

    async def removing(school: str, name: str) -> None:
        await remove(school, name)
        raise OSError(errno.EIO, "the disk")

    remove, folder = mdm.ground.objects.remove, mdm.ground.objects
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "remove", removing)
        with pytest.raises(OSError, match="the disk"):
            await tidy(mdm.ground, mdm.school, Retention())
    assert (await look_through(mdm.ground))[mdm.school].faults == [], "nobody misses it"
    assert await mark_absent(mdm.ground, mdm.school) == 0
    missing = (await offer(mdm, an_offer(mdm, manifest)))["missing"]
    assert missing == names, "whose bytes may be gone is not here"
    assert await put(mdm, pieces[0]) == 204
    await tidy(mdm.ground, mdm.school, Retention())
    assert await mdm.ground.objects.read(mdm.school, names[0]) == pieces[0], "it was sent anew"
    later(mdm, 8)
    await tidy(mdm.ground, mdm.school, Retention())
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]


async def claim(connection: AsyncConnection, mdm: Mdm, file: str) -> None:
    """Hold the row that an offer wants as well, once it has its document."""
    row = dict.fromkeys(("teacher", "lesson", "class_id", "pupil", "name"), "")
    row |= {"school": mdm.school, "id": file, "document": ""}
    await connection.execute(insert(files).values(row | {"kept_at": mdm.clock.at}))


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_no_more_manifests_are_in_memory_at_once_than_the_nightly_job_has_room_for(
    mdm: Mdm,
) -> None:
    longest = {"school": mdm.school, "size": 1, "manifest": b"\0" * OFFER_BYTES_MAX}
    old = {"school": mdm.school, "hash": "ab" * 32, "size": 1, "kept_at": 1}
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(insert(chunks).values(old))
        for number in range(120):
            await connection.execute(insert(documents).values(longest | {"id": f"{number:064x}"}))
            named = an_offer(mdm, b"") | {"id": f"file-{number}", "document": f"{number:064x}"}
            named |= {"school": mdm.school, "teacher": "t", "kept_at": mdm.clock.at}
            del named["manifest"]
            await connection.execute(insert(files).values(named))
    tracemalloc.start()
    try:
        await forget_files(mdm.ground, mdm.school, 1)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 40 * 2**20, "of 60 MiB"
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert await connection.scalar(select(func.count()).select_from(documents)) == 120


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_a_document_stays_that_is_handed_in_again_while_its_last_work_goes(mdm: Mdm) -> None:
    pieces, manifest = document(100)
    await put(mdm, pieces[0])
    await offer(mdm, an_offer(mdm, manifest))
    again = an_offer(mdm, manifest, id="file-2")
    await mdm.as_teacher()
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as stays:
            await claim(stays, mdm, "file-2")
            offered = group.create_task(offer(mdm, again))
            await waiting(mdm, 1)
            gone = group.create_task(forget_files(mdm.ground, mdm.school, mdm.clock.at + 1))
            await waiting(mdm, 2)
            await stays.execute(delete(files).where(files.c.id == "file-2"))
        assert (await gone, (await offered)["state"]) == (1, "kept")
    read = await mdm.http.get("/api/files/file-2", headers=await mdm.as_teacher())
    assert (read.status_code, read.content) == (200, pieces[0])
    assert (await look_through(mdm.ground))[mdm.school].faults == []


@pytest.mark.parametrize("prepared_school", ["postgresql"], indirect=True)
async def test_a_document_that_was_not_held_stays_where_it_is_named_no_more_and_offered_again(
    mdm: Mdm,
) -> None:
    async def drop() -> None:
        async with mdm.ground.database.writing(mdm.school) as connection:
            await drop_documents(connection, mdm.school, (first, second))

    made = {blake3.blake3(made[1]).hexdigest(): made for made in (document(100), document(100))}
    (first, (_, unnamed)), (second, ((piece,), manifest)) = sorted(made.items())
    for pieces, told, name in ((made[first][0], unnamed, "file-1"), ([piece], manifest, "file-2")):
        await put(mdm, pieces[0])
        assert (await offer(mdm, an_offer(mdm, told, id=name)))["state"] == "kept"
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(delete(files).where(files.c.id == "file-1"))
    async with asyncio.TaskGroup() as group:
        async with mdm.ground.database.writing(mdm.school) as stays:
            await claim(stays, mdm, "file-3")
            async with mdm.ground.database.writing(mdm.school) as holds:
                held = select(documents.c.id).where(documents.c.id == first)
                await holds.execute(held.with_for_update())
                dropped = group.create_task(drop())
                await waiting(mdm, 1)
                async with mdm.ground.database.writing(mdm.school) as connection:
                    await connection.execute(delete(files).where(files.c.id == "file-2"))
                offered = group.create_task(offer(mdm, an_offer(mdm, manifest, id="file-3")))
                await waiting(mdm, 2)
            async with asyncio.timeout(20):
                await dropped  # it waits for nothing that it did not hold
            await stays.execute(delete(files).where(files.c.id == "file-3"))
        assert (await offered)["state"] == "kept"
    read = await mdm.http.get("/api/files/file-3", headers=await mdm.as_teacher())
    assert (read.status_code, read.content) == (200, piece)
    async with mdm.ground.database.reading(mdm.school) as connection:
        assert (await connection.execute(select(documents.c.id))).scalars().all() == [second]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Yield the inodes that a disk gives no more."""

    def read_bytes(path: Path) -> bytes:
        if path.stat().st_ino in unread:
            raise OSError(errno.EIO, "the disk")
        return reads(path)

    unread, reads = set[int](), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return unread


def spoil(path: Path, how: str, unreadable: set[int]) -> None:
    match how:
        case "lost":
            path.unlink()
        case "rotten":
            first, *rest = path.read_bytes()
            path.write_bytes(bytes([first ^ 1, *rest]))
        case _:
            unreadable.clear()  # a number is given again once its file is gone
            unreadable.add(path.stat().st_ino)


@pytest.mark.parametrize("spoilt", ["lost", "rotten", "unreadable"])
async def test_a_chunk_that_is_lost_or_rotten_is_asked_for_and_healed_by_whoever_has_it(
    mdm: Mdm,
    tmp_path: Path,
    spoilt: str,
    unreadable: set[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    pieces, manifest = document(600, 300)
    for piece in pieces:
        await put(mdm, piece)
    async with mdm.ground.database.writing(mdm.school) as connection:
        await keep_quota(connection, mdm.school, 900)  # full, by what is to be healed
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"
    name = blake3.blake3(pieces[0]).hexdigest()
    (path,) = (tmp_path / "objects").rglob(name)
    headers = await mdm.as_teacher()
    urls = (f"/api/chunks/{name}?file=file-1", "/api/files/file-1")

    spoil(path, spoilt, unreadable)
    assert await put(mdm, pieces[0]) == 204, "who does not ask first brings it as well"
    assert path.read_bytes() == pieces[0]
    spoil(path, spoilt, unreadable)
    told = (await offer(mdm, an_offer(mdm, manifest)))["missing"]
    assert told == ([name] if spoilt == "lost" else []), "what is there is not read for an offer"
    for url in urls:
        answer = await mdm.http.get(url, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "lost-chunk")
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert said == ["collected work is lost"], "once"
    caplog.clear()
    assert (await offer(mdm, an_offer(mdm, manifest)))["missing"] == [name]
    assert await put(mdm, pieces[0]) == 204
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"
    assert (await mdm.http.get(urls[1], headers=headers)).content == b"".join(pieces)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_is_found_again_is_asked_for_no_more(
    mdm: Mdm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the disk with the work was not mounted, and is again."""
    pieces, manifest = document(100)
    await put(mdm, pieces[0])
    await offer(mdm, an_offer(mdm, manifest))
    name = blake3.blake3(pieces[0]).hexdigest()
    folder = tmp_path / "objects"
    folder.rename(tmp_path / "away")
    assert (await look_through(mdm.ground))[mdm.school].faults == [f"chunk {name}: is not there"]
    assert (await offer(mdm, an_offer(mdm, manifest)))["missing"] == [name]
    caplog.clear()  # "collected work is lost"
    (tmp_path / "away").rename(folder)
    assert (await look_through(mdm.ground))[mdm.school].faults == []
    assert (await offer(mdm, an_offer(mdm, manifest)))["state"] == "kept"


async def plan(mdm: Mdm, asked: str, told: Any) -> str:  # noqa: ANN401 - as the driver takes it
    """Say how SQLite finds what was asked for."""
    async with mdm.ground.database.reading(mdm.school) as connection:
        rows = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", told)).all()
    return "\n".join(row.detail for row in rows)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_of_a_school_s_work_only_what_is_asked_for_is_gone_through(mdm: Mdm) -> None:
    async def plans(*words: str) -> list[str]:
        found = [one for one in seen if all(word in one[0] for word in words)]
        assert found, words
        return [await plan(mdm, *one) for one in found]

    pieces, manifest = document(10)
    seen = statements(mdm)
    await put(mdm, pieces[0])
    made = an_offer(mdm, manifest)
    await offer(mdm, made)
    for login in ("lambert", "keller"):  # all of the class, and one's own of it
        url = f"/api/files?class={made['class_id']}"
        await mdm.http.get(url, headers=await mdm.as_teacher(login))
    await forget_files(mdm.ground, mdm.school, mdm.clock.at + 1)
    for found in await plans("FROM partage_files JOIN", "LIMIT"):
        assert "ix_partage_files_school_class_id_id (school=? AND class_id=? AND id>?)" in found
    for found in await plans("partage_documents", "NOT (EXISTS"):
        assert "ix_partage_files_school_document (school=? AND document=?)" in found
    for found in await plans("sum("):
        assert "COVERING INDEX ix_partage_chunks_school_brought_by_size" in found


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_what_leaves_is_looked_for_a_part_at_a_time_and_marked_as_far_as_nobody_needs_it(
    mdm: Mdm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "CANDIDATES", 2)
    monkeypatch.setattr(forgetting, "HASHES_A_STATEMENT", 1)
    kept, manifest = document(10, 11, 12)
    left, _ = document(20, 21, 22, 23)
    again = document(30)
    for piece in (*kept, *left, *again[0]):
        await put(mdm, piece)
    await offer(mdm, an_offer(mdm, manifest))
    later(mdm, 8)
    unused = forgetting._unused  # pyright: ignore[reportPrivateUsage] - who comes between look and mark

    async def offered_meanwhile(*told: Any) -> list[str]:  # noqa: ANN401 - as it takes them
        found = await unused(*told)
        if blake3.blake3(again[0][0]).hexdigest() in found:
            monkeypatch.setattr(forgetting, "_unused", unused)
            ends.append(await offer(mdm, an_offer(mdm, again[1], id="file-2")))
        return found

    ends: list[dict[str, Any]] = []
    await mdm.as_teacher()
    monkeypatch.setattr(forgetting, "_unused", offered_meanwhile)
    await forget_files(mdm.ground, mdm.school, 0)
    assert [one["state"] for one in ends] == ["kept"]
    async with mdm.ground.database.reading(mdm.school) as connection:
        here = set((await connection.execute(select(chunks.c.hash))).scalars())
    assert here == {blake3.blake3(piece).hexdigest() for piece in (*kept, *again[0])}
    assert (await look_through(mdm.ground))[mdm.school].faults == []
