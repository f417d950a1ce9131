"""The whole screen of a device that its school has reported missing: the school's words."""

import asyncio
from typing import Final

from PySide6.QtCore import QObject, QRect, Qt, Slot
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import QVBoxLayout

from device_bridge.agent.platform.x11_windows import X11Windows
from device_bridge.agent.seat.cover import Covering
from device_bridge.agent.seat.paint import face, label
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.plain import plain

TRIES_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
NOT_COVERED: Final = "not every screen is covered"


class LostPage(Covering):
    """One screen's. It holds neither keyboard nor pointer: it tells, it locks nothing."""

    def __init__(self, area: QRect, heading: str, text: str) -> None:
        super().__init__(area)
        self.setObjectName("lost")
        self.setWindowTitle("pupitre-lost")
        title = label(self, face(52, QFont.Weight.Bold))
        title.setText(heading)
        said = label(self, face(34))
        said.setText(text)
        column = QVBoxLayout(self)
        column.setContentsMargins(64, 64, 64, 64)
        column.addStretch(1)
        for line in (title, said):
            line.setAlignment(Qt.AlignmentFlag.AlignCenter)
            line.setWordWrap(True)
            column.addWidget(line)
        column.addStretch(1)


class XLost(QObject):
    """Shows it on every screen of an X11 desktop, and asks X whether it is so."""

    def __init__(self, words: Words, windows: X11Windows) -> None:
        super().__init__()
        self._words, self._windows = words, windows
        self._text = ""
        self._pages: list[LostPage] = []
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)  # noqa: S101 - a seat is a Qt program
        app.screenAdded.connect(self._anew)
        app.screenRemoved.connect(self._anew)

    async def show(self, text: str) -> str:
        """Say `text` on each whole screen, "": nothing any more; return why not, or ""."""
        self._text = plain(text, 400, lines=True)
        self._anew()
        if not self._pages:
            return ""
        ids = [int(page.winId()) for page in self._pages]
        for pause in TRIES_SECONDS:
            if not self._windows.uncovered(ids):
                return ""
            await asyncio.sleep(pause)
        return NOT_COVERED if self._windows.uncovered(ids) else ""

    def covers(self) -> bool:
        """Return whether its pages are up."""
        return bool(self._pages)

    def close(self) -> None:
        for page in self._pages:
            page.hide()
            page.deleteLater()
        self._pages = []

    @Slot()
    def _anew(self) -> None:
        self.close()
        if not self._text:
            return
        for screen in QGuiApplication.screens():
            page = LostPage(screen.geometry(), self._words("lost"), self._text)
            page.show()
            page.raise_()
            self._pages.append(page)
