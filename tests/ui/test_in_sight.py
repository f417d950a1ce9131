"""Only what is really seen is asked of the devices: a real second window, a real X server."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject
from pytestqt.qtbot import QtBot

from classroom_app.views import x11_sight
from classroom_app.views.wall import LOOK_MS
from device_bridge.agent.platform.x11_capture import X11Capture
from tests.desktop import Desktop, desktop, image_of
from tests.ui.conftest import Opens
from tests.ui.room import classroom

pytestmark = pytest.mark.real_loop
WITHIN_SECONDS = 30.0
BLACK_MAX = 0.5
WALL = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
app = QApplication(sys.argv)
from classroom_app.views.sight import Sight
from tests.ui.room import Room, classroom
room = Room()
sight = Sight(room.window)
sight.changed.connect(room.window.come_in_sight)
room.begin(classroom(9), (1024, 600))
told = [None]
def look():
    now = f"{'seen' if sight.seen else 'unseen'} {len(room.seen)}"
    if now != told[0]:
        told[0] = now
        print(now, flush=True)
looking = QTimer(interval=10)
looking.timeout.connect(look)
looking.start()
app.exec()
"""


async def is_drawn(opened: Desktop) -> None:
    """Wait until a window of ours is on the screen, most of which is black without."""
    capture = X11Capture(time.monotonic, opened.display)
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while _share_of_black(capture) > BLACK_MAX:  # noqa: ASYNC110 - another program draws
                await asyncio.sleep(0.05)
    finally:
        capture.close()


def _share_of_black(capture: X11Capture) -> float:
    seen = image_of(capture.grab(0)).convert("L")
    return seen.histogram()[0] / (seen.width * seen.height)


class OnDesktop:
    """The wall of nine in a process of its own; it says how many pictures it asks for."""

    def __init__(self, opened: Desktop, process: asyncio.subprocess.Process) -> None:
        self.desktop, self._process = opened, process

    async def says(self, wanted: str) -> None:
        assert self._process.stdout
        async with asyncio.timeout(WITHIN_SECONDS):
            while (said := await self._process.stdout.readline()).decode().strip() != wanted:
                assert said, "the wall has ended"

    async def do(self, *command: str) -> None:
        find = ("xdotool", "search", "--name", "^Pupitre$", *command)
        assert (await self.desktop.run(*find))[0] == 0


@pytest.fixture
async def wall(tmp_path: Path) -> AsyncIterator[OnDesktop]:
    async with desktop(tmp_path) as opened:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WALL),
            env={**opened.env, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=asyncio.subprocess.PIPE,
        )
        opened.processes.append(process)
        yield OnDesktop(opened, process)


async def test_a_window_that_is_covered_minimised_or_on_another_desktop_asks_for_nothing(
    wall: OnDesktop,
) -> None:
    await wall.says("seen 9")
    await is_drawn(wall.desktop)
    cover = await wall.desktop.start("xterm", "-geometry", "300x90+0+0")
    await wall.says("unseen 0")
    cover.kill()
    await wall.says("seen 9")
    await is_drawn(wall.desktop)
    await wall.do("windowminimize")
    await wall.says("unseen 0")
    await wall.do("windowactivate")
    await wall.says("seen 9")
    await is_drawn(wall.desktop)
    await wall.desktop.run("xdotool", "set_desktop", "1")
    await wall.says("unseen 0")
    await wall.desktop.run("xdotool", "set_desktop", "0")
    await wall.says("seen 9")
    await is_drawn(wall.desktop)


def test_what_a_sheet_covers_is_not_asked_for_and_comes_back_with_its_end(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(28))
    room.window.wall.look()
    assert len(room.seen) == 28
    room.window.open_sheet("help")
    room.settle()
    room.window.wall.look()
    under = 28 - len(room.seen)
    sheet = room.window.sheets.open_sheet
    assert sheet
    covered = [seen for seen in room.window.tiles_seen() if sheet.geometry().contains(seen.picture)]
    assert 0 < under == len(covered)
    room.window.escape()
    room.window.wall.look()
    assert len(room.seen) == 28


def test_a_window_out_of_sight_looks_at_nobody_closely_either(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(9))
    room.desk.open("p3")
    room.window.come_in_sight(seen=False)
    assert room.closely[-1] == ()
    room.window.come_in_sight(seen=True)
    assert [look.device for look in room.closely[-1]] == ["d3"]


def test_scrolling_or_hiding_is_told_within_200_ms(opened: Opens, qtbot: QtBot) -> None:
    room = opened()
    room.begin(classroom(100))
    before = dict(room.seen)
    assert LOOK_MS <= 200
    room.window.wall.verticalScrollBar().setValue(10**6)
    qtbot.waitUntil(lambda: room.seen.keys() != before.keys())
    room.window.come_in_sight(seen=False)
    assert room.seen == {}, "at once"
    room.window.come_in_sight(seen=True)
    assert room.seen


class FakeServer:
    """An X server of which only the power of the screen and the visibility of a window matter."""

    def __init__(self) -> None:
        self.wire, self._end = socket.socketpair()
        self.power_level, self.state = 0, 1
        self.events: list[SimpleNamespace] = []

    def set_error_handler(self, handler: object) -> None: ...
    def change_attributes(self, **_: int) -> None: ...
    def flush(self) -> None: ...

    def create_resource_object(self, kind: str, window: int) -> "FakeServer":
        del kind, window
        return self

    def fileno(self) -> int:
        return self.wire.fileno()

    def has_extension(self, name: str) -> bool:
        return name == "DPMS"

    def dpms_info(self) -> "FakeServer":
        return self

    def pending_events(self) -> int:
        return len(self.events)

    def next_event(self) -> SimpleNamespace:
        return self.events.pop(0)

    def close(self) -> None:
        self.wire.close()
        self._end.close()


def test_a_screen_that_is_off_shows_nothing_to_anybody(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, parent = FakeServer(), QObject()
    monkeypatch.setattr(x11_sight, "Display", lambda: server)
    monkeypatch.setattr(x11_sight, "SCREEN_MS", 5)
    told = x11_sight.X11Sight(1, parent)
    assert told.in_sight()
    server.power_level = 3
    qtbot.waitUntil(lambda: not told.in_sight())
    server.power_level = 0
    qtbot.waitUntil(told.in_sight)
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    server.close()
