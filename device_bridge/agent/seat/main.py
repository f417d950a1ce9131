"""The seat's process: a Qt loop, a core with the desktop's own capabilities, a guard to obey."""

import asyncio
import getpass
import itertools
import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import qasync
from msgspec import MsgspecError, msgpack
from PySide6.QtCore import QLocale, QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from Xlib.error import DisplayError

from device_bridge.agent.local_socket import SEAT_SOCKET, LocalWire, connect
from device_bridge.agent.platform.linux_open import LinuxOpen
from device_bridge.agent.platform.x11_capture import X11Capture
from device_bridge.agent.platform.x11_grabs import X11Grabs
from device_bridge.agent.platform.x11_windows import X11Windows
from device_bridge.agent.seat.attention import XCurtain
from device_bridge.agent.seat.core import SeatCore
from device_bridge.agent.seat.paint import load_faces
from device_bridge.agent.seat.presence import XIndicator
from device_bridge.agent.seat.talking import XNotify
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.seat import FromSeat, PupilActed, ShowIndicator, ToSeat

log = logging.getLogger(__name__)
AGAIN_SECONDS: Final = (0.1, 0.2, 0.5, 1.0)
"""A guard that starts anew is found within a second; the last pause is repeated."""
RECEIVED: Final = "received"
HAND_IN: Final = "hand-in"


class Mouth:
    """Where the core's words go: to the guard, or nowhere while there is none."""

    def __init__(self) -> None:
        self.wire: LocalWire | None = None
        self._encode = msgpack.Encoder().encode

    def say(self, message: FromSeat) -> None:
        if self.wire is not None:
            self.wire.send(self._encode(message))


class Desktop(QObject):
    """The capabilities of this X11 desktop, joined. Raises `DisplayError` where there is none."""

    def __init__(self, folder: Path, mouth: Mouth) -> None:
        super().__init__()
        words = Words(QLocale().name())
        self._mouth = mouth
        self._folder = folder
        self._windows = X11Windows()
        self._grabs = X11Grabs()
        self.capture = X11Capture(time.monotonic)
        self.open = LinuxOpen((folder / RECEIVED, folder / HAND_IN))
        self.curtain = XCurtain(words, time.time, self._on_curtain, self._windows, self._grabs)
        self.indicator = XIndicator(words, time.time, self._windows, self.curtain.window_ids)
        self.notify = XNotify(words, mouth.say, self._windows, self.curtain.say)
        self.pressed = asyncio.Queue[Path](1)
        self.indicator.shown.connect(self._bar_shown)
        self.indicator.write_wanted.connect(self._write)
        self.indicator.received_wanted.connect(self._received)
        self.indicator.hand_in_wanted.connect(self._hand_in)

    async def open_pressed(self) -> None:
        """Open the folders whose buttons are pressed, until cancelled."""
        while True:
            await self.open.file(str(await self.pressed.get()))

    def close(self) -> None:
        self.notify.close()
        self.indicator.close()
        self._windows.close()
        self._grabs.close()

    def _on_curtain(self, act: PupilActed) -> None:
        self.indicator.hand_is(up=act.kind == "hand-up")
        self._mouth.say(act)

    @Slot(object)
    def _bar_shown(self, order: ShowIndicator) -> None:
        self.curtain.lesson_shown(order)

    @Slot()
    def _write(self) -> None:
        self.notify.write(self.indicator.order.teacher_name)

    @Slot()
    def _received(self) -> None:
        self._press(self._folder / RECEIVED)

    @Slot(str)
    def _hand_in(self, folder: str) -> None:
        self._press(Path(folder))

    def _press(self, folder: Path) -> None:
        if not self.pressed.full():
            self.pressed.put_nowait(folder)


async def _obey(core: SeatCore, mouth: Mouth, wire: LocalWire, owner: int) -> None:
    """Take the guard's orders until it is gone. Raises `OSError` or `Malformed`."""
    if wire.peer_uid() not in {owner, os.getuid()}:
        raise Malformed("not our guard")
    decode = msgpack.Decoder[ToSeat](ToSeat).decode
    mouth.wire = wire
    await core.introduce()
    while True:
        try:
            core.told(decode(await wire.receive()))
        except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(type(error).__name__) from error


async def _find_guard(folder: Path, core: SeatCore, mouth: Mouth, owner: int) -> None:
    """Reach the guard again and again; between two of them nobody looks."""
    pauses = itertools.chain(AGAIN_SECONDS, itertools.repeat(AGAIN_SECONDS[-1]))
    while True:
        wire: LocalWire | None = None
        try:
            wire = await connect(folder / SEAT_SOCKET)
            pauses = itertools.chain(AGAIN_SECONDS, itertools.repeat(AGAIN_SECONDS[-1]))
            await _obey(core, mouth, wire, owner)
        except (OSError, Malformed) as error:
            log.info("no guard", extra={"why": type(error).__name__})
        finally:
            mouth.wire = None
            if wire is not None:
                core.alone()
                await wire.close()
        await asyncio.sleep(next(pauses))


async def serve(folder: Path, workers: ThreadPoolExecutor, owner: int) -> None:
    """Serve the guard of `folder`, a process of user `owner`, until cancelled."""
    mouth = Mouth()
    desktop = Desktop(folder, mouth)
    core = SeatCore(
        desktop.capture,
        desktop.curtain,
        desktop.indicator,
        desktop.notify,
        desktop.open,
        mouth.say,
        workers,
        user=getpass.getuser(),
        battery=partial(battery_percent, Path("/sys/class/power_supply")),
    )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(core.serve(), name="core")
            group.create_task(desktop.open_pressed(), name="folders")
            group.create_task(_find_guard(folder, core, mouth, owner), name="guard")
    finally:
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
    with qasync.QEventLoop(app) as loop, ThreadPoolExecutor(1, "capture") as workers:
        loop.run_until_complete(serve(folder, workers, folder.stat().st_uid))
    return 0
