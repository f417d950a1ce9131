"""The bulk lane, both ends whole: over a wire in memory that is cut or lies, and after a kill."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.materials.bulk import ASKS_MAX, BulkEnd, Lent
from device_bridge.materials.errors import DiskFull, NotWhole, Withheld
from device_bridge.materials.library import Held, Library
from device_bridge.protocol.errors import Broken, DeviceError, TryAgain
from device_bridge.protocol.materials import ChunkPiece, ManifestSent, ManifestWanted
from device_bridge.protocol.messages import decode_bulk, encode
from tests.wires import Cable, MemoryWire

MEGABYTE = 1024 * 1024

pytestmark = pytest.mark.real_loop


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def content_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - a file's content, no secret


def kept(folder: Path, content: bytes, name: str = "film.mp4") -> tuple[Library, Held]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    library = Library(folder / "library")
    return library, library.keep(folder / name)


def everything(_: bytes) -> bool:
    return True


@asynccontextmanager
async def running(
    wire: MemoryWire,
    library: Library,
    pool: Executor,
    may: Callable[[bytes], bool] = everything,
    ended: list[Exception] | None = None,
) -> AsyncGenerator[BulkEnd]:
    """Run one end for as long as the block lasts; what ends it earlier goes to `ended`."""
    end = BulkEnd(wire, Lent(library, may), pool)

    async def run() -> None:
        try:
            await end.run()
        except (OSError, Broken) as error:
            if ended is not None:
                ended.append(error)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        yield end
        task.cancel()


async def fetched(
    cable: Cable,
    teacher: Library,
    pupil: Library,
    document: bytes,
    pool: Executor,
    progress: Callable[[int], None] = lambda _: None,
) -> Held:
    async with (
        running(cable.left, teacher, pool),
        running(cable.right, pupil, pool) as end,
        asyncio.timeout(20),
    ):
        try:
            return await end.fetch(document, pupil, progress=progress)
        except DeviceError as error:
            ended = error
    raise ended  # out of the task groups, which would wrap it


def piece_bytes(cable: Cable) -> int:
    messages = map(decode_bulk, cable.carried)
    return sum(len(message.piece) for message in messages if isinstance(message, ChunkPiece))


@pytest.mark.parametrize("name", ["film.mp4", "notes.txt"])
async def test_a_document_arrives_as_it_is(tmp_path: Path, pool: Executor, name: str) -> None:
    content = content_of(11 * MEGABYTE + 5)
    teacher, held = kept(tmp_path / "teacher", content, name)
    pupil = Library(tmp_path / "pupil")
    steps: list[int] = []
    cable = Cable()
    assert await fetched(cable, teacher, pupil, held.document, pool, steps.append) == held
    assert pupil.path_of(held.document).read_bytes() == content
    assert steps == sorted(steps)
    assert steps[-1] == len(content)
    assert piece_bytes(cable) == len(content)


async def test_an_empty_document_arrives(tmp_path: Path, pool: Executor) -> None:
    teacher, held = kept(tmp_path / "teacher", b"", "empty.pdf")
    pupil = Library(tmp_path / "pupil")
    assert await fetched(Cable(), teacher, pupil, held.document, pool) == held
    assert pupil.path_of(held.document).read_bytes() == b""


async def test_what_is_held_already_is_not_asked_for(tmp_path: Path, pool: Executor) -> None:
    teacher, held = kept(tmp_path / "teacher", b"paper")
    cable = Cable()
    assert await fetched(cable, teacher, teacher, held.document, pool) == held
    assert cable.carried == []


async def test_both_ends_fetch_and_supply_at_once(tmp_path: Path, pool: Executor) -> None:
    papers, answers = content_of(9 * MEGABYTE, 1), content_of(9 * MEGABYTE, 2)
    teacher, paper = kept(tmp_path / "teacher", papers)
    pupil, answer = kept(tmp_path / "pupil", answers)
    cable = Cable()
    async with (
        running(cable.left, teacher, pool) as left,
        running(cable.right, pupil, pool) as right,
        asyncio.timeout(20),
        asyncio.TaskGroup() as both,
    ):
        both.create_task(left.fetch(answer.document, teacher))
        both.create_task(right.fetch(paper.document, pupil))
    assert pupil.path_of(paper.document).read_bytes() == papers
    assert teacher.path_of(answer.document).read_bytes() == answers


async def test_many_documents_come_over_one_wire(tmp_path: Path, pool: Executor) -> None:
    pairs = [kept(tmp_path / "teacher", content_of(MEGABYTE + n, n), "a.mp4") for n in range(9)]
    teacher, pupil, cable = pairs[0][0], Library(tmp_path / "pupil"), Cable()
    async with (
        running(cable.left, teacher, pool),
        running(cable.right, pupil, pool) as end,
        asyncio.timeout(20),
        asyncio.TaskGroup() as all_,
    ):
        for _, held in pairs:
            all_.create_task(end.fetch(held.document, pupil))
    assert all(pupil.held(held.document) == held for _, held in pairs)


@given(cuts=st.lists(st.integers(0, 6 * MEGABYTE), min_size=1, max_size=3))
@settings(max_examples=12, deadline=None)
def test_cut_at_any_byte_it_goes_on_there(cuts: list[int]) -> None:
    """What was carried before a cut and taken in is never carried again."""
    content = content_of(5 * MEGABYTE + 321)

    async def story(folder: Path, pool: Executor) -> None:
        teacher, held = kept(folder / "teacher", content)
        pupil = Library(folder / "pupil")
        carried = 0
        for after_bytes in [*cuts, None]:
            cable = Cable(after_bytes)
            with suppress(TryAgain):
                await fetched(cable, teacher, Library(folder / "pupil"), held.document, pool)
            carried += piece_bytes(cable)
        assert pupil.path_of(held.document).read_bytes() == content
        # Under way at a cut: the message that was cut, and those not taken in yet.
        assert carried <= len(content) + len(cuts) * 3 * 256 * 1024

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        asyncio.run(story(Path(folder), pool))


def lying(times: int) -> Callable[[bytes], bytes]:
    """Turn the first byte of the first `times` pieces."""
    left = [times]

    def twist(raw: bytes) -> bytes:
        message = decode_bulk(raw)
        if not isinstance(message, ChunkPiece) or message.offset or not left[0]:
            return raw
        left[0] -= 1
        piece = bytes([message.piece[0] ^ 1]) + message.piece[1:]
        return encode(ChunkPiece(message.chunk, message.offset, piece))

    return twist


async def test_wrong_bytes_are_asked_for_once_more(tmp_path: Path, pool: Executor) -> None:
    content = content_of(5 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    pupil = Library(tmp_path / "pupil")
    cable = Cable(twist=lying(1))
    await fetched(cable, teacher, pupil, held.document, pool)
    assert pupil.path_of(held.document).read_bytes() == content
    assert piece_bytes(cable) == len(content) + 4 * MEGABYTE


async def test_bytes_wrong_twice_are_no_document(tmp_path: Path, pool: Executor) -> None:
    teacher, held = kept(tmp_path / "teacher", content_of(MEGABYTE))
    pupil = Library(tmp_path / "pupil")
    with pytest.raises(NotWhole):
        await fetched(Cable(twist=lying(2)), teacher, pupil, held.document, pool)
    assert not pupil.holds(held.document)


async def test_a_manifest_of_another_document_is_refused(tmp_path: Path, pool: Executor) -> None:
    teacher, held = kept(tmp_path / "teacher", b"paper")
    other = encode(ManifestSent(held.document, b"another"))
    pupil = Library(tmp_path / "pupil")
    with pytest.raises(NotWhole):
        await fetched(Cable(twist=lambda _: other), teacher, pupil, held.document, pool)


async def test_what_may_not_be_given_on_this_link_is_not_held(
    tmp_path: Path, pool: Executor
) -> None:
    teacher, held = kept(tmp_path / "teacher", b"another class's test")
    pupil, cable = Library(tmp_path / "pupil"), Cable()
    async with (
        running(cable.left, teacher, pool, may=lambda _: False),
        running(cable.right, pupil, pool) as end,
    ):
        with pytest.raises(Withheld):
            await end.fetch(held.document, pupil)
        with pytest.raises(Withheld):
            await end.fetch(b"?" * 32, pupil)


async def test_what_the_disk_does_not_give_now_ends_no_lane(tmp_path: Path, pool: Executor) -> None:
    teacher, held = kept(tmp_path / "teacher", b"paper")
    pupil, cable = Library(tmp_path / "pupil"), Cable()
    path = teacher.path_of(held.document)
    path.rename(aside := tmp_path / "aside")
    path.symlink_to(path)
    async with running(cable.left, teacher, pool), running(cable.right, pupil, pool) as end:
        with pytest.raises(Withheld):
            await end.fetch(held.document, pupil)
        aside.replace(path)
        assert await end.fetch(held.document, pupil) == held


async def test_a_document_of_another_size_than_agreed_is_not_begun(
    tmp_path: Path, pool: Executor
) -> None:
    pupil, held = kept(tmp_path / "pupil", content_of(MEGABYTE))
    teacher, cable = Library(tmp_path / "teacher"), Cable()
    async with (
        running(cable.left, pupil, pool),
        running(cable.right, teacher, pool) as end,
    ):
        with pytest.raises(Withheld):
            await end.fetch(held.document, teacher, size=1000)
        assert await end.fetch(held.document, teacher, size=MEGABYTE) == held
    assert piece_bytes(cable) == MEGABYTE


async def test_a_full_disk_ends_the_fetch_and_not_the_lane(tmp_path: Path, pool: Executor) -> None:
    teacher, held = kept(tmp_path / "teacher", content_of(MEGABYTE))
    full = Library(tmp_path / "full", free=lambda _: 1000)
    roomy, cable = Library(tmp_path / "roomy"), Cable()
    async with (
        running(cable.left, teacher, pool),
        running(cable.right, roomy, pool) as end,
    ):
        with pytest.raises(DiskFull):
            await end.fetch(held.document, full)
        assert await end.fetch(held.document, roomy) == held


async def test_a_fetch_given_up_disturbs_no_other(tmp_path: Path, pool: Executor) -> None:
    content = content_of(9 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    pupil, cable = Library(tmp_path / "pupil"), Cable()
    async with (
        running(cable.left, teacher, pool),
        running(cable.right, pupil, pool) as end,
        asyncio.timeout(20),
    ):
        begun = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(
                end.fetch(held.document, pupil, progress=lambda have: begun.set() if have else None)
            )
            await begun.wait()
            task.cancel()
        assert await end.fetch(held.document, pupil) == held
    assert pupil.path_of(held.document).read_bytes() == content


@pytest.mark.parametrize(
    "hostile",
    [
        [b"\xc1"],
        [encode(ChunkPiece(b"c" * 32, 0, b"never asked for"))],
        [encode(ManifestWanted(b"d" * 32))] * (ASKS_MAX + 8),
    ],
)
async def test_a_hostile_end_loses_its_lane(
    tmp_path: Path, pool: Executor, hostile: list[bytes]
) -> None:
    cable, ended = Cable(), list[Exception]()
    async with running(cable.right, Library(tmp_path), pool, ended=ended):
        with suppress(ConnectionResetError):
            for raw in [*hostile, *[hostile[0]] * 8]:
                await cable.left.send(raw)
    assert isinstance(ended[0], Broken)


async def test_a_lane_that_has_ended_says_try_again(tmp_path: Path, pool: Executor) -> None:
    cable, library = Cable(), Library(tmp_path)
    async with running(cable.right, library, pool) as end:
        cable.cut()
        for _ in range(2):
            with pytest.raises(TryAgain):
                await end.fetch(b"d" * 32, library)


class Stream:
    """A wire over a plain socket; once `stop_at` bytes of pieces are sent, it sends no more."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stop_at: int = 2**40
    ) -> None:
        self._reader, self._writer, self._stop_at = reader, writer, stop_at
        self.sent = 0

    async def receive(self) -> bytes:
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        return await self._reader.readexactly(size)

    async def send(self, raw: bytes) -> None:
        if self.sent >= self._stop_at:
            await asyncio.Event().wait()
        message = decode_bulk(raw)
        self.sent += len(message.piece) if isinstance(message, ChunkPiece) else 0
        self._writer.write(len(raw).to_bytes(4, "big") + raw)
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


async def supply_child(
    teacher: Library, pool: Executor, folder: Path, held: Held, stop_at: int, kill_at: int
) -> tuple[int, int]:
    """Supply a receiving process; kill it when `kill_at` is verified. Return (verified, sent)."""
    served: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    served = asyncio.get_running_loop().create_future()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.set_result((reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.receiving", str(folder), port),
        held.document.hex(),
        stdout=subprocess.PIPE,
    )
    verified = 0
    assert child.stdout is not None
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        reader, writer = await served
        stream = Stream(reader, writer, stop_at)

        async def serve() -> None:
            with suppress(OSError, EOFError):
                await BulkEnd(stream, Lent(teacher, everything), pool).run()

        task = group.create_task(serve())
        while line := await child.stdout.readline():
            verified = int(line)
            if verified >= kill_at:
                os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        task.cancel()
    server.close()
    await server.wait_closed()
    return verified, stream.sent


async def test_after_a_kill_nothing_verified_is_fetched_again(
    tmp_path: Path, pool: Executor
) -> None:
    content = content_of(30 * MEGABYTE)
    teacher, held = kept(tmp_path / "teacher", content)
    folder = tmp_path / "pupil"
    folder.mkdir()
    at = 14 * MEGABYTE
    verified, sent = await supply_child(teacher, pool, folder, held, at, kill_at=12 * MEGABYTE)
    assert verified == 12 * MEGABYTE <= sent <= at, "it dies with some of it on the way"
    assert not Library(folder).holds(held.document)
    verified, again = await supply_child(teacher, pool, folder, held, 2**40, kill_at=2**40)
    assert verified == len(content)
    assert again <= len(content) - 12 * MEGABYTE
    assert Library(folder).path_of(held.document).read_bytes() == content
