"""Asks the guard on behalf of the pupil's page, in the seat or by itself (`pupitre-agent page`)."""

import asyncio
from pathlib import Path

import qasync
from PySide6.QtCore import QLocale, QObject, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from device_bridge.agent.asking import ask
from device_bridge.agent.folder import Folder
from device_bridge.agent.seat.paint import load_faces
from device_bridge.agent.seat.seen import SeenPage
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.asking import JoinAsked, JoinTold, SeenAsked, SeenTold
from device_bridge.protocol.errors import DeviceError


class Page(QObject):
    """The page and what it wants of the guard: one wish at a time, served by `run`."""

    def __init__(self, folder: Path, words: Words) -> None:
        super().__init__()
        self._folder = Folder(folder)
        self._wishes = asyncio.Queue[bool](1)
        self.window = SeenPage(words, _save)
        self.window.join_pressed.connect(self._join)

    @Slot()
    def open(self) -> None:
        """Show the page as the journal stands now."""
        self._wish(join=False)

    @Slot()
    def _join(self) -> None:
        self._wish(join=True)

    def _wish(self, *, join: bool) -> None:
        if not self._wishes.full():
            self._wishes.put_nowait(join)

    async def run(self) -> None:
        """Do what is wished until cancelled."""
        while True:
            join = await self._wishes.get()
            try:
                await (self._joined() if join else self._opened())
            except (OSError, DeviceError):
                self.window.offer("")
                self.window.say("seen-away")
            self.window.show()
            self.window.raise_()

    async def _opened(self) -> None:
        told = await ask(self._folder, SeenAsked(), SeenTold)
        self.window.tell(told.rows, more=told.more)
        there = await ask(self._folder, JoinAsked(), JoinTold)
        self.window.offer(", ".join(there.networks))

    async def _joined(self) -> None:
        there = await ask(self._folder, JoinAsked(really=True), JoinTold)
        self.window.offer("")
        networks = ", ".join(there.networks)
        self.window.say("join-done" if networks else "join-none", networks=networks)

    def close(self) -> None:
        self.window.deleteLater()


def _save(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def main(folder: Path) -> int:
    """Show the page by itself until it is closed."""
    app = QApplication(["pupitre-page"])
    load_faces()
    QGuiApplication.setQuitOnLastWindowClosed(False)
    with qasync.QEventLoop(app) as loop:
        loop.run_until_complete(_shown(folder))
    return 0


async def _shown(folder: Path) -> None:
    page = Page(folder, Words(QLocale().name()))
    closed = asyncio.Event()
    app = QApplication.instance()
    assert isinstance(app, QApplication)  # noqa: S101 - `main` has made it
    app.lastWindowClosed.connect(closed.set)
    page.open()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(page.run(), name="page")
        await closed.wait()
        serving.cancel()
    page.close()
