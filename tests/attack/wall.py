"""A teacher's real app but for its window, in a process on the teacher's machine.

`python -m tests.attack.wall LOOT HOME [met] [hasty]` teaches dev-1 and dev-2 on Qt's loop, decodes
what they show and does what its standard input says ("locks": lock and free dev-1 again and again;
"hold": lock all; "collect") until that ends; its last line says how it went. It finds devices by
mDNS; "met": it knows where dev-1 is, as one that was here before; "hasty": it looks for twins each
few seconds, not each half a minute.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from msgspec import Struct, field
from msgspec import json as as_json
from PySide6.QtCore import QCoreApplication, QSize, QTimer
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId
from classroom_app.loop import DeskLoop
from classroom_app.media.decode import Decoder
from device_bridge.logs import log_to_stderr
from device_bridge.protocol.pictures import Frame
from device_bridge.session import twins
from tests.attack.dialling import Target
from tests.attack.ground import TEACHER, Ground, Owed
from tests.attack.loot import read_loot, write_loot
from tests.attack.memory import megabytes_of
from tests.teaching import Place, Teacher, teacher

HONEST, OTHER = "dev-1", "dev-2"
PLACES: Final = (Place(HONEST, "lina", "Lina"), Place(OTHER, "hugo", "Hugo"))
LOCK_EVERY_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 0.05
TURN_MS: Final = 10
READY_SECONDS: Final = 40.0
HASTY_SECONDS: Final = 5.0
TILE: Final = QSize(320, 180)


class Change(Struct):
    """`at`: monotonic(), which all processes of a machine share. `held`: shown as locked."""

    at: float
    device: str
    state: str
    held: bool
    reason: str = ""


class Shown(Struct):
    """`turn_ms`: how late each of Qt's turns was that was due every 10 ms, the worst hundred.

    `lock_ms`: from asking to the tile's "locked" (or "free"). `names`: places that mDNS names took.
    """

    turn_ms: list[float] = field(default_factory=list[float])
    turns: int = 0
    lock_ms: list[float] = field(default_factory=list[float])
    megabytes_more: float = 0.0
    names: int = 0
    turned_away: int = 0
    picture_gap_ms_max: float = 0.0
    pictures: dict[str, int] = field(default_factory=dict[str, int])
    unreadable: int = 0
    changes: list[Change] = field(default_factory=list[Change])
    refused: list[str] = field(default_factory=list[str])
    collected: list[str] = field(default_factory=list[str])

    @property
    def turn_ms_max(self) -> float:
        return max(self.turn_ms, default=0.0)

    @property
    def turn_ms_p99(self) -> float:
        """What is judged: a busy machine may hold up any one turn by itself."""
        worst = self.turn_ms[-1 - self.turns // 100 :]
        return min(worst, default=0.0)

    def of(self, device: str) -> list[Change]:
        return [change for change in self.changes if change.device == device]


class Wall:
    """The app's process; `shown` is filled when it has ended."""

    def __init__(self, process: Process, home: Path, log: Path) -> None:
        self.process, self.home, self._log = process, home, log
        self.shown = Shown()

    async def do(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n".encode())
        await self.process.stdin.drain()

    async def end(self) -> None:
        async with asyncio.timeout(READY_SECONDS):
            said, _ = await self.process.communicate(b"")
        if not said:
            log = await asyncio.to_thread(self._log.read_text)
            raise Owed(f"the teacher's app died: {log[-2000:]}")
        self.shown = as_json.decode(said, type=Shown)


@asynccontextmanager
async def wall(
    ground: Ground, target: Target, *, met: bool = True, hasty: bool = False
) -> AsyncGenerator[Wall]:
    """Teach while entered; a lesson with dev-1's picture has begun.

    `met`: the app knows the device's address; else it finds it by mDNS alone.
    """
    loot, home = ground.folder / "wall.loot", ground.folder / "wall"
    await asyncio.to_thread(write_loot, loot, target)
    command = ground.teacher.command(
        sys.executable,
        "-m",
        "tests.attack.wall",
        str(loot),
        str(home),
        *(["met"] * met),
        *(["hasty"] * hasty),
    )
    log = ground.folder / "wall.log"
    with log.open("wb") as told:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=told
        )
    made = Wall(process, home, log)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            if await process.stdout.readline() != b"teaching\n":
                raise Owed(f"the lesson did not begin: {log.read_text()[-800:]}")
        yield made
        await made.end()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class _Desk:
    """What the process does: look at itself, look at its tiles, obey."""

    def __init__(self, app: Teacher, decoder: Decoder, home: Path) -> None:
        self._app, self._home = app, home
        self.shown = Shown()
        self._before = megabytes_of("self")
        self._last_picture: float | None = None
        decoder.ready.connect(self._ready)
        self._due = monotonic()
        self._turn = QTimer(interval=TURN_MS)
        self._turn.timeout.connect(self._turned)
        self._turn.start()

    def _turned(self) -> None:
        now = monotonic()
        late, self._due = (now - self._due) * 1000, now + TURN_MS / 1000
        self.shown.turns += 1
        self.shown.turn_ms = sorted([*self.shown.turn_ms, round(late, 1)])[-100:]

    def _ready(self, images: Mapping[DeviceId, QImage]) -> None:
        for device in images:
            self.shown.pictures[device] = self.shown.pictures.get(device, 0) + 1
            if device == HONEST:
                now = monotonic()
                gap = (now - (self._last_picture or now)) * 1000
                self._last_picture = now
                self.shown.picture_gap_ms_max = max(self.shown.picture_gap_ms_max, round(gap, 1))

    async def obey(self) -> None:
        told = asyncio.Event()
        words: list[str] = []

        def read() -> None:
            words.append(sys.stdin.readline().strip())
            told.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin, read)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(), name="look")]
            while True:
                await told.wait()
                told.clear()
                word = words[-1]
                if not word:
                    break
                tasks.append(group.create_task(self._do(word), name=word))
            loop.remove_reader(sys.stdin)
            self._end()
            for task in tasks:
                task.cancel()

    async def _do(self, word: str) -> None:
        acts, app = self._app.school.acts, self._app
        match word:
            case "locks":
                await self._locks()
            case "hold":
                await acts.lock(app.school.room.tiles(), "Eyes up")
            case "free":
                await acts.free(app.school.room.tiles())
            case "collect":
                await acts.collect(app.school.room.tiles())
            case _:
                raise AssertionError(word)

    async def _locks(self) -> None:
        acts, app = self._app.school.acts, self._app
        while True:
            for act, shown in (
                (lambda: acts.lock([app.tile("lina")], "Eyes up"), lambda: app.tile("lina").held),
                (lambda: acts.free([app.tile("lina")]), lambda: app.tile("lina").free),
            ):
                began = monotonic()
                await act()
                while not shown():  # noqa: ASYNC110 - the tile tells nobody here
                    await asyncio.sleep(0.002)
                self.shown.lock_ms.append(round((monotonic() - began) * 1000, 1))
                await asyncio.sleep(LOCK_EVERY_SECONDS)

    async def _look(self) -> None:
        last: dict[str, Change] = {}
        while True:
            for tile in self._app.school.room.tiles():
                device = str(tile.device or tile.pupil)
                now = Change(monotonic(), device, tile.state.value, tile.held, tile.reason)
                old = last.get(device)
                if old is None or (old.state, old.held) != (now.state, now.held):
                    last[device] = now
                    self.shown.changes.append(now)
            await asyncio.sleep(LOOK_SECONDS)

    def _end(self) -> None:
        self.shown.megabytes_more = round(megabytes_of("self") - self._before, 1)
        browser = self._app.school.browser
        self.shown.names, self.shown.turned_away = browser.places_taken, browser.turned_away
        self.shown.refused = [type(error).__name__ for error in self._app.refused]
        self.shown.collected = [
            str(path.relative_to(self._home.parent))
            for path in (self._home / "collected").rglob("*")
            if path.is_file()
        ]


async def _teach(loot: Path, home: Path, *, met: bool) -> Shown:
    target, decoder, bad = read_loot(loot), Decoder(), list[DeviceId]()

    async def pictured(device: DeviceId, frame: Frame) -> bool:
        readable = await decoder.take(device, frame, TILE, close=False)
        if not readable:
            bad.append(device)
        return readable

    async with teacher(
        target.school,
        home,
        PLACES,
        identity=target.teacher,
        interface=TEACHER,
        pictured=pictured,
    ) as app:
        await app.start()
        if met:
            app.school.link.sighted(HONEST, [target.address])
        while not app.here("lina"):  # noqa: ASYNC110 - by mDNS alone it may take a while
            await asyncio.sleep(LOOK_SECONDS)
        print("teaching", flush=True)
        desk = _Desk(app, decoder, home)
        await desk.obey()
        decoder.close()
    desk.shown.unreadable = len(bad)
    return desk.shown


def main() -> None:
    log_to_stderr()
    if "hasty" in sys.argv[3:]:
        twins.LOOK_SECONDS = HASTY_SECONDS  # pyright: ignore[reportConstantRedefinition]
    qt, loot, home = QCoreApplication([]), *map(Path, sys.argv[1:3])
    with DeskLoop(qt) as loop, suppress(asyncio.CancelledError):
        shown = loop.run_until_complete(_teach(loot, home, met="met" in sys.argv[3:]))
        print(json.dumps(as_json.decode(as_json.encode(shown))), flush=True)


if __name__ == "__main__":
    main()
