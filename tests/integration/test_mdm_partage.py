"""Files come chunk by chunk, are kept when whole, and are read back by their class only."""

import base64
import os
from pathlib import Path
from typing import Any

import blake3
import msgspec
import pytest

from central_mdm.contract.partage import CHUNK_BYTES_MAX, ChunkRef, Manifest
from central_mdm.identity.rules import open_school
from tests.mdm import Mdm

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


async def put(mdm: Mdm, content: bytes, name: str = "") -> int:
    url = f"/api/chunks/{name or blake3.blake3(content).hexdigest()}"
    answer = await mdm.http.put(url, content=content, headers=await mdm.as_teacher())
    return answer.status_code


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
