"""The seat's process: a Qt loop, a core with the desktop's own capabilities, a guard to obey."""

import asyncio
import getpass
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import qasync
from PySide6.QtCore import QLocale, QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from Xlib.error import DisplayError

from device_bridge.agent.capabilities import Unseen, unseen
from device_bridge.agent.desktops import eyes, hands
from device_bridge.agent.folder import Folder
from device_bridge.agent.platform.linux_open import LinuxOpen
from device_bridge.agent.platform.linux_session import LinuxSession
from device_bridge.agent.platform.x11_grabs import X11Grabs
from device_bridge.agent.platform.x11_take_back import X11TakeBack
from device_bridge.agent.platform.x11_windows import X11Windows
from device_bridge.agent.seat.aloud import hear_notifications
from device_bridge.agent.seat.attention import XCurtain
from device_bridge.agent.seat.core import SeatCore
from device_bridge.agent.seat.lost import XLost
from device_bridge.agent.seat.materials import keep_folders, own_folder
from device_bridge.agent.seat.obeying import Mouth, find_guard
from device_bridge.agent.seat.page import Page
from device_bridge.agent.seat.paint import load_faces
from device_bridge.agent.seat.presence import XIndicator
from device_bridge.agent.seat.showing import XShowing
from device_bridge.agent.seat.talking import XNotify
from device_bridge.agent.seat.words import Words
from device_bridge.garbage import collect_here
from device_bridge.protocol.seat import PupilActed, ShowIndicator


class Desktop(QObject):
    """The capabilities of this X11 desktop, joined. Raises `DisplayError` where there is none."""

    def __init__(self, folder: Path, mouth: Mouth) -> None:
        super().__init__()
        self.words = words = Words(QLocale().name())
        self._mouth = mouth
        self._windows = X11Windows()
        self._grabs = X11Grabs()
        self.session = LinuxSession(time.monotonic)
        self.capture = eyes(sys.platform, time.monotonic, self._hidden)
        places = (Folder(folder), own_folder())
        self.open = LinuxOpen((*(one.received for one in places), *(one.hand_in for one in places)))
        self.curtain = XCurtain(words, time.time, self._on_curtain, self._windows, self._grabs)
        self.take_back = X11TakeBack(self._taken_back)
        self.indicator = XIndicator(
            words, time.time, self._windows, self.curtain.window_ids, self._hold_keys
        )
        self.input = hands(sys.platform, time.monotonic, self.indicator.window)
        self.takes_back: Callable[[], None] = lambda: None
        self.lost = XLost(words, self._windows)
        self.notify = XNotify(words, mouth.say, self._windows, self.curtain.say, self.lost.covers)
        self.showing = XShowing(words, self._stay_above)
        self.showing.covered.connect(self.indicator.cover)
        self.pressed = asyncio.Queue[str](1)
        self.indicator.shown.connect(self._bar_shown)
        self.indicator.write_wanted.connect(self._write)
        self.indicator.received_wanted.connect(self._press)
        self.indicator.hand_in_wanted.connect(self._press)
        self.page = Page(folder, words)
        self.indicator.seen_wanted.connect(self.page.open)

    async def open_pressed(self) -> None:
        """Open the folders whose buttons are pressed, until cancelled."""
        while True:
            await self.open.file(await self.pressed.get())

    def _stay_above(self) -> None:
        self.indicator.raise_()
        self.curtain.stay_above()

    def close(self) -> None:
        self.page.close()
        self.showing.close()
        self.notify.close()
        self.lost.close()
        self.indicator.close()
        self._windows.close()
        self.take_back.close()
        self._grabs.close()

    def _hidden(self) -> Unseen | None:
        # On Wayland an X server shows the windows of X11 programs on a black ground: no screen.
        wayland = os.environ.get("WAYLAND_DISPLAY")
        return unseen("cannot-see") if wayland else self.session.hidden()

    def _on_curtain(self, act: PupilActed) -> None:
        self.indicator.hand_is(up=act.kind == "hand-up")
        self._mouth.say(act)

    def _hold_keys(self, on: bool) -> bool:  # noqa: FBT001 - a callback's only fact
        return self.take_back.hold(on=on)

    def _taken_back(self) -> None:
        self.takes_back()

    @Slot(object)
    def _bar_shown(self, order: ShowIndicator) -> None:
        self.curtain.lesson_shown(order)

    @Slot()
    def _write(self) -> None:
        self.notify.write(self.indicator.order.teacher_name)

    @Slot(str)
    def _press(self, folder: str) -> None:
        if not self.pressed.full():
            self.pressed.put_nowait(folder)


async def serve(
    folder: Path,
    workers: ThreadPoolExecutor,
    files: ThreadPoolExecutor,
    hands: ThreadPoolExecutor,
    owner: int,
) -> None:
    """Serve the guard of `folder`, a process of user `owner`, until cancelled."""
    mouth = Mouth()
    desktop = Desktop(folder, mouth)
    core = SeatCore(
        desktop.capture,
        desktop.curtain,
        desktop.indicator,
        desktop.notify,
        desktop.open,
        desktop.input,
        desktop.showing,
        mouth.say,
        workers,
        hands=hands,
        user=getpass.getuser(),
        battery=partial(battery_percent, Path("/sys/class/power_supply")),
        lost=desktop.lost.show,
        school_says=desktop.words.school_says,
    )
    desktop.takes_back = core.control.take_back
    loop = asyncio.get_running_loop()
    loop.add_reader(desktop.take_back.fileno(), desktop.take_back.look)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(collect_here(), name="garbage")
            group.create_task(core.serve(), name="core")
            group.create_task(desktop.open_pressed(), name="folders")
            group.create_task(desktop.page.run(), name="page")
            group.create_task(find_guard(folder, core, mouth, owner), name="guard")
            if owner != os.getuid():  # else the guard reaches them itself
                errands = keep_folders(folder, own_folder(), owner, files)
                group.create_task(errands, name="errands")
    finally:
        loop.remove_reader(desktop.take_back.fileno())
        desktop.close()


def battery_percent(supplies: Path) -> int:
    """Read the first battery's charge; -1 where there is none. Source: Linux, ABI power class."""
    for capacity in sorted(supplies.glob("BAT*/capacity")):
        try:
            return min(100, max(0, int(capacity.read_text(encoding="ascii"))))
        except (OSError, ValueError):
            continue
    return -1


def main(folder: Path) -> int:
    """Run the seat of the agent in `folder` until it is ended; 1 where no desktop is."""
    # No clean-up is owed: the X server itself drops windows and grabs of a process that ends.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        X11Windows().close()
    except DisplayError as error:
        sys.stderr.write(f"No X11 desktop to sit at: {error}\n")
        return 1
    QGuiApplication.setQuitOnLastWindowClosed(False)
    app = QApplication(["pupitre-seat"])
    load_faces()
    hear_notifications()
    with (
        qasync.QEventLoop(app) as loop,
        ThreadPoolExecutor(1, "capture") as workers,
        ThreadPoolExecutor(1, "errands") as files,
        ThreadPoolExecutor(1, "hands") as hands,
    ):
        loop.run_until_complete(serve(folder, workers, files, hands, folder.stat().st_uid))
    return 0
