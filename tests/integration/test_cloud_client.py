"""The client against the real server process, and against all that is no server."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from msgspec import Raw

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.partage import FilesAsked, FilesLacking
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.download import download
from classroom_app.cloud.errors import (
    CloudError,
    NotAServer,
    NotSignedIn,
    ObjectsUnreachable,
    OutOfDate,
    Refused,
    ServerBusy,
    Unreachable,
    WrongPassword,
)
from classroom_app.cloud.files import SMALL_BYTES
from classroom_app.cloud.sync import Sync, SyncState
from tests.false_servers import (
    HTML,
    JSON,
    Talk,
    answering,
    cut,
    drip,
    garbage,
    hang,
    speaking,
    speaking_tls,
)
from tests.mdm import Prepared, new_request
from tests.sync_store import MemoryStore, Trusting

pytestmark = pytest.mark.real_loop


class Server:
    """`pupitre-mdm serve` over a folder; it may be killed and started again at its port."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self.database = folder, database
        self.sample: dict[str, Any] = json.loads((folder / "sample.json").read_text())
        self.process: asyncio.subprocess.Process | None = None
        self.url = ""

    def command(self) -> list[str]:
        port = self.url.rpartition(":")[2] or "0"
        serve = ["central_mdm", "serve", "--folder", str(self.folder), "--port", port]
        database = ["--database", self.database] if self.database else []
        return [sys.executable, "-m", *serve, *database]

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            *self.command(), stdout=asyncio.subprocess.PIPE
        )
        assert self.process.stdout
        async with asyncio.timeout(30):
            self.url = json.loads(await self.process.stdout.readline())["listening"]

    async def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        async with asyncio.timeout(30):
            code = await self.process.wait()
        self.process._transport.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - its pipe
        return code

    async def sign_in(self, cloud: Cloud, csr: str = "") -> SignedIn:
        account = self.sample["teachers"][0]
        school = self.sample["school"]
        return await cloud.sign_in(self.url, school, account["login"], account["password"], csr)


@pytest.fixture
async def server(tmp_path: Path, prepared_school: Prepared) -> AsyncIterator[Server]:
    with prepared_school.copy(tmp_path) as database:
        made = Server(tmp_path, database)
        await made.start()
        yield made
        await made.end()


@pytest.fixture(scope="module")
def steady(prepared_school: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve for all who neither stop the server nor mind what others told it."""
    folder = tmp_path_factory.mktemp("steady")
    with prepared_school.copy(folder) as database:
        made = Server(folder, database)
        with subprocess.Popen(made.command(), stdout=subprocess.PIPE) as process:
            assert process.stdout
            try:
                made.url = json.loads(process.stdout.readline())["listening"]
                yield made
            finally:
                process.terminate()


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    made = Cloud(whole_seconds=20)
    yield made
    await made.close()


async def test_a_teacher_signs_in_gets_a_grant_and_the_whole_class(
    server: Server, cloud: Cloud
) -> None:
    signed = await server.sign_in(cloud, new_request())
    assert signed.certificate.startswith("-----BEGIN CERTIFICATE-----")
    assert (await cloud.grant()).grant.count(".") == 2
    store = MemoryStore()
    await Sync(cloud, store, Trusting(), lambda _: None, lambda: 0.0).once()
    assert set(store.rows) == {"teacher:t-lambert", "class:4A", "class:5B"}
    assert len(store.rows["class:5B"]) == 11
    assert cloud.offset_seconds is not None
    assert abs(cloud.offset_seconds) < 30
    assert await server.end() == 0


async def test_a_wrong_password_and_a_foreign_scope_are_told_apart(
    steady: Server, cloud: Cloud
) -> None:
    with pytest.raises(WrongPassword, match="wrong-password"):
        await cloud.sign_in(steady.url, steady.sample["school"], "lambert", "guess")
    await steady.sign_in(cloud)
    with pytest.raises(Refused, match="foreign-scope"):
        await cloud.changes("class:3C", "")


async def test_the_kept_refresh_token_goes_on_where_the_app_ended(
    steady: Server, cloud: Cloud
) -> None:
    kept = (await steady.sign_in(cloud)).refresh
    renewed: list[SignedIn] = []
    later = Cloud(renewed.append, whole_seconds=20)
    later.resume(steady.url, kept)
    answers = await asyncio.gather(*(later.scopes() for _ in range(5)))
    assert len({answer.scopes for answer in answers}) == 1
    assert len(renewed) == 1  # spent once, for all who waited
    await later.close()


def a_thousand_events(pupil: str) -> MemoryStore:
    store = MemoryStore()
    for number in range(1, 1001):
        store.write(number)
    store.collect("work-1", pupil, [os.urandom(300_000), os.urandom(300_000)])
    return store


async def test_a_server_killed_in_the_middle_gets_all_of_it_exactly_once(
    server: Server, cloud: Cloud
) -> None:
    await server.sign_in(cloud)
    store = a_thousand_events(server.sample["devices"][0]["pupil"])
    half_way, cut_off, in_step = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def told(state: SyncState) -> None:
        if 0 < state.waiting <= 700:
            half_way.set()
        if state.why == "unreachable":
            cut_off.set()
        if cut_off.is_set() and not state.waiting and state.in_step_at:
            in_step.set()

    sync = Sync(cloud, store, Trusting(), told, lambda: 1.0, lambda: 0.0)
    async with asyncio.timeout(40), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(sync.run())
        await half_way.wait()
        await server.end(signal.SIGKILL)
        await cut_off.wait()
        await server.start()
        await in_step.wait()
        running.cancel()
    assert {outcome.state for outcome in store.outcomes.values()} == {"applied"}
    assert len(store.outcomes) == 1000
    again = await cloud.push(tuple(store.events[:200]))
    assert {outcome.state for outcome in again.outcomes} == {"applied"}
    store.outcomes.clear()
    store.answers.clear()
    await sync.once()  # all of it once more: the same answers, nothing kept twice
    assert len(store.outcomes) == 1000
    assert store.answers["work-1"].state == "kept"


async def test_what_the_server_refuses_waits_for_a_person_and_holds_nothing_up(
    steady: Server, cloud: Cloud
) -> None:
    await steady.sign_in(cloud)
    store = MemoryStore()
    store.write(1, kind="No Kind")
    store.write(2, body=Raw(b'{"class_id":"3C"}'))
    store.write(3)
    store.collect("foreign", "nobody", [b"x"])
    sync = Sync(cloud, store, Trusting(), lambda _: None, lambda: 1.0)
    await sync.once()
    assert [store.outcomes[f"event-{n}"].reason for n in (1, 2, 3)] == [
        "bad-kind",
        "foreign-class",
        "",
    ]
    assert store.answers["foreign"].reason == "foreign-pupil"
    assert (sync.state.waiting, sync.state.refused, sync.state.why) == (0, 3, "")


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        (answering("200 OK", "text/html", HTML), NotAServer),
        (answering("200 OK", JSON, HTML), NotAServer),
        (answering("200 OK", JSON, b'{"token": 1}'), NotAServer),
        (answering("200 OK", JSON, b"[" * 100_000), NotAServer),
        (answering("302 Found", "text/html", HTML, "Location: http://portal/"), NotAServer),
        (answering("404 Not Found", "text/html", HTML), NotAServer),
        (answering("404 Not Found", JSON, b'{"hello": 1}'), NotAServer),
        (answering("200 OK", JSON, b" " * 5_000_000), NotAServer),
        (answering("200 OK", JSON, b"xx", "Content-Encoding: gzip"), NotAServer),
        (answering("500 Internal Server Error", "text/plain", b"oh"), ServerBusy),
        (answering("502 Bad Gateway", "text/html", HTML), ServerBusy),
        (answering("503 Service Unavailable", JSON, b"{}", "Retry-After: 17"), ServerBusy),
        (answering("429 Too Many", JSON, b"{}", "Retry-After: 99999999999"), ServerBusy),
        (answering("429 Too Many", JSON, b"{}", "Retry-After: next year"), ServerBusy),
        (answering("409 Conflict", JSON, b'{"code": "no-class"}'), Refused),
    ],
)
async def test_what_is_no_server_or_a_sick_one_is_called_by_its_name(
    cloud: Cloud, talk: Talk, error: type[CloudError]
) -> None:
    async with speaking(talk) as url:
        with pytest.raises(error) as caught:
            await cloud.sign_in(url, "tilleuls", "lambert", "password")
    if isinstance(caught.value, ServerBusy):
        assert caught.value.after_seconds in {5.0, 17.0, 3600.0}


@pytest.mark.parametrize("talk", [hang, drip, cut, garbage])
async def test_a_server_that_hangs_drips_or_breaks_off_is_unreachable_and_soon(talk: Talk) -> None:
    impatient = Cloud(whole_seconds=0.3)
    async with speaking(talk) as url:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(Unreachable):
            await impatient.sign_in(url, "tilleuls", "lambert", "password")
        assert asyncio.get_running_loop().time() - begun < 10
        await impatient.close()


async def test_https_at_a_port_of_http_is_no_server_and_not_nobody(
    steady: Server, cloud: Cloud
) -> None:
    with pytest.raises(NotAServer):
        await cloud.sign_in(steady.url.replace("http:", "https:"), "tilleuls", "lambert", "pw")


async def test_nobody_there_and_no_address_at_all(cloud: Cloud) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable):
            await cloud.sign_in(f"http://127.0.0.1:{taken.getsockname()[1]}", "s", "l", "p")
    for wrong in ("", "school", "ftp://school", "http://", "http://[", "http://a:b", "javascript:"):
        with pytest.raises((NotAServer, Unreachable)):
            await cloud.sign_in(wrong, "s", "l", "p")
    with pytest.raises(NotSignedIn):
        await cloud.scopes()
    assert threading.active_count() < 20


async def test_collected_work_comes_to_another_computer_and_goes_on_where_it_was_cut(
    steady: Server, cloud: Cloud, tmp_path: Path
) -> None:
    await steady.sign_in(cloud)
    store, pupil = MemoryStore(), steady.sample["devices"][0]["pupil"]
    pieces = [os.urandom(size) for size in (70_000, 30_000)]
    store.collect("essay-1", pupil, pieces)
    await Sync(cloud, store, Trusting(), lambda _: None, lambda: 0.0, lambda: 0.0).once()
    (named,) = [each for each in (await cloud.files("5B")).files if each.id == "essay-1"]
    into = tmp_path / "essay"
    asked: list[str] = []

    class Cut:
        """The line is cut at the second chunk, then it is not."""

        manifest = cloud.manifest

        async def get_chunk(self, name: str, file: str, address: str = "") -> bytes:
            asked.append(name)
            if len(asked) == 2:
                raise Unreachable
            return await cloud.get_chunk(name, file, address)

    with pytest.raises(Unreachable):
        await download(Cut(), named.id, named.document, into)
    assert not into.exists()
    await download(Cut(), named.id, named.document, into)
    assert into.read_bytes() == b"".join(pieces)
    assert len(asked) == 3, "what had come is not asked for again"
    with pytest.raises(NotAServer, match="another-document"):
        await download(cloud, named.id, "ab" * 32, tmp_path / "other")


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (answering("200 OK", "text/html", HTML), "portal"),
        (answering("302 Found", "text/html", HTML, "Location: http://portal/"), "portal"),
        (answering("307 Temporary Redirect", JSON, b"{}", "Location: /login"), "portal"),
        (answering("301 Moved", "text/html", HTML, "Location: https://127.0.0.1/api/"), "https"),
        (answering("308 Moved", "text/html", HTML, "Location: https://portal/api/"), "portal"),
        (answering("302 Found", "text/html", HTML, "Location: http://127.0.0.1/api/"), "portal"),
        (answering("511 Network Authentication Required", "text/html", HTML), "portal"),
        (answering("404 Not Found", "text/html", HTML), "html"),
    ],
)
async def test_a_network_that_wants_a_sign_in_first_is_told_from_a_web_server(
    cloud: Cloud, talk: Talk, why: str
) -> None:
    async with speaking(talk) as url:
        cloud.resume(url, "kept")
        with pytest.raises(NotAServer) as caught:
            await cloud.push(())
    assert caught.value.why == why


@pytest.mark.parametrize(
    ("begins", "ends", "known", "kind", "why"),
    [
        (-400, -35, True, OutOfDate, "clock"),
        (35, 400, True, OutOfDate, "clock"),
        (-1, 1, False, NotAServer, "certificate"),
        (-400, -35, False, NotAServer, "certificate"),
    ],
    ids=["its end is over", "a clock of years ago", "a portal", "a portal of years ago"],
)
async def test_a_certificate_of_another_date_is_told_from_anothers(
    tmp_path: Path, begins: int, ends: int, *, known: bool, kind: type[NotAServer], why: str
) -> None:
    trusts = ssl.create_default_context()
    async with speaking_tls(tmp_path, begins, ends) as (url, root):
        if known:
            trusts.load_verify_locations(cadata=root)
        cloud = Cloud(verify=trusts)
        cloud.resume(url, "kept")
        with pytest.raises(NotAServer) as caught:
            await cloud.push(())
        await cloud.close()
    assert (type(caught.value), caught.value.why) == (kind, why)


async def test_a_place_of_chunks_out_of_reach_is_told_from_a_server_that_is_away(
    cloud: Cloud,
) -> None:
    sent_on = "Location: http://127.0.0.1:9/chunk"
    async with speaking(answering("307 Temporary Redirect", JSON, b"", sent_on)) as url:
        cloud.go_on_as(url, SignedIn("token", 900, "next", "t", "T", "s", "S", "root"))
        with pytest.raises(ObjectsUnreachable):
            await cloud.get_chunk("00", "file")
    with pytest.raises(Unreachable) as away:
        await cloud.get_chunk("00", "file")
    assert not isinstance(away.value, ObjectsUnreachable)


@pytest.mark.parametrize(
    ("begins", "ends", "known", "why"),
    [(-400, -35, True, "clock"), (-1, 1, False, "certificate")],
)
async def test_a_place_of_chunks_that_proves_nothing_is_out_of_reach_and_the_log_says_why(
    tmp_path: Path, begins: int, ends: int, *, known: bool, why: str
) -> None:
    trusts = ssl.create_default_context()
    async with speaking_tls(tmp_path, begins, ends) as (url, root):
        if known:
            trusts.load_verify_locations(cadata=root)
        cloud = Cloud(verify=trusts)
        sent_on = f"Location: {url}/chunk"
        async with speaking(answering("307 Temporary Redirect", JSON, b"", sent_on)) as school:
            cloud.go_on_as(school, SignedIn("token", 900, "next", "t", "T", "s", "S", "root"))
            with pytest.raises(ObjectsUnreachable) as away:
                await cloud.get_chunk("00", "file")
        await cloud.close()
    assert away.value.why == why


async def test_what_the_server_lost_is_noticed_by_a_look_and_healed_by_the_next_turn(
    steady: Server, cloud: Cloud
) -> None:
    await steady.sign_in(cloud)
    store, pupil = MemoryStore(), steady.sample["devices"][0]["pupil"]
    piece = os.urandom(2 * SMALL_BYTES)
    store.collect("essay-2", pupil, [piece])
    drawn = iter((1.0, 0.0, 0.0))
    sync = Sync(cloud, store, Trusting(), lambda _: None, lambda: 0.0, lambda: next(drawn, 1.0))
    await sync.once()
    (path,) = (steady.folder / "objects").rglob(blake3(piece).hexdigest())
    path.write_bytes(bytes([piece[0] ^ 1]) + piece[1:])
    store.answers.clear()  # as after a restore: what is large is offered before it is sent
    with pytest.raises(NotAServer, match="forgets-chunks"):
        await sync.once()
    assert store.suspected == {"essay-2"}
    await sync.once()
    assert store.answers["essay-2"].state == "kept"
    assert path.read_bytes() == piece


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
async def test_a_server_set_back_in_silence_to_between_acts_and_work_is_given_the_work_again(
    server: Server, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    await server.sign_in(cloud)
    store, copy = MemoryStore(), server.folder / "copy.db"
    store.write(1)
    store.collect("essay-3", server.sample["devices"][0]["pupil"], [b"x"])
    sync = Sync(cloud, store, Trusting(), lambda _: None, lambda: 0.0)
    await sync.once(files=False)
    with contextlib.closing(sqlite3.connect(server.folder / "central.db")) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    await sync.once()
    asked = FilesAsked(("essay-3",))
    assert await cloud.lacking(asked) == FilesLacking(())
    await server.end()
    for old in server.folder.glob("central.db*"):
        old.unlink()
    copy.rename(server.folder / "central.db")
    await server.start()
    assert await cloud.lacking(asked) == FilesLacking(asked.ids)
    await Sync(cloud, store, Trusting(), lambda _: None, lambda: 0.0).once()
    assert await cloud.lacking(asked) == FilesLacking(())
    assert "the central side lacks files" in caplog.text
    caplog.clear()
