"""A guard under one user, its pupil under another, a third one: python -m tests.two_users, as root.

Each is this process forked and turned into that user, for a stranger may not read our libraries.
"""

import asyncio
import codecs
import os
import shutil
import signal
import tempfile
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from device_bridge.agent.asking import ask
from device_bridge.agent.cli import machine
from device_bridge.agent.cli import main as agent
from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.clock import system_clock
from device_bridge.agent.guard.device import agent_version
from device_bridge.agent.guard.status import ask_status
from device_bridge.agent.local_socket import LocalWire, connect
from device_bridge.protocol.asking import JoinAsked, JoinTold, SeenAsked, SeenTold
from device_bridge.protocol.messages import encode
from device_bridge.protocol.seat import SeatUp
from tests.school import SmallSchool
from tests.teaching import enrolled

GUARD, PUPIL, STRANGER = 64101, 64102, 64103
WAITING_SECONDS: Final = 30.0


def turned(uid: int, work: Callable[[], int]) -> int:
    """Fork, become `uid` and do the work there; return the child's id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        code = work()
    except BaseException:  # noqa: BLE001 - the child ends here
        traceback.print_exc()
    finally:
        os._exit(code)


def ended_well(child: int) -> bool:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def warm() -> None:
    """Read now what Python reads at first use: the guard's user may not read where it stands."""
    agent_version()
    machine()
    system_clock()
    for name in ("ascii", "idna", "latin-1"):
        codecs.lookup(name)


async def until(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(WAITING_SECONDS):
        while not await true():  # noqa: ASYNC110 - another process is looked at
            await asyncio.sleep(0.02)


async def pupil(run: Folder, own: Folder) -> None:
    """Sit, be heard, ask who looked; and not see into the guard's folder."""
    wire = await connect(run.seat_socket)
    wire.send(encode(SeatUp("lina", ())))
    assert await ask(run, SeenAsked(), SeenTold) == SeenTold(())
    assert not may_list(own.root)
    sat = run.root.parent / "lina" / "sat"
    sat.touch()

    async def over() -> bool:
        return not sat.exists()

    await until(over)
    await wire.close()


async def stranger(run: Folder, own: Folder) -> None:
    """Be cut off at both sockets before a word is read."""
    assert not may_list(own.root)
    wire = await connect(run.seat_socket)
    wire.send(encode(SeatUp("nobody", ())))
    await cut(wire)
    for question in (SeenAsked(), JoinAsked(really=True)):
        try:
            await ask(run, question, SeenTold if isinstance(question, SeenAsked) else JoinTold)
        except OSError:
            continue
        raise AssertionError(question)


async def cut(wire: LocalWire) -> None:
    try:
        async with asyncio.timeout(WAITING_SECONDS):
            await wire.receive()
    except ConnectionError:
        await wire.close()
        return
    raise AssertionError("heard")


def may_list(folder: Path) -> bool:
    try:
        os.listdir(folder)  # noqa: PTH208 - only whether it may be read
    except PermissionError:
        return False
    return True


def lived(work: Awaitable[None]) -> int:
    async def live() -> None:
        await work

    asyncio.run(live())
    return 0


async def status_seat(own: Folder) -> bool:
    status = await ask_status(own)
    return status is not None and status.seat


def seated(own: Folder) -> int:
    """As the guard's own user, wait until it has a seat, and only the pupil's."""

    async def sits() -> bool:
        return await status_seat(own)

    return lived(until(sits))


def main() -> None:
    there = Path(tempfile.mkdtemp(prefix="pupitre-users-"))
    guard = 0
    try:
        warm()
        there.chmod(0o755)
        own, run = enrolled(SmallSchool(), there / "agent", "dev-1"), Folder(there / "run")
        for folder, uid in ((run.root, GUARD), (there / "lina", PUPIL)):
            folder.mkdir(mode=0o755)
            os.chown(folder, uid, uid)
        for path in (own.root, *own.root.rglob("*")):
            os.chown(path, GUARD, GUARD)
        words = ["guard", "--folder", str(own.root), "--seat-folder", str(run.root)]
        words += ["--pupil-uid", str(PUPIL), "--interface", "127.0.0.1"]
        guard = turned(GUARD, lambda: agent(words))

        async def up() -> bool:
            return run.pupil_socket.exists()  # the seat's is made before it

        asyncio.run(until(up))
        sits = turned(PUPIL, lambda: lived(pupil(run, own)))
        assert ended_well(turned(GUARD, lambda: seated(own)))
        assert ended_well(turned(STRANGER, lambda: lived(stranger(run, own))))
        assert ended_well(turned(GUARD, lambda: seated(own))), "the pupil's seat is still it"
        sat = there / "lina" / "sat"

        async def has_sat() -> bool:
            return sat.exists()

        asyncio.run(until(has_sat))
        sat.unlink()
        assert ended_well(sits)
    finally:
        if guard:
            os.kill(guard, signal.SIGTERM)
            os.waitpid(guard, 0)
        shutil.rmtree(there)


if __name__ == "__main__":
    main()
