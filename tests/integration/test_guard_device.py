"""A whole device over real sockets: TLS, papers, seat, documents; and its programs as processes."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from blake3 import blake3

from device_bridge.agent import cli
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import About, Device
from device_bridge.agent.guard.enrolled import SchoolKept, write_school
from device_bridge.agent.guard.makings import Makings
from device_bridge.agent.guard.status import ask_status, serve_status
from device_bridge.materials.bulk import BulkEnd, Lent
from device_bridge.materials.library import Library
from device_bridge.materials.off_loop import BULK_THREADS, bulk_threads
from device_bridge.only_one import lock_folder
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.fields import HOME_PORT
from device_bridge.protocol.hello import Answer, Hello, Pulse, Refused, Report, Welcome
from device_bridge.protocol.materials import (
    Document,
    HandInAsked,
    HandInOffered,
    HandInTaken,
    MaterialReport,
    MaterialsDeclared,
)
from device_bridge.protocol.messages import FromApp, FromDevice, decode_from_device, encode
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import OpenFile
from device_bridge.protocol.watching import WatchingDeclared
from device_bridge.session.dial import judge_device
from device_bridge.session.lanes import bind, receive_frames
from device_bridge.session.wire import Lane, dial_lane
from device_bridge.session.wire import Path as LanePath
from device_bridge.trust.identity import Identity, dialler_context, write_private
from tests.guards import Hands, SittingSeat
from tests.orders import Orders
from tests.school import NOW, SmallSchool, mandate_for

pytestmark = pytest.mark.real_loop

Message = TypeVar("Message", bound=FromDevice)
LESSON = LessonDeclared(1, 600, "on", "lesson-1", "5B", "5B", "Ms Vidal", pupil="p1")


ELSEWHERE = "127.0.7.1"
"""Loopback as well, and nothing else of this machine listens there."""


@dataclass
class Room:
    """A school with one teacher, and where one enrolled device lives."""

    school: SmallSchool
    teacher: Identity
    folder: Folder
    hands: Hands

    def hello(self, mandate: str | None = None) -> Hello:
        grant = self.school.grant(self.teacher)
        return Hello(1, 1, "test", grant, mandate_for(self.teacher) if mandate is None else mandate)

    async def lane(self, port: int, path: LanePath) -> Lane:
        context = dialler_context(self.teacher, self.school.school)
        judge = judge_device("device-1", self.school.school, NOW)
        return await dial_lane(("127.0.0.1", port), path, context, judge)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return enrolled(tmp_path)


def enrolled(tmp_path: Path) -> Room:
    school = SmallSchool()
    folder = Folder(tmp_path / "device")
    folder.make()
    school.identity("device", "device-1").save(folder.root)
    write_private(folder.assignment, school.assignment("device-1").encode())
    root = school.school.root_pem.decode()
    write_school(folder, SchoolKept(school.id, "Test school", "device-1", root, school.discovery))
    return Room(school, school.identity("teacher", "teacher-1"), folder, Hands())


@asynccontextmanager
async def running(
    room: Room, address: str = "127.0.0.1", busy: threading.Event | None = None
) -> AsyncGenerator[Device]:
    """Run the room's device; its threads for documents are taken until `busy` is set."""
    with ThreadPoolExecutor(2) as workers, bulk_threads() as bulk:
        for _ in range(BULK_THREADS if busy else 0):
            bulk.submit((busy or threading.Event()).wait)
        makings = Makings(
            room.hands.clock(), lambda: os.urandom(8).hex(), os.urandom, workers, bulk
        )
        device = Device(room.folder, makings, About("test", lambda _: "", lambda: 1.0))
        device.bind([address])
        async with asyncio.TaskGroup() as group:
            task = group.create_task(device.run(interfaces=[address]))
            await asyncio.sleep(0)  # begun, so that it ends what it holds
            yield device
            task.cancel()


@dataclass
class App:
    """A teacher's app in ten lines: says, and waits for what it wants to hear."""

    lane: Lane
    welcome: Welcome
    unread: list[FromDevice] = field(default_factory=list[FromDevice])
    mandate: str = "mandate-1"

    def __post_init__(self) -> None:
        self._orders = Orders(self.welcome, self.mandate)

    async def say(self, *messages: FromApp) -> None:
        for message in messages:
            await self.lane.send(encode(self._orders.order(message)))

    async def hear(self, wanted: FromDevice) -> None:
        """Wait for `wanted`, in whatever order: what is urgent overtakes the rest."""
        await self._first(lambda message: message == wanted)

    async def next(self, kind: type[Message]) -> Message:
        """Wait for the oldest unread message of one kind."""
        found = await self._first(lambda message: isinstance(message, kind))
        assert isinstance(found, kind)
        return found

    async def _first(self, fits: Callable[[FromDevice], bool]) -> FromDevice:
        async with asyncio.timeout(30):
            while (found := next(filter(fits, self.unread), None)) is None:
                self.unread.append(decode_from_device(await self.lane.receive()))
        self.unread.remove(found)
        return found


@asynccontextmanager
async def linked(room: Room, port: int, hello: Hello | None = None) -> AsyncGenerator[App]:
    lane = await room.lane(port, "/control")
    try:
        await lane.send(encode(hello or room.hello()))
        welcome = decode_from_device(await lane.receive())
        assert isinstance(welcome, Welcome), welcome
        yield App(lane, welcome)
    finally:
        await lane.close()


async def test_a_lesson_a_look_and_a_lock_over_real_tls(room: Room) -> None:
    async with running(room) as device:
        SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            assert app.welcome.device == "device-1"
            assert [(s.width, s.height) for s in app.welcome.screens] == [(1366, 768)]
            await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
            await app.hear(Report("presence", 1, "on"))
            await app.hear(Report("attention", 3, "locked"))
            await app.say(WatchingDeclared(1, 600, "overview"))
            frames = await room.lane(device.guard.port, "/pictures")
            await bind(frames, app.welcome.lane_token)
            got: asyncio.Queue[bytes] = asyncio.Queue()
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(
                    receive_frames(frames, lambda frame: got.put(frame.patches[0].image))
                )
                async with asyncio.timeout(30):
                    assert await got.get() == b"picture"
                reading.cancel()
            await frames.close()
            while (pulse := await app.next(Pulse)).frame == 0:
                pass  # one from before the picture
            assert (pulse.proof_version, pulse.frame) == (3, 1)


async def test_a_lock_does_not_wait_for_documents_that_take_all_threads(room: Room) -> None:
    busy = threading.Event()
    async with running(room, busy=busy) as device:
        try:
            SittingSeat(device.guard).sit()
            async with linked(room, device.guard.port) as app:
                await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
                await app.hear(Report("attention", 3, "locked"))
        finally:
            busy.set()


async def test_a_lock_outlives_its_link_and_a_second_link_is_told_what_is_held(room: Room) -> None:
    async with running(room) as device:
        seat = SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
            await app.hear(Report("attention", 3, "locked"))
        async with linked(room, device.guard.port) as again:
            held = {row.feature: row.version for row in again.welcome.held}
            assert held == {"attention": 3, "presence": 1, "watching": 0, "materials": 0}
            await again.say(LockDeclared(3, True, 600))  # noqa: FBT003
            await again.hear(Report("attention", 3, "locked"))
        assert not [message for message in seat.told if type(message).__name__ == "Refused"]


async def test_when_the_mandate_is_over_the_device_obeys_no_more_and_is_free(room: Room) -> None:
    async with running(room) as device:
        SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
            await app.hear(Report("attention", 3, "locked"))
            room.hands.boot_seconds += 3600
            await app.hear(Report("attention", 3, "free", "lesson-ended"))
            await app.say(LockDeclared(4, True, 600))  # noqa: FBT003
            await app.hear(Refused("lock-declared", "not-allowed", "lesson-ended"))
        assert not device.guard.held.attention.locked


async def test_a_hand_out_arrives_whole_is_opened_and_not_fetched_twice(
    room: Room, tmp_path: Path
) -> None:
    paper = tmp_path / "fiche.pdf"
    paper.write_bytes(b"%PDF-1.4\n" + os.urandom(3_000_000))
    library = Library(tmp_path / "teacher", 0)
    document = library.keep(paper)
    declared = MaterialsDeclared(
        1, "lesson-1", (Document("h1", document.document, "../fiche.pdf", document.size),)
    )
    async with running(room) as device:
        seat = SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            await app.say(LESSON, declared)
            await app.hear(MaterialReport("h1", 1, "wanted"))
            async with supplying(room, device, app, library):
                digest = blake3(paper.read_bytes()).digest()
                await app.hear(MaterialReport("h1", 1, "opened", document.size, digest))
            placed = list(device.guard.materials.folder.iterdir())
            assert [path.read_bytes() for path in placed] == [paper.read_bytes()]
            assert seat.heard(OpenFile)[0].path == str(placed[0])
            came = device.guard.materials.fetched_bytes
            assert paper.stat().st_size < came < paper.stat().st_size * 1.02
            await app.say(declared)
            await app.hear(MaterialReport("h1", 1, "opened", document.size, digest))
            assert device.guard.materials.fetched_bytes == came


async def test_a_class_does_not_find_another_classs_papers_among_its_own(
    room: Room, tmp_path: Path
) -> None:
    paper = tmp_path / "fiche.pdf"
    paper.write_bytes(b"%PDF-1.7 " + os.urandom(9000) + b"%%EOF")
    library = Library(tmp_path / "library", 0)
    document = library.keep(paper)
    one = Document("h1", document.document, "fiche.pdf", document.size)
    lessons = (
        LESSON,
        LessonDeclared(2, 600, "on", "lesson-2", "5B", "4e A", "Ms Vidal", pupil="p1"),
    )
    found: list[Path] = []
    async with running(room) as device:
        SittingSeat(device.guard).sit()
        for lesson in lessons:
            declared = MaterialsDeclared(lesson.version, lesson.lesson, (one,))
            hello = room.hello(mandate_for(room.teacher, lesson=lesson.lesson))
            async with linked(room, device.guard.port, hello) as app:
                await app.say(lesson, declared)
                async with supplying(room, device, app, library):
                    whole = (
                        lesson.version,
                        "opened",
                        one.size,
                        blake3(paper.read_bytes()).digest(),
                    )
                    await app.hear(MaterialReport("h1", *whole))
            found.append(device.guard.materials.folder)
            assert [path.name for path in found[-1].iterdir()] == ["fiche.pdf"]
    assert sorted(room.folder.received.iterdir()) == sorted(set(found))
    assert [folder.name for folder in found] == ["5B lesson-1", "4e A lesson-2"]


async def test_a_link_in_the_place_of_a_lessons_folder_is_not_followed(
    room: Room, tmp_path: Path
) -> None:
    library = Library(tmp_path / "library", 0)
    (tmp_path / "plan.txt").write_text("read this")
    document = library.keep(tmp_path / "plan.txt")
    (tmp_path / "elsewhere").mkdir()
    one = Document("h1", document.document, "plan.txt", document.size)
    async with running(room) as device, linked(room, device.guard.port) as app:
        name_of_it = room.folder.hand_in_of("lesson-1", LESSON.class_name).name
        (room.folder.received / name_of_it).symlink_to(tmp_path / "elsewhere")
        await app.say(LESSON, MaterialsDeclared(1, "lesson-1", (one,)))
        async with supplying(room, device, app, library):
            await app.hear(MaterialReport("h1", 1, "failed", reason="unreadable"))
    assert not list((tmp_path / "elsewhere").iterdir())


@asynccontextmanager
async def supplying(
    room: Room, device: Device, app: App, library: Library
) -> AsyncGenerator[BulkEnd]:
    lane = await room.lane(device.guard.port, "/bulk")
    await bind(lane, app.welcome.lane_token)
    with ThreadPoolExecutor(2) as pool:
        end = BulkEnd(lane, Lent(library, lambda _: True), pool)
        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(ending(end))
            yield end
            carrying.cancel()


async def ending(end: BulkEnd) -> None:
    with contextlib.suppress(OSError, DeviceError):
        await end.run()


async def test_a_false_pdf_is_said_to_be_unreadable(room: Room, tmp_path: Path) -> None:
    paper = tmp_path / "fiche.pdf"
    paper.write_bytes(b"<html>no worksheet</html>")
    library = Library(tmp_path / "teacher", 0)
    held = library.keep(paper)
    declared = MaterialsDeclared(
        1, "lesson-1", (Document("h1", held.document, "fiche.pdf", held.size),)
    )
    async with running(room) as device:
        seat = SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            await app.say(LESSON, declared)
            async with supplying(room, device, app, library):
                while (report := await app.next(MaterialReport)).state != "failed":
                    pass
            assert report.reason == "unreadable"
        assert seat.heard(OpenFile) == []


@contextlib.contextmanager
def full_disk() -> Generator[None]:
    """Let no file of this process grow: to whoever writes it is a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_costs_the_memory_of_the_lesson_not_the_lesson(room: Room) -> None:
    async with running(room) as device:
        SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            with full_disk():
                await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
                await app.hear(Report("attention", 3, "locked"))
                await app.next(Pulse)
            assert kept.read(room.folder, system_clock()).attention.version == 0
            await app.say(LockDeclared(4, False, 0))  # noqa: FBT003
            await app.hear(Report("attention", 4, "free"))
    assert kept.read(room.folder, system_clock()).attention.version == 4


async def test_a_hand_in_offers_plain_files_of_one_folder_only(room: Room, tmp_path: Path) -> None:
    hand_in = room.folder.hand_in_of("lesson-1", LESSON.class_name)
    hand_in.mkdir()
    (room.folder.hand_in_of("lesson-0", "4e A")).mkdir()
    (room.folder.hand_in_of("lesson-0", "4e A") / "another class's.txt").write_text("not theirs")
    (room.folder.hand_in / "of no lesson.txt").write_text("not asked for")
    (hand_in / "exposé.txt").write_text("fini")
    (hand_in / "too-big.bin").write_bytes(bytes(5000))
    (hand_in / "sub").mkdir()
    (hand_in / ".hidden").write_text("not mine to give")
    (tmp_path / "secret").write_text("secret")
    (hand_in / "link.txt").symlink_to(tmp_path / "secret")
    os.mkfifo(hand_in / "pipe")
    async with running(room) as device:
        SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            await app.say(LESSON, HandInAsked("t1", 30, "lesson-1", quota_bytes=4000))
            offer = await app.next(HandInOffered)
            assert [(file.name, file.size) for file in offer.files] == [("exposé.txt", 4)]
            assert offer.left_out == 4
            await app.hear(Answer("t1", "done"))
            library = Library(tmp_path / "teacher", 0)
            async with supplying(room, device, app, library) as end:
                async with asyncio.timeout(30):
                    got = await end.fetch(offer.files[0].document, library)
            assert library.path_of(got.document).read_text() == "fini"
            await app.say(LESSON, HandInAsked("t1", 30, "lesson-1", quota_bytes=4000))
            again = await app.next(HandInOffered)
            assert again.files == offer.files, "asked once more, as after a link that was lost"
            await app.say(HandInTaken("t1", (got.document,)))


async def test_status_tells_what_is_applied(room: Room) -> None:
    async with running(room) as device, serve_status(device):
        SittingSeat(device.guard).sit()
        async with linked(room, device.guard.port) as app:
            await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
            await app.hear(Report("attention", 3, "locked"))
            status = await ask_status(room.folder)
    assert status is not None
    assert (status.live, status.seat, status.indicator) == (True, True, True)
    assert (status.attention.locked, status.attention.covered) == (True, True)
    assert status.links == ("Ms Vidal",)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "device_bridge.agent", *arguments]


@pytest.mark.parametrize("part", ["run", "guard"])
def test_a_second_agent_does_not_take_the_place_of_the_first(
    room: Room, part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "GOODBYE_SECONDS", 0.01)
    held = lock_folder(room.folder.root)
    try:
        assert cli.main([part, "--folder", str(room.folder.root)]) == 1
    finally:
        os.close(held)
    assert "runs here already" in capsys.readouterr().err


async def test_the_programs_supervise_each_other_and_end_together(room: Room) -> None:
    """The guard as a process: killed, it comes back on its port with the lock it held."""
    process = await asyncio.create_subprocess_exec(
        *command("run", "--folder", str(room.folder.root), "--interface", "127.0.0.1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "DISPLAY": ""},
    )
    try:
        first = await line_of(process)
        assert first["device"] == "device-1"
        async with linked(room, first["port"]) as app:
            await app.say(LESSON, LockDeclared(3, True, 600))  # noqa: FBT003
            await app.hear(Report("attention", 3, "failed", "no-seat"))
        async with asyncio.timeout(30):
            while kept.read(room.folder, system_clock()).attention.version != 3:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)
        os.kill(await guard_pid(process.pid), signal.SIGKILL)
        again = await line_of(process)
        assert again == first
        async with linked(room, again["port"]) as app:
            held = {row.feature: row.version for row in app.welcome.held}
            assert held["attention"] == 3
        with pytest.raises(BlockingIOError):
            lock_folder(room.folder.root)
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        os.close(lock_folder(room.folder.root))
    finally:
        if process.returncode is None:
            process.kill()
        told = (await process.communicate())[1]
    assert told.count(b"No desktop here") == 1
    assert b"'seat'" not in told, "a seat without a desktop is not started"


async def line_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(15):
        raw = await process.stdout.readline()
    return json.loads(raw)


async def guard_pid(parent: int) -> int:
    listed = await asyncio.create_subprocess_exec(
        "ps", "--ppid", str(parent), "-o", "pid=,args=", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await listed.communicate()
    rows = [row.split(None, 1) for row in out.decode().splitlines()]
    return next(int(pid) for pid, args in rows if " guard " in args)


async def test_a_device_listens_at_the_home_port_and_where_that_is_taken_at_any(
    room: Room,
) -> None:
    with socket.create_server((ELSEWHERE, HOME_PORT)):
        async with running(room, ELSEWHERE) as device:
            assert device.guard.port != HOME_PORT
    for path in (room.folder.state, room.folder.state_lasting):
        path.unlink(missing_ok=True)  # it would come back to where it was
    async with running(room, ELSEWHERE) as device:
        assert device.guard.port == HOME_PORT


async def test_whom_an_earlier_list_has_ended_is_refused_after_a_restart_as_well(
    room: Room,
) -> None:
    ended, teacher = room.school.deny_list(5, room.teacher), room.school.identity("teacher", "t-2")
    async with running(room) as device:
        device._listener.deny(ended)  # pyright: ignore[reportPrivateUsage] - as a check-in does
        device._listener.deny(room.school.deny_list(8, teacher))  # pyright: ignore[reportPrivateUsage]
        refused = device._law().deny_lists.denied  # pyright: ignore[reportPrivateUsage]
    async with running(room) as device:
        again = device._law().deny_lists.denied  # pyright: ignore[reportPrivateUsage]
        assert (again, len(again.keys)) == (refused, 2)
        with pytest.raises((OSError, DeviceError)):
            await room.lane(device.guard.port, "/control")
