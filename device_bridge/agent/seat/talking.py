"""Notices: the teacher's words with a line to answer; and a line to write without being asked."""

import asyncio
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QFont, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from device_bridge.agent.platform.x11_windows import X11Windows
from device_bridge.agent.seat.aloud import ALOUD, read_aloud
from device_bridge.agent.seat.paint import BLUE, INK, disc, face, label
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.plain import plain
from device_bridge.protocol.seat import PupilActed

NOTICES_MAX: Final = 4
REPLY_MAX: Final = 500
TRIES_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
NOT_SHOWN: Final = "the notice is not shown"
MISSING: Final = "the device is reported missing"
LOOK: Final = f"""
QWidget#notice {{ background: white; }}
QLineEdit {{ border: 1px solid #9AA5B1; border-radius: 8px; padding: 0 12px; min-height: 42px;
  color: {INK}; background: white; }}
QLineEdit:focus {{ border: 2px solid {BLUE}; }}
QPushButton {{ border: 1px solid #9AA5B1; border-radius: 8px; padding: 0 18px; min-height: 42px;
  color: {INK}; background: white; }}
QPushButton#send {{ background: {BLUE}; color: white; border-color: {BLUE}; }}
QPushButton:focus {{ border: 2px solid {INK}; }}
"""


class Notice(QWidget):
    """A managed window, so that it can be typed into. `written` carries the pupil's words.

    `answered`: there is a line to answer on.
    """

    written = Signal(str, str)

    def __init__(self, words: Words, id_: str, who: str, text: str, *, answered: bool) -> None:
        super().__init__(None, Qt.WindowType.Window | Qt.WindowType.WindowStaysOnTopHint)
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        # A pupil in the midst of a sentence goes on typing where they were.
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating, bool(text))
        self.setStyleSheet(LOOK)
        self.setWindowTitle("Pupitre")
        self.setFixedWidth(520)
        self._id, self._answered = id_, answered
        self._line = QLineEdit(self)
        self._line.setObjectName("answer")
        self._line.setFont(face(16))
        self._line.setMaxLength(REPLY_MAX)
        self._line.setPlaceholderText(words("answer") if text else "")
        self._line.returnPressed.connect(self._write)
        heading = words("says" if text else "to", who=who)
        self._line.setAccessibleName(heading)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 22, 24, 24)
        column.setSpacing(18)
        column.addLayout(self._top(heading))
        if text:
            column.addWidget(self._body(heading, text))
        self._over = label(self, face(16, QFont.Weight.DemiBold), INK)
        self._over.setText(words("lesson-over"))
        self._over.setWordWrap(True)
        self._over.hide()
        column.addWidget(self._over)
        column.addLayout(self._bottom(words))
        self._line.setVisible(answered)
        self._send.setVisible(answered)

    def _top(self, heading: str) -> QHBoxLayout:
        sign = label(self, face(16))
        sign.setPixmap(disc("message-square", 44, 22, "white", BLUE))
        says = label(self, face(17, QFont.Weight.DemiBold), INK)
        says.setText(heading)
        top = QHBoxLayout()
        top.setSpacing(14)
        top.addWidget(sign)
        top.addWidget(says, 1)
        return top

    def _body(self, heading: str, text: str) -> QLabel:
        body = label(self, face(20), INK)
        body.setObjectName(ALOUD)
        read_aloud(body, f"{heading}: {text}")
        body.setText(text)
        body.setWordWrap(True)
        return body

    def _bottom(self, words: Words) -> QHBoxLayout:
        self._send = self._button(words("send"), "send")
        later = self._button(words("later"), "later")
        self._send.clicked.connect(self._write)
        later.clicked.connect(self.close)
        bottom = QHBoxLayout()
        bottom.setSpacing(10)
        bottom.addStretch()
        bottom.addWidget(self._line, 1)
        bottom.addWidget(self._send)
        bottom.addWidget(later)
        return bottom

    def _button(self, text: str, name: str) -> QPushButton:
        made = QPushButton(text, self)
        made.setObjectName(name)
        made.setFont(face(15, QFont.Weight.DemiBold))
        made.setAutoDefault(False)
        return made

    @Slot()
    def _write(self) -> None:
        text = plain(self._line.text(), REPLY_MAX)
        if text and not self._line.isReadOnly():
            self.written.emit(self._id, text)
            self.close()

    def lesson(self, *, on: bool) -> None:
        """Let it be answered, or say that nobody reads that now; what was typed stays, to copy."""
        if not self._answered or on is not self._line.isReadOnly():
            return
        self._line.setReadOnly(not on)
        if not on and not self._line.text():
            self._line.clearFocus()  # else the button takes the keys, and closes at a space
        self._line.setVisible(on or bool(self._line.text()))
        self._send.setVisible(on)
        self._over.setHidden(on)
        self.adjustSize()

    def start_writing(self) -> None:
        self._line.setFocus()
        self.activateWindow()


class XNotify(QObject):
    """The `Notify` of an X11 desktop.

    While the curtain is up a notice is shown on it, and again in a window when it is gone. While
    the page of a missing device covers all, none is shown.
    """

    def __init__(
        self,
        words: Words,
        acted: Callable[[PupilActed], None],
        windows: X11Windows,
        on_curtain: Callable[[str], bool],
        missing: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._words = words
        self._acted = acted
        self._windows = windows
        self._on_curtain = on_curtain
        self._missing = missing
        self._notices: list[Notice] = []
        self._over = False

    async def show(self, id_: str, text: str, teacher_name: str, *, answered: bool) -> str:
        """Show the words; return "" once X has them on the screen, else why not."""
        if self._missing():
            return MISSING
        who = plain(teacher_name, 40) or self._words("teacher")
        words = plain(text, 2000, lines=True)
        notice = self._open(id_, who, words, answered=answered)
        if self._on_curtain(f"{self._words('says', who=who)}\n{words}"):
            return ""
        window = int(notice.winId())
        for pause in TRIES_SECONDS:
            if self._windows.viewable(window) is not None:
                return ""
            await asyncio.sleep(pause)
        return "" if self._windows.viewable(window) is not None else NOT_SHOWN

    def write(self, teacher_name: str) -> None:
        """Open a line to write to the teacher."""
        who = plain(teacher_name, 40) or self._words("teacher")
        self._open("", who, "", answered=True).start_writing()

    def lesson(self, *, on: bool) -> None:
        """Let what stands be read, and be answered in a lesson only."""
        self._over = not on
        for notice in self._notices:
            notice.lesson(on=on)

    def close(self) -> None:
        for notice in self._notices:
            notice.close()
            notice.deleteLater()
        self._notices = []

    def _open(self, id_: str, who: str, text: str, *, answered: bool) -> Notice:
        while len(self._notices) >= NOTICES_MAX:
            oldest = self._notices.pop(0)
            oldest.close()
            oldest.deleteLater()
        notice = Notice(self._words, id_, who, text, answered=answered)
        notice.lesson(on=not self._over)
        notice.written.connect(self._written)
        self._notices.append(notice)
        notice.adjustSize()
        area = QGuiApplication.primaryScreen().availableGeometry()
        step = 36 * (len(self._notices) - 1)
        notice.move(area.right() - notice.width() - 32 - step, area.top() + 84 + step)
        notice.show()
        return notice

    @Slot(str, str)
    def _written(self, id_: str, text: str) -> None:
        self._acted(PupilActed("reply" if id_ else "words", text, id_))
