"""Collected work on its way to another computer: beside each other, and gone on with."""

import asyncio
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from blake3 import blake3
from msgspec import msgpack

from central_mdm.contract.identity import SignedIn
from central_mdm.contract.partage import ChunkRef, FileKept, Manifest
from classroom_app.cloud import client
from classroom_app.cloud.download import CHUNKS_BESIDE, download
from classroom_app.cloud.errors import NotAServer, Unreachable
from classroom_app.cloud.line import TELLING_BYTES, Line
from tests.false_servers import answering, speaking

pytestmark = pytest.mark.real_loop
COUNT = 9


def hashed(content: bytes) -> str:
    return blake3(content).hexdigest()


@dataclass
class School:
    """Keeps one file. `asked`: its chunks, as they are asked for. It fails for those of `lost`.

    Those of `waits` come when `CHUNKS_BESIDE` are under way.
    """

    pieces: list[bytes]
    asked: list[int] = field(default_factory=list[int])
    under_way: int = 0
    most: int = 0
    lost: frozenset[int] = frozenset()
    waits: frozenset[int] = frozenset()
    crowd: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        chunks = tuple(ChunkRef(len(one), blake3(one).digest()) for one in self.pieces)
        size = sum(map(len, self.pieces))
        self.raw = msgpack.encode(Manifest(1, "fixed-4m", size, chunks))

    async def manifest(self, file: str) -> FileKept:
        addresses = tuple(f"http://there/{number}" for number in range(len(self.pieces)))
        return FileKept(file, "lesson", "5B", "p-1", "essay.odt", self.raw, addresses)

    async def get_chunk(self, name: str, file: str, address: str = "") -> bytes:
        del file
        number = int(address.rpartition("/")[2])
        assert hashed(self.pieces[number]) == name
        self.asked.append(number)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0.001)
            if number in self.lost:
                raise Unreachable
            if number in self.waits:
                if self.under_way == CHUNKS_BESIDE:
                    self.crowd.set()
                await self.crowd.wait()
        finally:
            self.under_way -= 1
        return self.pieces[number]

    async def bring(self, into: Path, line: Line | None = None) -> None:
        async with asyncio.timeout(30):
            await download(self, "f-1", hashed(self.raw), into, line)


def pieces() -> list[bytes]:
    return [os.urandom(TELLING_BYTES + number) for number in range(COUNT)]


async def test_the_first_chunk_has_the_line_alone_and_then_several_come_beside_each_other(
    tmp_path: Path,
) -> None:
    school = School(pieces(), waits=frozenset(range(1, COUNT)))
    await school.bring(tmp_path / "essay")
    assert (tmp_path / "essay").read_bytes() == b"".join(school.pieces)
    assert not (tmp_path / "essay.part").exists()
    assert (school.most, sorted(school.asked)) == (CHUNKS_BESIDE, list(range(COUNT)))


async def test_on_a_line_that_is_slow_or_not_known_one_comes_at_a_time(tmp_path: Path) -> None:
    small = School([os.urandom(1000 + number) for number in range(COUNT)])
    await small.bring(tmp_path / "small")
    slow = Line()
    slow.took(TELLING_BYTES, 0.0, 1000.0)
    large = School(pieces()[:3])
    await large.bring(tmp_path / "large", slow)
    assert (small.most, large.most) == (1, 1)


async def test_what_had_come_before_a_kill_is_not_asked_for_again_wherever_it_lies(
    tmp_path: Path,
) -> None:
    school = School(pieces(), waits=frozenset({2}), lost=frozenset({5}))
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        killed = tasks.create_task(school.bring(tmp_path / "essay"))
        # The third never comes, and when the sixth fails no more are asked for.
        while not (5 in school.asked and on_disk(tmp_path, school) == set(school.asked) - {2, 5}):  # noqa: ASYNC110 - threads write
            await asyncio.sleep(0.001)
        killed.cancel()
    came = on_disk(tmp_path, school)
    assert {0, 1, 3, 4} <= came
    with (tmp_path / "essay.part").open("r+b") as part:  # and one was torn
        part.seek(10)
        part.write(b"torn")
    left = set(range(COUNT)) - came | {0}
    school.asked, school.waits, school.lost = [], frozenset(), frozenset()
    await school.bring(tmp_path / "essay")
    assert sorted(school.asked) == sorted(left)
    assert (tmp_path / "essay").read_bytes() == b"".join(school.pieces)


def on_disk(folder: Path, school: School) -> set[int]:
    """Name the chunks that lie in the part whole and in their places."""
    part, at, found = (folder / "essay.part").read_bytes(), 0, set[int]()
    for number, piece in enumerate(school.pieces):
        if part[at : at + len(piece)] == piece:
            found.add(number)
        at += len(piece)
    return found


async def test_what_fails_is_said_and_those_beside_it_are_kept(tmp_path: Path) -> None:
    school = School(pieces(), lost=frozenset({3}))
    with pytest.raises(Unreachable):
        await school.bring(tmp_path / "essay")
    assert not (tmp_path / "essay").exists()
    before, school.asked, school.lost = set(school.asked) - {3}, [], frozenset()
    await school.bring(tmp_path / "essay")
    assert sorted(school.asked) == sorted(set(range(COUNT)) - before)


async def test_a_chunk_that_lies_in_two_places_comes_once_and_a_false_size_is_refused(
    tmp_path: Path,
) -> None:
    one, two = os.urandom(2000), os.urandom(3000)
    school = School([one, two, one])
    await school.bring(tmp_path / "essay")
    assert ((tmp_path / "essay").read_bytes(), school.asked) == (one + two + one, [0, 1])
    false = (ChunkRef(1999, blake3(one).digest()),)
    school.raw = msgpack.encode(Manifest(1, "fixed-4m", 1999, false))
    with pytest.raises(NotAServer, match="malformed"):
        await school.bring(tmp_path / "other")


async def test_what_was_brought_bears_its_name_after_a_power_cut_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    into, fsync = tmp_path / "essay", os.fsync

    def seen(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), into.exists()))

    monkeypatch.setattr(os, "fsync", seen)
    await School(pieces()[:1]).bring(into)
    assert synced == [(False, False), (True, True)], "the file, then the folder of its name"


async def test_a_chunk_that_is_not_to_be_had_at_its_address_comes_by_the_server() -> None:
    chunk = os.urandom(2000)
    cloud, ours = client.Cloud(), "application/octet-stream"
    blocked = answering("200 OK", "text/html", b"This page is blocked here.")
    async with speaking(blocked) as proxy, speaking(answering("200 OK", ours, chunk)) as url:
        cloud.go_on_as(url, SignedIn("token", 3600, "next", "t-1", "Ms V", "school", "School", ""))
        for address in (f"{proxy}/chunk", "http://127.0.0.1:9/chunk", "ftp://nowhere"):
            assert await cloud.get_chunk(hashed(chunk), "f-1", address) == chunk
    await cloud.close()


async def test_a_chunk_that_comes_slowly_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CHUNK_SECONDS", 0.1)
    chunk = os.urandom(2000)

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + chunk[:1000])
        await writer.drain()
        await asyncio.sleep(0.15)
        writer.write(chunk[1000:])

    cloud = client.Cloud()
    async with speaking(slowly) as url:
        cloud.go_on_as(url, SignedIn("token", 3600, "next", "t-1", "Ms V", "school", "School", ""))
        for address in ("", f"{url}/chunk"):
            assert await cloud.get_chunk(hashed(chunk), "f-1", address) == chunk
    await cloud.close()
