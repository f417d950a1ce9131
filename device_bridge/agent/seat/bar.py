"""The bar's widget: who sees this screen and until when, and what a pupil can do about it."""

from typing import Final

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBitmap,
    QCloseEvent,
    QFont,
    QGuiApplication,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from device_bridge.agent.seat.aloud import ALOUD, read_aloud
from device_bridge.agent.seat.paint import (
    BARE,
    DARK,
    INK,
    YELLOW,
    clock,
    disc,
    face,
    icon,
    icon_pixmap,
    label,
    size,
)
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.plain import plain
from device_bridge.protocol.seat import ShowIndicator

BAR_PIXELS: Final = 58
EYE_PIXELS: Final = 36
BUTTON: Final = """
QPushButton {{ background: {fill}; color: {ink}; border: 1px solid {edge}; border-radius: {round}px;
  padding: 0 12px; height: 36px; }}
QPushButton:hover {{ border-color: white; }}
QPushButton:focus {{ border: 2px solid white; }}
QPushButton:disabled {{ color: #8A96A3; border-color: #3A4753; }}
"""
GAP: Final = "\N{EN SPACE}"  # between an icon and its word: Qt's own gap is too narrow
LESSON: Final = {"none": "lesson", "overview": "overview", "close": "close"}
MINUTE_SECONDS: Final = 60
ELIDE: Final = Qt.TextElideMode.ElideMiddle  # what is being done stands at the end


def several(key: str, order: ShowIndicator) -> str:
    """Return the phrase for one teacher, or for more: a verb has its number."""
    return f"{key}-more" if order.also else key


class IndicatorBar(QWidget):
    """58 px at the top centre, or folded to an eye of 36 px. It moves, and does not close."""

    hand_pressed = Signal()
    write_pressed = Signal()
    received_pressed = Signal()
    hand_in_pressed = Signal()
    seen_pressed = Signal()
    private_pressed = Signal()
    take_back_pressed = Signal()
    keys_held = False
    covered = False  # by a show over the whole screen
    _driven = _hands_in = False
    _told: object = None
    _headline = ""

    def __init__(self, words: Words) -> None:
        super().__init__(None, BARE)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setObjectName("indicator")
        self.setWindowTitle("pupitre-bar")
        self._words = words
        self._folded = self._offers_private = False
        self._grip: QPoint | None = None
        self._moved = False
        self._words_on: dict[QPushButton, str] = {}
        self._eye = label(self, face(14))
        self._who = label(self, face(16, QFont.Weight.DemiBold))
        self._until = label(self, face(13), "#C6CFD9")
        self._hand = self._button("hand", 15)
        self._write = self._button("message-square", 15)
        self._received = self._button("folder-down", 15)
        self._hand_in = self._button("inbox", 15)
        self._seen = self._button("eye", 15)
        self.take_back = self._take_back_button()
        self.private = self._button("eye-off", 15)
        self._fold = QPushButton(self)
        self._fold.setFixedSize(28, 36)
        self._fold.setStyleSheet("QPushButton { border: 0; background: transparent; }")
        self._hand.clicked.connect(self.hand_pressed)
        self._write.clicked.connect(self.write_pressed)
        self._received.clicked.connect(self.received_pressed)
        self._hand_in.clicked.connect(self.hand_in_pressed)
        self._seen.clicked.connect(self.seen_pressed)
        self.private.clicked.connect(self.private_pressed)
        self._fold.clicked.connect(self._toggle)
        self._lay_out()

    def _button(self, icon_name: str, pixels: int) -> QPushButton:
        made = QPushButton(self)
        made.setFont(face(pixels, QFont.Weight.DemiBold))
        made.setIcon(icon(icon_name, 20, "white"))
        made.setIconSize(size(20))
        made.setStyleSheet(BUTTON.format(fill="#26323E", ink="white", edge="#6B7885", round=8))
        return made

    def _take_back_button(self) -> QPushButton:
        made = self._button("mouse-pointer-2", 15)
        made.setIcon(icon("mouse-pointer-2", 20, INK))
        made.setStyleSheet(BUTTON.format(fill=YELLOW, ink=INK, edge=YELLOW, round=8))
        made.clicked.connect(self.take_back_pressed)
        made.hide()
        return made

    def _buttons(self) -> tuple[QPushButton, ...]:
        return (
            *(self._hand, self._write, self._received, self._hand_in, self.private),
            self._seen,
        )

    def _lay_out(self) -> None:
        self._who.setObjectName(ALOUD)
        self._texts = QWidget(self)
        texts = QVBoxLayout(self._texts)
        texts.setContentsMargins(0, 0, 16, 0)
        texts.setSpacing(1)
        texts.addStretch()
        texts.addWidget(self._who)
        texts.addWidget(self._until)
        texts.addStretch()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(14, 0, 10, 0)
        self._row.setSpacing(8)
        self._row.setSizeConstraint(QHBoxLayout.SizeConstraint.SetFixedSize)
        self._row.addWidget(self._eye)
        self._row.addWidget(self._texts)
        self._row.addWidget(self.take_back)
        for button in self._buttons():
            self._row.addWidget(button)
        self._row.addWidget(self._fold)

    def show_order(self, order: ShowIndicator, now: float, *, hand_up: bool) -> None:
        """Say it as it is now. The eye is filled while pictures go out."""
        who = self._names(order)
        if (order.still_now or order.drives) and self._folded:
            self._toggle()  # what is kept, and who drives, is said in words
        self._headline = who if self._folded else self._says(order, who)
        self._until.setText(self._below(order, who, now))
        self._show_private(order)
        seen = order.look != "none"
        across = EYE_PIXELS - 10 if self._folded else EYE_PIXELS
        filled = disc("eye", across, across - 14, INK, "white")
        if order.drives:
            filled = disc("mouse-pointer-2", across, across - 14, INK, YELLOW)
        self._eye.setPixmap(filled if seen else icon_pixmap("eye", across - 10, "white"))
        self._show_hand(order, hand_up=hand_up)
        self._name(self._write, self._words("write"))
        self._name(self._received, self._words("received", count=order.received))
        self._received.setEnabled(order.received > 0)
        self._name(self._hand_in, self._words("hand-in"))
        self._show_take_back(order)
        self._driven, self._hands_in = bool(order.drives), bool(order.hand_in_folder)
        self._show_doors()
        self._seen.setToolTip(self._words("seen-title"))
        self._seen.setAccessibleName(self._words("seen-title"))
        self._fold.setIcon(icon("chevron-down", 18, "white", flipped=not self._folded))
        self._fold.setToolTip(self._words("unfold" if self._folded else "fold"))
        self._fold.setAccessibleName(self._fold.toolTip())
        self.setAccessibleName(f"{self._headline}, {self._until.text()}")
        self.place()
        self._tell_reader(order, who, hand_up=hand_up)

    def _below(self, order: ShowIndicator, who: str, now: float) -> str:
        """Say until when, what is kept, and who looks closely where the headline is a show's."""
        until = self._words("until", until=clock(now + order.until_seconds))
        kept = self._words("stills", count=order.stills) if order.stills else ""
        seen_too = order.showing == "here" and order.look == "close"
        looks = self._words(several("close", order), who=who) if seen_too else ""
        return " · ".join(part for part in (looks, until, kept) if part)

    def _names(self, order: ShowIndicator) -> str:
        """Name all whose lesson it is: whoever of them looks, the others may see."""
        most = 30 if not order.also else 22
        names = [plain(name, most) for name in (order.teacher_name, *order.also)]
        names = [name or self._words("teacher") for name in names]
        if len(names) == 1:
            return names[0]
        return self._words("both", first=", ".join(names[:-1]), last=names[-1])

    def _says(self, order: ShowIndicator, who: str) -> str:
        if order.private == "on":
            return self._words("private-on")
        if order.still_now:
            return self._words(several("still", order), who=who)
        if order.drives:
            return self._words("drives", who=plain(order.drives, 30))
        if order.showing == "source":
            return self._words("shown")
        if order.showing == "here":
            return self._words("shows", who=plain(order.whose, 40) or who)
        if order.look == "close" and order.close_seconds:
            minutes = -(-order.close_seconds // MINUTE_SECONDS)
            return self._words(several("close-left", order), who=who, minutes=minutes)
        return self._words(several(LESSON[order.look], order), who=who)

    def _tell_reader(self, order: ShowIndicator, who: str, *, hand_up: bool) -> None:
        """Have a screen reader say who looks and how the hand stands, once a change."""
        hand = self._hand.accessibleName() if hand_up or order.hand_place else ""
        # Minutes that pass are no news.
        news = (
            order.look,
            order.private == "on",
            order.still_now,
            order.drives,
            order.showing,
            who,
            hand,
        )
        words = ", ".join(part for part in (self._says(order, who), hand) if part)
        read_aloud(self._who, words, again=news != self._told)
        self._told = news

    def _show_private(self, order: ShowIndicator) -> None:
        on, self._offers_private = order.private == "on", bool(order.private)
        left = "{}:{:02}".format(*divmod(order.private_seconds, MINUTE_SECONDS))
        text = self._words("private-stop", left=left) if on else self._words("private")
        self._name(self.private, text)
        self.private.setToolTip(self._words("private-tip"))
        self.private.setVisible(self._offers_private and not self._folded)

    def _show_take_back(self, order: ShowIndicator) -> None:
        keys = self._words("take-back-keys") if self.keys_held else ""
        words = self._words("take-back", keys=keys).rstrip(" ·")
        self.take_back.setText(GAP + words)
        self.take_back.setAccessibleName(words)
        self.take_back.setVisible(bool(order.drives))
        self._fold.setEnabled(not order.drives)

    def _show_doors(self) -> None:
        """Offer what opens a window: not where that would open unseen, below a show.

        While somebody drives what matters is who, and the way back; a narrow screen has no room
        for all.
        """
        offered = not (self._driven or self._folded or self.covered)
        for button in (self._write, self._received, self._seen):
            button.setVisible(offered)
        self._hand_in.setVisible(offered and self._hands_in)

    def _show_hand(self, order: ShowIndicator, *, hand_up: bool) -> None:
        up = hand_up or order.hand_place > 0
        key = "hand-place" if order.hand_place else "hand-up" if hand_up else "hand"
        self._name(self._hand, self._words(key, place=order.hand_place))
        ink, fill, edge = (INK, YELLOW, YELLOW) if up else ("white", "#26323E", "#6B7885")
        self._hand.setIcon(icon("hand", 20, ink))
        style = BUTTON.format(fill=fill, ink=ink, edge=edge, round=18 if up else 8)
        self._hand.setStyleSheet(style)

    def _toggle(self) -> None:
        self._folded = not self._folded
        for part in (self._until, self._hand):
            part.setVisible(not self._folded)
        self.private.setVisible(self._offers_private and not self._folded)
        self._show_doors()
        self.place()

    def _name(self, button: QPushButton, words: str) -> None:
        self._words_on[button] = words
        button.setAccessibleName(words)
        button.setToolTip(words)

    def place(self) -> None:
        """Keep the bar whole on its screen; until it is moved, at the top centre."""
        height = EYE_PIXELS if self._folded else BAR_PIXELS
        self._texts.setFixedHeight(height)
        screen = QGuiApplication.screenAt(self.geometry().center())
        area = (screen or QGuiApplication.primaryScreen()).geometry()
        at = self.pos()
        if not self._moved:
            area = QGuiApplication.primaryScreen().geometry()
        self._fit(area.width())
        self.resize(self._wanted(), height)
        if not self._moved:
            at = QPoint(area.center().x() - self.width() // 2, area.top())
        self.move(
            min(max(at.x(), area.left()), max(area.left(), area.right() + 1 - self.width())),
            min(max(at.y(), area.top()), area.bottom() + 1 - height),
        )

    def _fit(self, width: int) -> None:
        """Leave out the buttons' words, then the end of the names, where a screen is too narrow.

        A bar that is not whole on a screen proves nothing, and no picture leaves the device.
        """
        self._who.setText(self._headline)
        self._who.setToolTip(self._headline)
        for button, words in self._words_on.items():
            button.setText(GAP + words)
        if self._wanted() <= width:
            return
        for button in self._words_on:
            button.setText("")
        if self._wanted() > width:
            self.take_back.setText(GAP + self._words("take-back", keys="").rstrip(" ·"))
        if (over := self._wanted() - width) > 0:
            metrics = self._who.fontMetrics()
            room = max(0, metrics.horizontalAdvance(self._headline) - over)
            self._who.setText(metrics.elidedText(self._headline, ELIDE, room))

    def _wanted(self) -> int:
        self._texts.updateGeometry()  # else what it was before the text stays counted
        self._row.invalidate()
        self._row.activate()
        return self.sizeHint().width()

    def sizeHint(self) -> QSize:
        return self._row.sizeHint()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), DARK)
        painter.end()

    def resizeEvent(self, _: QResizeEvent) -> None:
        self._cut()

    def _cut(self) -> None:
        """Cut the corners by a mask: without a compositor, translucent ones would be black."""
        shape = QBitmap(self.size())
        shape.clear()
        painter = QPainter(shape)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(Qt.GlobalColor.color1)
        # At the screen's edge the bar grows out of it: only its lower corners are round.
        over = 0 if self._moved else 12
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0, -over, 0, 0), 12, 12)
        painter.end()
        self.setMask(shape)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._grip = event.globalPosition().toPoint() - self.pos()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None:
            self._moved = True
            self._cut()
            self.move(event.globalPosition().toPoint() - self._grip)
            self.place()

    def mouseReleaseEvent(self, _: QMouseEvent) -> None:
        self._grip = None
