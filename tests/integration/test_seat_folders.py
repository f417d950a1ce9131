"""The guard's end of the pupil's folders over its real socket, with pupils of every kind."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import seat_folders
from device_bridge.agent.guard.folders import Away
from device_bridge.agent.guard.retention import Retention
from device_bridge.agent.guard.seat_folders import SeatFolders
from device_bridge.agent.seat.materials import connected, do_errands, keep_folders
from device_bridge.materials.errors import NotWhole, Unreadable
from device_bridge.materials.library import Library
from device_bridge.materials.off_loop import bulk_threads
from device_bridge.protocol.errands import (
    Done,
    FoldersHere,
    Lies,
    Work,
    WorkOver,
    WorkPiece,
)
from device_bridge.protocol.errors import DeviceError, Malformed
from device_bridge.protocol.materials import Document, HandInAsked
from device_bridge.protocol.messages import decode_errand, encode
from device_bridge.retention import DAY_SECONDS

pytestmark = pytest.mark.real_loop
ASKED = HandInAsked("t1", 30, "lesson-1", quota_bytes=4000, quota_files=3)
NOW = 2_000_000_000
OLD = NOW - 40 * DAY_SECONDS


@dataclass
class Sitting:
    uid: int | None = os.getuid()


@dataclass
class Room:
    folders: SeatFolders
    library: Library
    path: Path
    own: Folder
    sitting: Sitting
    came: asyncio.Event

    def document(self, text: bytes) -> Document:
        (self.path / "plan.txt").write_bytes(text)
        held = self.library.keep(self.path / "plan.txt")
        return Document("h1", held.document, "plan.txt", held.size)

    async def joined(self) -> socket.socket:
        """Come as a seat that speaks as the test does."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        end.settimeout(20)
        await asyncio.to_thread(end.connect, str(self.path / "folders.sock"))
        return end

    async def sat(self) -> socket.socket:
        end = await self.joined()
        end.send(encode(FoldersHere("received", "hand-in")))
        async with asyncio.timeout(20):
            await self.came.wait()
        return end

    @property
    def kept(self) -> list[Path]:
        return [path for path in (self.path / "library").rglob("*") if path.is_file()]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncGenerator[Room]:
    with bulk_threads() as bulk:
        one = Room(
            SeatFolders(bulk),
            Library(tmp_path / "library", 0),
            tmp_path,
            Folder(tmp_path / "pupil"),
            Sitting(),
            asyncio.Event(),
        )
        one.folders.came = one.came.set
        with one.folders.serve(tmp_path / "folders.sock", {os.getuid()}, one.sitting):
            yield one


@asynccontextmanager
async def pupil(room: Room) -> AsyncGenerator[None]:
    """Have the seat's own code do the errands."""
    for folder in (room.own.received, room.own.hand_in):
        folder.mkdir(parents=True)
    end = await room.joined()
    errands = asyncio.get_running_loop().run_in_executor(None, do_errands, end, room.own)
    async with asyncio.timeout(20):
        await room.came.wait()
    try:
        yield
    finally:
        room.folders.left()
        await errands
        end.close()


def answering(end: socket.socket, *answers: Struct) -> None:
    """Take one errand and say all of it at once, or as much as the guard listens to."""
    end.recv(100_000)
    with suppress(ConnectionError):
        for answer in answers:
            end.send(encode(answer))


async def while_answering(end: socket.socket, work: Any, *answers: Struct) -> Any:  # noqa: ANN401 - any errand's
    said = asyncio.get_running_loop().run_in_executor(None, answering, end, *answers)
    try:
        return await work
    finally:
        with closing(end):
            await said


async def test_what_is_handed_out_lies_with_the_pupil_and_is_taken_back(room: Room) -> None:
    one = room.document(b"page 12")
    async with pupil(room):
        assert await room.folders.lying(room.library, "5B", one) is None
        lying = await room.folders.place(room.library, "5B", one, keep=False)
        assert (room.own.received / "5B" / lying.name).read_bytes() == b"page 12"
        assert room.folders.received("5B") == room.own.received / "5B"
        assert not room.library.holds(one.document), "theirs now"
        assert await room.folders.lying(room.library, "5B", one) == lying
        assert await room.folders.take_back("5B", lying.name, lying.hash)
        assert not await room.folders.take_back("5B", lying.name, lying.hash)
    assert not list((room.own.received / "5B").iterdir())


async def test_only_plain_files_of_the_pupils_folder_cross_as_they_are(room: Room) -> None:
    async with pupil(room):
        desk = room.own.hand_in / "5B"
        desk.mkdir()
        (desk / "work.txt").write_text("done")
        (desk / "too-big").write_bytes(bytes(5000))
        (desk / "link").symlink_to("/etc/hostname")
        (desk / "void").symlink_to("/dev/zero")
        os.mkfifo(desk / "pipe")
        gathered = await room.folders.gather(room.library, "5B", ASKED)
        assert [(file.name, file.size) for file in gathered.files] == [("work.txt", 4)]
        assert gathered.left_out == 4
        assert room.library.path_of(gathered.files[0].document).read_text() == "done"


async def test_old_folders_go_and_the_lessons_own_stays(room: Room) -> None:
    async with pupil(room):
        for name in ("old", "now"):
            (room.own.received / name).mkdir()
            os.utime(room.own.received / name, (OLD, OLD))
        await room.folders.clean(Retention(), NOW, ["now"])
        assert [path.name for path in room.own.received.iterdir()] == ["now"]


async def test_a_disk_without_leave_is_told_and_costs_no_connection(room: Room) -> None:
    one = room.document(b"page 12")
    async with pupil(room):
        (room.own.received / "5B").symlink_to(room.path)
        with pytest.raises(Unreadable):
            await room.folders.place(room.library, "5B", one, keep=False)
        assert room.folders.there
        assert room.library.holds(one.document)


LIES: list[tuple[Callable[[Room], Any], tuple[Struct, ...]]] = [
    (lambda room: room.folders.gather(room.library, "5B", ASKED), said)
    for said in (
        (Work("a", 10), WorkPiece(b"x" * 11), WorkOver(whole=True), Done()),
        (Work("a", 5000), Done()),
        (*(Work("a", 0), WorkOver(whole=True)) * 9, Done()),
        (Work("a", 1), Work("b", 1), Done()),
        (WorkPiece(b"x"), Done()),
        (Lies("a", bytes(32), readable=True), Done()),
    )
]


@pytest.mark.parametrize(("errand", "said"), LIES)
async def test_more_than_was_asked_for_ends_the_seats_errands(
    room: Room, errand: Callable[[Room], Any], said: tuple[Struct, ...]
) -> None:
    end = await room.sat()
    with pytest.raises(Away):
        await while_answering(end, errand(room), *said)
    assert not room.folders.there
    assert [path for path in room.kept if path.suffix == ".copy"] == []


async def test_a_false_copy_is_not_whole_and_a_name_is_no_path(room: Room) -> None:
    one = room.document(b"page 12")
    false = Lies("plan.txt", bytes(32), readable=True)
    placing = room.folders.place(room.library, "5B", one, keep=False)
    with pytest.raises(NotWhole):
        await while_answering(await room.sat(), placing, false)
    assert room.library.holds(one.document)
    room.came.clear()
    path = Lies("../../key.pem", bytes(32), readable=True)
    looking = room.folders.lying(room.library, "5B", one)
    with pytest.raises(Unreadable):
        await while_answering(await room.sat(), looking, path)


async def test_a_pupils_descriptors_are_not_taken(room: Room) -> None:
    end = await room.sat()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - how many are open
    working = asyncio.get_running_loop().run_in_executor(None, give_descriptors, end)
    gathered = await room.folders.gather(room.library, "5B", ASKED)
    await working
    assert [file.size for file in gathered.files] == [0]
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208 - as above
    end.close()


def give_descriptors(end: socket.socket) -> None:
    decode_errand(end.recv(100_000))
    for said in (Work("a", 10), WorkOver(whole=True), Done()):
        socket.send_fds(end, [encode(said)], [0, 1, 2, end.fileno()])


async def test_a_silent_seat_is_waited_for_no_longer_than_it_may_take(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seat_folders, "ERRAND_SECONDS", 0.05)
    end = await room.sat()
    with pytest.raises(Away):
        await room.folders.take_back("5B", "plan.txt", bytes(32))
    assert not room.folders.there
    end.close()


async def test_only_the_user_whose_seat_is_here_does_errands(room: Room) -> None:
    room.sitting.uid = os.getuid() + 1
    stranger = await room.joined()
    assert await asyncio.to_thread(stranger.recv, 10) == b""
    stranger.close()
    with pytest.raises(Away):
        await room.folders.take_back("5B", "plan.txt", bytes(32))


async def test_a_seat_that_leaves_in_the_middle_ends_the_errand(room: Room) -> None:
    end = await room.sat()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(refused(room.folders.gather(room.library, "5B", ASKED)))
        await asyncio.to_thread(end.recv, 100_000)
        room.folders.left()
        async with asyncio.timeout(20):
            assert isinstance(await asked, Away)
    end.close()


async def refused(work: Any) -> DeviceError:  # noqa: ANN401 - any errand's
    with pytest.raises(DeviceError) as met:
        await work
    return met.value


async def test_the_seat_serves_its_own_guard_and_makes_the_lessons_folder(room: Room) -> None:
    with pytest.raises(Malformed):
        connected(room.path / "folders.sock", os.getuid() + 1)
    with bulk_threads() as files:
        async with asyncio.TaskGroup() as group, asyncio.timeout(20):
            serving = keep_folders(room.path, room.own, os.getuid(), files)
            tasks = [group.create_task(work) for work in (serving, room.folders.opening.run())]
            await room.came.wait()
            room.folders.opening.ask("5B")
            while not (room.own.hand_in / "5B").exists():  # noqa: ASYNC110 - a worker's
                await asyncio.sleep(0.01)
            for task in tasks:
                task.cancel()
