"""The curtain's windows: the teacher's words on the main screen, a padlock on the others."""

from typing import Final

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from device_bridge.agent.seat.paint import BARE, BLUE, INK, YELLOW, clock, disc, face, icon, label
from device_bridge.agent.seat.paint import size as square
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.plain import plain
from device_bridge.protocol.seat import RaiseCurtain

TITLE_PIXELS: Final = (80, 64, 52, 42, 34, 28)
"""The sentence is as large as it fits: two hundred letters still do on a small screen."""
HAND_KEYS: Final = frozenset({Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter})
OFF_KEYS: Final = frozenset({Qt.Key.Key_PowerOff, Qt.Key.Key_PowerDown})
BUTTON: Final = """
QPushButton {{ background: {fill}; color: {ink}; border: 2px solid {edge}; border-radius: 12px;
  padding: 0 26px 0 20px; min-height: 56px; }}
"""


class Bar(QWidget):
    """How much of the lease remains, while the teacher is out of reach."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._share = 0.0
        self.setFixedSize(500, 10)

    def set_share(self, share: float) -> None:
        self._share = min(1.0, max(0.0, share))
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush("#4D82CC")
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        painter.setBrush("white")
        width = max(10.0, self.width() * self._share)
        painter.drawRoundedRect(QRectF(0, 0, width, self.height()), 5, 5)
        painter.end()


class Covering(QWidget):
    """One screen's cover: blue to every edge, deaf to every key that a desktop knows."""

    def __init__(self, area: QRect) -> None:
        super().__init__(None, BARE)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setObjectName("curtain")
        self.setWindowTitle("pupitre-curtain")
        self.setGeometry(area)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), BLUE)
        painter.end()

    def closeEvent(self, event: QCloseEvent) -> None:
        # Only the guard opens: Alt+F4 and a window manager's wish end here.
        event.ignore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.accept()


class Padlock(Covering):
    """The cover of a screen that is not the main one."""

    def __init__(self, area: QRect) -> None:
        super().__init__(area)
        self._sign = label(self, face(16))
        self._sign.setPixmap(disc("lock", 96, 42, BLUE, "white"))
        column = QVBoxLayout(self)
        column.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignCenter)


class Sentence(Covering):
    """The main screen's cover: who, since when, until when, and a hand that can be raised."""

    hand_pressed = Signal()
    off_pressed = Signal()

    def __init__(self, area: QRect, words: Words) -> None:
        super().__init__(area)
        self._off_asked = False
        self._words = words
        self._class = label(self, face(18))
        self._clock = label(self, face(18))
        self._sign = label(self, face(16))
        self._sign.setPixmap(disc("lock", 120, 54, BLUE, "white"))
        self._title = label(self, face(80, QFont.Weight.Bold))
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title.setWordWrap(True)
        self._why = label(self, face(24))
        self._bar = Bar(self)
        self._until = label(self, face(20))
        self._said = label(self, face(20), INK)
        self._said.setWordWrap(True)
        self._said.hide()
        self._said.setStyleSheet(
            f"background: white; color: {INK}; border-radius: 12px; padding: 18px 24px;"
        )
        self._hand = QPushButton(self)
        self._hand.setFont(face(18, QFont.Weight.DemiBold))
        self._hand.setIconSize(square(26))
        # Space and Enter reach it through the window: no ring, and Tab has nowhere to go.
        self._hand.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._hand.clicked.connect(self.hand_pressed)
        self._small = label(self, face(16), "#C9DCF7")
        self._small.setText(f"{words('behind')}\n{words('emergency')}")
        self.setAccessibleDescription(words("emergency"))
        for text in (self._why, self._until, self._small):
            text.setAlignment(Qt.AlignmentFlag.AlignCenter)
            text.setWordWrap(True)
        self._lay_out()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self._class)
        top.addStretch()
        top.addWidget(self._clock)
        column = QVBoxLayout(self)
        column.setContentsMargins(60, 48, 60, 56)
        column.setSpacing(0)
        column.addLayout(top)
        column.addStretch(5)
        centre = Qt.AlignmentFlag.AlignHCenter
        column.addWidget(self._sign, 0, centre)
        column.addSpacing(28)
        column.addWidget(self._title)
        column.addSpacing(10)
        column.addWidget(self._why)
        column.addSpacing(36)
        column.addWidget(self._bar, 0, centre)
        column.addSpacing(16)
        column.addWidget(self._until)
        column.addSpacing(44)
        column.addWidget(self._said, 0, centre)
        column.addSpacing(20)
        column.addWidget(self._hand, 0, centre)
        column.addSpacing(20)
        column.addStretch(5)
        column.addWidget(self._small)

    def show_order(self, order: RaiseCurtain, since: float, now: float, whole: float) -> None:
        """Show who, why and until when; `whole` is the lease's length that the bar shrinks from."""
        who = plain(order.teacher_name, 40) or self._words("teacher")
        latest = order.lesson_ends_in_seconds if order.in_reach else 0
        ends = clock(now + (latest or order.frees_in_seconds))
        title = plain(order.sentence, 200) or self._words("eyes")
        self._title.setText(title)
        self._title.setFont(self._fitted(title))
        self._why.setText(self._words("closed", who=who, since=clock(since)))
        self._until.setText(self._words("reach" if order.in_reach else "away", who=who, until=ends))
        self._bar.setVisible(not order.in_reach)
        # In steps of ten seconds: a bar that crawls would be watched.
        tens = -(-order.frees_in_seconds // 10) * 10
        self._bar.set_share(tens / whole if whole > 0 else 0.0)
        self._clock.setText(clock(now))
        self.setAccessibleName(f"{title}. {self._why.text()} {self._until.text()}")

    def show_lesson(self, class_name: str, hand_place: int, *, hand_up: bool) -> None:
        self._class.setText(plain(class_name, 40))
        up = hand_up or hand_place > 0
        key = "hand-place" if hand_place else "hand-up" if hand_up else "hand"
        self._hand.setText("\N{EN SPACE}" + self._words(key, place=hand_place))
        ink = INK if up else BLUE
        fill = YELLOW if up else "white"
        self._hand.setIcon(icon("hand", 26, ink))
        self._hand.setStyleSheet(BUTTON.format(fill=fill, ink=ink, edge=fill))

    def show_said(self, text: str) -> None:
        """Show a teacher's message that came while all else is covered."""
        self._off_asked = False
        self._said.setText(plain(text, 400, lines=True))
        self._said.setFixedWidth(min(760, self.width() - 120))
        self._said.show()
        self._sign.hide()  # a small screen has no room for both

    def _fitted(self, title: str) -> QFont:
        width, most = self.width() - 120, self.height() * 2 // 5
        wrapped = int(Qt.TextFlag.TextWordWrap)
        font = face(TITLE_PIXELS[-1], QFont.Weight.Bold)
        for pixels in TITLE_PIXELS:
            font = face(pixels, QFont.Weight.Bold)
            taken = QFontMetrics(font).boundingRect(QRect(0, 0, width, 10_000), wrapped, title)
            if taken.height() <= most and taken.width() <= width:
                break
        return font

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let Space and Enter press the hand, the power key switch off; the rest ends here."""
        if not event.isAutoRepeat():
            if event.key() in HAND_KEYS:
                self._hand.click()
            elif event.key() in OFF_KEYS:
                self._switch_off()
        event.accept()

    def _switch_off(self) -> None:
        """Ask once: where a desktop would have asked, it cannot while we hold the keyboard."""
        if self._off_asked:
            self.off_pressed.emit()
        else:
            self.show_said(self._words("off"))
            self._off_asked = True
            self.setAccessibleDescription(self._words("off"))
