"""A lesson with guard and pupil as two users: python -m tests.two_users_lesson, as root.

The teacher hands out while nobody is logged in; a hostile process of the pupil's comes first, then
the pupil, who works and hands in, beside bait.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from device_bridge.agent.cli import main as agent
from device_bridge.agent.folder import Folder
from device_bridge.agent.local_socket import LocalWire, connect
from device_bridge.agent.seat.materials import HOME, keep_folders
from device_bridge.protocol.errands import ERRAND_BYTES_MAX, Done, FoldersHere, PlaceAsked
from device_bridge.protocol.messages import decode_errand, encode
from device_bridge.protocol.seat import OpenFile, SeatUp, ToSeat
from tests.attack.seat import Desktop, picture
from tests.school import SmallSchool
from tests.teaching import Place, enrolled, teacher
from tests.teaching import until as sees
from tests.two_users import (
    GUARD,
    PUPIL,
    WAITING_SECONDS,
    ended_well,
    lived,
    may_list,
    turned,
    until,
    warm,
)

GIVEN: Final = b"Page 12: " + bytes(range(256)) * 4000
ANSWER: Final = b"my answer"
FLOOD: Final = 300


class Working(Desktop):
    """Writes into each hand-out that is opened, and lays it into the hand-in folder, with bait."""

    def __init__(self, wire: LocalWire, own: Folder, bait: Path) -> None:
        super().__init__(wire)
        self._own, self._bait = own, bait

    def _hear(self, message: ToSeat) -> None:
        if isinstance(message, OpenFile):
            self._work(Path(message.path))
        super()._hear(message)

    def _work(self, path: Path) -> None:
        assert path.stat().st_uid == os.getuid()
        assert path.is_relative_to(self._own.received)
        with path.open("ab") as file:
            file.write(ANSWER)
        desk = self._own.hand_in / path.parent.name
        desk.mkdir(mode=0o700, parents=True, exist_ok=True)  # as quick as the guard, or quicker
        (desk / "work.bin").write_bytes(path.read_bytes())
        (desk / "key.pem").symlink_to(self._bait)
        os.mkfifo(desk / "pipe")


async def pupil(run: Folder, own: Folder, bait: Path, login: Path) -> None:
    async def in_time() -> bool:
        return os.access(login, os.F_OK)

    await until(in_time)
    assert not may_list(bait.parent)
    await hostile(run)
    with ThreadPoolExecutor(1) as files:
        errands = keep_folders(run.root, own, GUARD, files)
        desktop = Working(await connect(run.seat_socket), own, bait)
        async with asyncio.TaskGroup() as group:
            held = group.create_task(errands)
            try:
                await desktop.run()
            except* ConnectionError:
                held.cancel()  # the guard has ended: so does the lesson


async def hostile(run: Folder) -> None:
    """Flood and babble, be handed a document as a seat, and try to write to what is the guard's."""
    wire = await connect(run.seat_socket)
    wire.send(encode(SeatUp("lina", ())))
    for number in range(FLOOD):
        with suppress(OSError), errands_of(run) as babbling:
            babbling.send(b"\xff" * (number + 1))
            socket.send_fds(babbling, [encode(FoldersHere("/etc", "/root"))], [0, 1, 2])
    with errands_of(run) as end:
        end.send(encode(FoldersHere("/etc", "/root")))
        asked, descriptor = await asyncio.to_thread(asked_to_place, end)
        assert asked.name == "page.bin", asked
        assert os.pread(descriptor, 8, 0) == GIVEN[:8], "this hand-out may be read"
        for worse in (
            lambda: os.write(descriptor, b"x"),
            lambda: os.ftruncate(descriptor, 0),
            lambda: os.fchmod(descriptor, 0o666),
            lambda: os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR),
        ):
            try:
                worse()
            except OSError:
                continue
            raise AssertionError("the guard's own file was written to")
    await wire.close()


def errands_of(run: Folder) -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    end.connect(str(run.folders_socket))
    end.settimeout(WAITING_SECONDS)
    return end


def asked_to_place(end: socket.socket) -> tuple[PlaceAsked, int]:
    """Deny to have anything until the document itself is handed over."""
    while True:
        raw, descriptors, _flags, _address = socket.recv_fds(end, ERRAND_BYTES_MAX, 4)
        asked = decode_errand(raw)
        if isinstance(asked, PlaceAsked):
            return asked, descriptors[0]
        assert not descriptors
        end.send(encode(Done(so=False)))


async def lesson(school: SmallSchool, there: Path, port: int) -> None:
    paper = there / "page.bin"
    paper.write_bytes(GIVEN)
    async with teacher(school, there / "app", (Place("dev-1", "lina", "Lina"),)) as app:
        await app.start()
        app.school.link.sighted("dev-1", [("127.0.0.1", port)])
        await sees(lambda: app.school.room.came, "the device")
        await app.school.acts.hand_out(app.tiles("lina"), [paper])
        await sees(lambda: app.receipt().failed, "it waits")
        receipt = app.receipt()
        assert receipt.failed == ("Lina: page.bin waits until somebody logs in",), receipt
        assert (receipt.done, receipt.missing) == (0, ()), receipt
        (there / "lina" / "login").touch()
        await sees(lambda: app.tile("lina").fact == "opened", "opened")
        assert app.receipt().failed == ()
        await app.school.acts.collect(app.tiles("lina"))
        await sees(lambda: app.receipt().done == 1, "collected")
    collected = [path for path in (there / "app" / "collected").rglob("*") if path.is_file()]
    assert [path.name for path in collected] == ["work.bin"], collected
    assert collected[0].read_bytes() == GIVEN + ANSWER


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def main() -> None:
    there = Path(tempfile.mkdtemp(prefix="pupitre-users-"))
    children = dict[str, int]()
    try:
        warm()
        picture(0)
        there.chmod(0o755)
        school = SmallSchool()
        own, run = enrolled(school, there / "agent", "dev-1"), Folder(there / "run")
        for folder, uid in ((run.root, GUARD), (there / "lina", PUPIL)):
            folder.mkdir(mode=0o755)
            os.chown(folder, uid, uid)
        for path in (own.root, *own.root.rglob("*")):
            os.chown(path, GUARD, GUARD)
        port = free_port()
        words = ["guard", "--folder", str(own.root), "--seat-folder", str(run.root)]
        words += ["--pupil-uid", str(PUPIL), "--interface", "127.0.0.1", "--port", str(port)]
        children["guard"] = turned(GUARD, lambda: agent(words))
        pupils = Folder(there / "lina" / HOME)
        login = there / "lina" / "login"
        children["pupil"] = turned(PUPIL, lambda: lived(pupil(run, pupils, own.key, login)))

        async def up() -> bool:
            return run.folders_socket.exists()  # made last

        asyncio.run(until(up))
        asyncio.run(lesson(school, there, port))
        os.kill(children["guard"], signal.SIGTERM)
        assert ended_well(children.pop("guard"))
        assert ended_well(children.pop("pupil"))
        print(json.dumps({"collected": len(GIVEN + ANSWER)}))
    finally:
        for child in children.values():
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        shutil.rmtree(there)


if __name__ == "__main__":
    main()
