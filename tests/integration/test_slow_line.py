"""The app's exchange with a real server over a real line that is slow, and its second factor."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from blake3 import blake3

from central_mdm.contract.identity import SignedIn
from central_mdm.fleet.ended import choose_role
from central_mdm.identity.roles import choose_verbs
from central_mdm.identity.second_factor import STEP_SECONDS, code_at
from classroom_app.cloud.client import Cloud
from classroom_app.cloud.errors import CodeAsked, NoFactor, NotSignedIn, WrongCode
from classroom_app.cloud.line import Line
from classroom_app.cloud.sync import Sync
from tests.integration.test_cloud_client import Server
from tests.mdm import Mdm, Prepared, bearer, new_request
from tests.paced import PacedLine, paced
from tests.second_factors import apart, wrong_code
from tests.sync_store import MemoryStore, Trusting
from tests.teaching import until

pytestmark = pytest.mark.real_loop
PIECES = 2
PIECE_BYTES = 550_000
SLOW, QUICK = 100_000, 5_000_000


@pytest.fixture
async def there(
    tmp_path: Path, school_on: Callable[[str], Prepared]
) -> AsyncIterator[tuple[Server, Cloud, PacedLine]]:
    """Serve a school at the end of a slow line, by which Lambert is signed in."""
    with school_on("sqlite").copy(tmp_path) as database:
        server, cloud = Server(tmp_path, database), Cloud(whole_seconds=10)
        await server.start()
        async with paced(server.url, SLOW) as (line, url):
            server.url, real = url, server.url
            await server.sign_in(cloud, new_request())
            server.url = real
            yield server, cloud, line
            await cloud.close()
        await server.end()


def with_a_large_work(server: Server) -> MemoryStore:
    store = MemoryStore()
    pieces = [os.urandom(PIECE_BYTES) for _ in range(PIECES)]
    store.collect("work-1", server.sample["devices"][0]["pupil"], pieces)
    return store


async def test_the_journal_goes_by_a_long_upload_and_what_was_stopped_goes_on_where_it_was(
    there: tuple[Server, Cloud, PacedLine],
) -> None:
    server, cloud, wire = there
    store, line = with_a_large_work(server), Line()
    sync = Sync(cloud, store, Trusting(), lambda _: None, lambda: 1.0, lambda: 1.0, line=line)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        turn = tasks.create_task(sync.once())
        await until(lambda: wire.carried > PIECE_BYTES / 10, "a tenth of a chunk")
        store.write(1)
        await sync.once()
        assert store.outcomes["event-1"].state == "applied"
        assert not turn.done()
        sync.stop_files()
        wire.bytes_per_second = QUICK
    assert (store.answers, sync.state.held) == ({}, "stopped")
    before = wire.carried
    sync.send_files()
    await sync.once()
    assert store.answers["work-1"].state == "kept"
    assert wire.carried - before < (PIECES - 0.5) * PIECE_BYTES, "what had come is not sent again"
    assert 0 < line.bytes_per_second < QUICK
    assert sync.state.in_step
    # A chunk has the time that the line needs, however little an answer of a small request has.
    content, gone = os.urandom(200_000), list[int]()
    wire.bytes_per_second = 2 * len(content)
    cloud._http.timeout = httpx.Timeout(0.2)  # pyright: ignore[reportPrivateUsage]
    await cloud.put_chunk(blake3(content).hexdigest(), content, gone.append)
    assert sum(gone) == len(content)
    assert len(gone) > 1


async def enrolled(mdm: Mdm, token: str) -> tuple[bytes, str]:
    """Choose a second factor; return its secret, confirmed, and a recovery code."""
    headers = bearer(token)
    made = (await mdm.http.post("/api/second-factor/enrolment", json={}, headers=headers)).json()
    uri: str = made["uri"]
    (secret,) = parse_qs(urlsplit(uri).query)["secret"]
    raw = base64.b32decode(secret)
    mdm.clock.at = apart(raw, mdm.clock.at)
    given = {"code": code_at(raw, mdm.clock.at // STEP_SECONDS)}
    answer = await mdm.http.post("/api/second-factor", json=given, headers=headers)
    assert answer.status_code == 200
    mdm.clock.at += STEP_SECONDS
    return raw, made["recovery"][0]


def cloud_of(mdm: Mdm) -> Cloud:
    cloud = Cloud(now=mdm.clock)
    cloud._http = mdm.http  # pyright: ignore[reportPrivateUsage]
    return cloud


async def test_who_teaches_and_administrates_signs_in_with_a_code(mdm: Mdm) -> None:
    cloud, renewed = cloud_of(mdm), list[SignedIn]()
    password = next(t["password"] for t in mdm.sample["teachers"] if t["login"] == "lambert")
    sign_in = partial(cloud.sign_in, "http://mdm", mdm.school, "lambert", password, new_request())
    await sign_in()
    await choose_role(mdm.ground, mdm.school, "t-lambert", "administrator")
    await choose_verbs(mdm.ground, mdm.school, "administrator", ("watch", "lock"))
    with pytest.raises(NotSignedIn):
        await cloud.scopes()  # who administrates since signs in anew
    cloud._renewed = renewed.append  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(NoFactor):
        await sign_in()
    secret, recovery = await enrolled(mdm, (await mdm.sign_in())["token"])
    with pytest.raises(CodeAsked):
        await sign_in()
    with pytest.raises(WrongCode):
        await sign_in(wrong_code(secret, mdm.clock.at))
    assert not renewed, "a sign-in that lacks something is not kept"
    signed = await sign_in(code_at(secret, mdm.clock.at // STEP_SECONDS))
    assert signed.certificate
    assert (await cloud.grant()).grant.count(".") == 2
    assert (await cloud.scopes()).scopes
    assert (await sign_in(recovery)).certificate
    with pytest.raises(WrongCode):
        await sign_in(recovery)
    assert len(renewed) == 2
