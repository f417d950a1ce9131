"""A school without a server under attack: its teacher's pairing window, and its unpaired devices.

`python -m tests.attack.pairing HOME` founds a school on the teacher's machine and holds a class's
window open: it tells what it shows, a JSON line a change, and does what its standard input says
("yes LABEL", "code LABEL CODE", "again") until that ends.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec import json as as_json

from classroom_app.domain.founding import Founding
from classroom_app.ids import new_id
from classroom_app.own_school import OwnSchool, found_school
from classroom_app.pairing import Asker, PairingWindow
from classroom_app.papers import Papers
from classroom_app.storage.keeping import open_keeping
from device_bridge.agent.folder import Folder
from device_bridge.trust.identity import Identity
from tests.attack.ground import DEVICE, TEACHER, Ground, Owed
from tests.attack.loot import Loot
from tests.desktop import join_waiters
from tests.rings import NoRing
from tests.school import SmallSchool, now

WAIT_SECONDS: Final = 40.0
PASSPHRASE: Final = "three white goats ate"  # noqa: S105 - seals what a test made


class Told(Struct, frozen=True):
    """What the teacher sees. `over`: why nobody can try any more."""

    code: str
    over: str = ""
    askers: tuple[Asker, ...] = ()

    def state(self, label: str) -> str:
        return next((one.state for one in self.askers if one.label == label), "")


class Window:
    """The app's process; `told` is the last that it has said."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.told = Told("")

    async def do(self, *words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{' '.join(words)}\n".encode())
        await self._process.stdin.drain()

    async def until(self, seen: Callable[[Told], object], what: str) -> Told:
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not seen(self.told):
                    line = await self._process.stdout.readline()
                    if not line:
                        raise Owed("the teacher's app died")
                    self.told = as_json.decode(line, type=Told)
        except TimeoutError:
            raise Owed(f"never: {what}: {self.told}") from None
        return self.told

    async def again(self) -> str:
        """Open a new window; return its code."""
        before = self.told.code
        await self.do("again")
        return (await self.until(lambda told: told.code != before, "a new code")).code

    async def admit(self, door: "DoorProcess") -> None:
        """Wait until a device asks by the right code, say yes, and see that it is of the school."""
        await self.until(lambda told: told.state(door.label) == "asks", "it asks")
        await self.do("yes", door.label)
        await self.until(lambda told: told.state(door.label) == "paired", "it is paired")
        code, said = await door.ended()
        if code or not door.paired:
            raise Owed(f"the device says that it is not paired: {said}")


class _Opened(Struct):
    label: str
    port: int
    code: str = ""


@dataclass(frozen=True)
class DoorProcess:
    """An unpaired device whose door is open; `code` is shown on its screen, if it is its own."""

    process: Process
    folder: Folder
    label: str
    port: int
    code: str

    @property
    def paired(self) -> bool:
        return self.folder.school.exists()

    @property
    def target(self) -> Loot:
        """What an attacker of a school that is not there yet may have: where the door is."""
        school = SmallSchool(now=now())
        return Loot(school, school.identity("teacher", "nobody"), (DEVICE, self.port))

    async def ended(self) -> tuple[int, str]:
        async with asyncio.timeout(WAIT_SECONDS):
            _, said = await self.process.communicate()
        return self.process.returncode or 0, said.decode()


@asynccontextmanager
async def window(ground: Ground) -> AsyncGenerator[Window]:
    """Hold a class's window open on the teacher's machine while entered."""
    home = ground.folder / "teacher"
    process = await asyncio.create_subprocess_exec(
        *ground.teacher.command(sys.executable, "-m", "tests.attack.pairing", str(home)),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        made = Window(process)
        await made.until(lambda told: told.code, "a code")
        yield made
    finally:
        await _end(process)


@asynccontextmanager
async def door(ground: Ground, name: str, code: str = "") -> AsyncGenerator[DoorProcess]:
    """Open a device's door, by the class's `code` or one that it shows itself."""
    folder = Folder(ground.folder / name)
    command = (sys.executable, "-m", "device_bridge.agent", "pair", "--folder", str(folder.root))
    more = ("--interface", DEVICE, "--name", name, *(("--code", code) if code else ()))
    process = await asyncio.create_subprocess_exec(
        *ground.device.command(*command, *more), stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_SECONDS):
            told = as_json.decode(await process.stdout.readline(), type=_Opened)
        yield DoorProcess(process, folder, told.label, told.port, told.code)
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.communicate()
    join_waiters()


class _Held:
    """A window that is open, and the next one."""

    def __init__(self, identity: Identity, own: OwnSchool, class_id: str) -> None:
        self._identity, self._own, self._class = identity, own, class_id
        self._window = self._opened()

    def _opened(self) -> PairingWindow:
        def tell() -> None:
            told = Told(made.code, made.over, made.askers())
            print(as_json.encode(told).decode(), flush=True)

        made = PairingWindow(
            self._identity,
            lambda wanted, key: self._own.give(wanted, key, self._class),
            tell,
            now=time.monotonic,
            random_bytes=os.urandom,
            interfaces=[TEACHER],
        )
        tell()
        return made

    async def obey(self, words: asyncio.Queue[list[str]]) -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self._window.run(), name="window")
            while said := await words.get():
                match said:
                    case ["yes", label]:
                        self._window.answer(label, yes=True)
                    case ["code", label, code]:
                        self._window.try_code(label, code)
                    case _:
                        running.cancel()
                        self._window = self._opened()
                        running = group.create_task(self._window.run(), name="window")
            running.cancel()


async def _hold(home: Path) -> None:
    await asyncio.to_thread(home.mkdir)
    keeping = await open_keeping(home, NoRing)
    safe = str(home / "safe")
    asked = Founding("Dorfschule", "Ms Vidal", "5B", (("Lina", "Berg"),), PASSPHRASE, safe)
    own, papers = await found_school(keeping, home, asked, time.time, new_id, ring=NoRing)
    [roster] = await keeping.classes()
    held = _Held(Papers(papers, time.monotonic).identity, own, roster.id)
    words: asyncio.Queue[list[str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: words.put_nowait(sys.stdin.readline().split()))
    await held.obey(words)
    loop.remove_reader(sys.stdin)
    await keeping.close()


if __name__ == "__main__":
    asyncio.run(_hold(Path(sys.argv[1])))
