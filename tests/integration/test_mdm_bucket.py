"""The same work on a real S3: kept once, read back, sent on to the bucket, and away for a while."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import blake3
import pytest

from central_mdm.joining import ground_at
from central_mdm.partage.holding import mark_absent
from central_mdm.platform import readiness
from central_mdm.platform.errors import Busy, Malformed
from central_mdm.platform.s3 import Bucket
from classroom_app.cloud.errors import NotAServer, Unreachable
from classroom_app.cloud.objects import Found, ObjectReader
from tests import seaweed
from tests.integration.test_mdm_partage import an_offer, document, offer, put
from tests.mdm import Mdm, Prepared, running

pytestmark = [
    pytest.mark.real_loop,
    # `make test-later`: what is signed then is refused by a store that goes by today's clock.
    pytest.mark.skipif("LATER_SECONDS" in os.environ, reason="the store has a clock of its own"),
]

DELETED = b"<DeleteResult><Deleted><Key>x</Key></Deleted></DeleteResult>"


@pytest.fixture(scope="module")
def prepared_school(school_on: Callable[[str], Prepared]) -> Prepared:
    return school_on("sqlite")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, seaweed.bucket() as url:
        for name, value in seaweed.KEYS.items():
            patch.setenv(name, value)
        yield url


@pytest.fixture
async def on_s3(tmp_path: Path, prepared_school: Prepared, endpoint: str) -> AsyncIterator[Mdm]:
    with prepared_school.copy(tmp_path) as url:
        async with running(tmp_path, url, seaweed.address_of(endpoint)) as made:
            yield made


async def test_thirty_equal_hand_ins_lie_in_the_bucket_once_and_come_back(
    on_s3: Mdm, endpoint: str, caplog: pytest.LogCaptureFixture
) -> None:
    await on_s3.ground.objects.keep("elsewhere", "first", b"the first object makes the bucket")
    store = seaweed.store_of(endpoint)
    before = seaweed.held(store)
    pieces, manifest = document(200_000, 70_000)
    pupils = [each["pupil"] for each in on_s3.sample["devices"]]
    for number in range(30):
        offered = an_offer(on_s3, manifest, id=f"file-{number}", pupil=pupils[number % 5])
        if not number:
            assert len((await offer(on_s3, offered))["missing"]) == 2
            for piece in (*pieces, *pieces):
                assert await put(on_s3, piece) == 204
        assert (await offer(on_s3, offered))["state"] == "kept"
    added = {path: size for path, size in seaweed.held(store).items() if path not in before}
    assert sorted(added.values()) == [70_000, 200_000]
    read = await on_s3.http.get("/api/files/file-29", headers=await on_s3.as_teacher())
    assert read.content == b"".join(pieces)
    name = blake3.blake3(pieces[0]).hexdigest()
    for _ in range(2):
        await on_s3.ground.objects.remove(on_s3.school, name)
    assert await on_s3.ground.objects.read(on_s3.school, name) is None
    lost = await on_s3.http.get("/api/files/file-29", headers=await on_s3.as_teacher())
    assert (lost.status_code, lost.json()["code"]) == (404, "lost-chunk")
    caplog.clear()  # "collected work is lost"


async def test_what_the_bucket_lost_or_let_rot_is_asked_for_and_healed(
    on_s3: Mdm, caplog: pytest.LogCaptureFixture
) -> None:
    pieces, manifest = document(70_000)
    name, offered = blake3.blake3(pieces[0]).hexdigest(), an_offer(on_s3, manifest)
    await put(on_s3, pieces[0])
    await on_s3.ground.objects.keep(on_s3.school, name, b"rotten")
    assert (await offer(on_s3, offered))["state"] == "kept", "nobody has looked yet"
    rotten = await on_s3.http.get("/api/files/file-1", headers=await on_s3.as_teacher())
    assert (rotten.status_code, rotten.json()["code"]) == (404, "lost-chunk")
    caplog.clear()  # "collected work is lost"
    assert (await offer(on_s3, offered))["missing"] == [name]
    assert await put(on_s3, pieces[0]) == 204
    assert (await offer(on_s3, offered))["state"] == "kept"
    assert await on_s3.ground.objects.read(on_s3.school, name) == pieces[0]
    assert await mark_absent(on_s3.ground, on_s3.school) == 0
    await on_s3.ground.objects.remove(on_s3.school, name)
    assert await mark_absent(on_s3.ground, on_s3.school) == 1
    caplog.clear()
    assert (await offer(on_s3, offered))["missing"] == [name]


async def test_to_be_ready_a_bucket_is_written_to_once_then_asked_and_not_waited_for(
    tmp_path: Path, prepared_school: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.KEYS.items():
        monkeypatch.setenv(name, value)
    asked, answers = list[str](), asyncio.Event()
    answers.set()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = head.partition("content-length: ")[2].partition("\r")[0]
        await reader.readexactly(int(length or 0))
        asked.append(head.partition(" ")[0])
        await answers.wait()
        told = DELETED if asked[-1] == "post" else b""
        writer.write(b'HTTP/1.1 200 OK\r\nETag: "x"\r\nConnection: close\r\n')
        writer.write(b"Last-Modified: Sun, 29 Nov 2026 01:00:00 GMT\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(told), told))
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as store:
        port = store.sockets[0].getsockname()[1]
        with prepared_school.copy(tmp_path) as url:
            async with running(tmp_path, url, f"s3://work?endpoint=http://127.0.0.1:{port}") as mdm:
                for _ in range(3):
                    assert (await mdm.http.get("/ready")).status_code == 200
                    mdm.clock.at += 1
                assert asked == ["put", "post", "head", "head"], "kept, removed, and asked for"
                answers.clear()
                monkeypatch.setattr(readiness, "PART_SECONDS", 0.5)
                away = await mdm.http.get("/ready")
                answers.set()
    assert (away.status_code, away.json()["code"]) == (503, "objects")


async def test_who_may_read_is_sent_to_the_bucket_where_apps_reach_it(
    tmp_path: Path, prepared_school: Prepared, endpoint: str
) -> None:
    pieces, manifest = document(100_000)
    name = blake3.blake3(pieces[0]).hexdigest()
    address = seaweed.address_of(endpoint, public=True)
    with prepared_school.copy(tmp_path) as url:
        async with running(tmp_path, url, address) as mdm:
            await put(mdm, pieces[0])
            await offer(mdm, an_offer(mdm, manifest))
            path = f"/api/chunks/{name}?file=file-1"
            sent = await mdm.http.get(path, headers=await mdm.as_teacher())
            foreign = await mdm.http.get(path, headers=await mdm.as_teacher("sane"))
    assert (sent.status_code, foreign.status_code) == (307, 404)
    place = sent.headers["location"]
    reader = ObjectReader()
    assert await reader.read(place) == Found(200, pieces[0], name)
    for wrong in (place.replace(name, "0" * 64), place[:-1] + ("0" if place[-1] != "0" else "1")):
        assert (await reader.read(wrong)).status == 403
    for nowhere in ("file:///etc/passwd", "http://[", "http://127.0.0.1:9/x"):
        with pytest.raises((NotAServer, Unreachable)):
            await reader.read(nowhere)
    await reader.close()


async def test_a_bucket_that_is_away_costs_a_wait_and_one_that_is_misnamed_a_sentence(
    endpoint: str,
) -> None:
    del endpoint  # its keys are in the environment
    away = Bucket("s3://pupitre?endpoint=http://127.0.0.1:9")
    with pytest.raises(Busy):
        await away.read("tilleuls", "0" * 64)
    for wrong in ("s3://", "http://bucket", "s3://bucket/folder", "s3://bucket?secret=x"):
        with pytest.raises(Malformed):
            Bucket(wrong)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(Malformed, match="objects") as refused:
            Bucket("s3://bucket")
    assert refused.value.detail == "The environment lacks AWS_SECRET_ACCESS_KEY."
    assert os.environ["AWS_SECRET_ACCESS_KEY"]


async def test_without_the_buckets_library_it_is_said_what_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "central_mdm.platform.s3", None)
    with pytest.raises(Malformed) as refused:
        async with ground_at(tmp_path, objects="s3://bucket"):
            pass
    assert "pip install '.[mdm]'" in refused.value.detail
