"""The show on a pupil's screen: over the main monitor, or in a window that the pupil may leave.

The bar stays above, and so does a curtain. No keyboard is held. Pictures are decoded in a process
of their own, as an app does it: a fault there costs a picture.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from PySide6.QtCore import QObject, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QFont,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from device_bridge.agent.seat.bar import BAR_PIXELS, BUTTON
from device_bridge.agent.seat.paint import BARE, DARK, face, icon, label, size
from device_bridge.agent.seat.words import Words
from device_bridge.pictures.apart import Apart, Pixels
from device_bridge.pictures.canvas import BadPicture, OutOfStep
from device_bridge.pictures.pixels import PIXEL_BYTES
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.plain import plain
from device_bridge.protocol.seat import HideScreen, PupilActed, ShowScreen

AGAIN: Final = "again"
BAD: Final = "no picture"
SAID_MS: Final = 6000
SHARE: Final = 0.75
"""Of the screen's sides, for a window at first."""
FOOT_PIXELS: Final = 52
_WHICH: Final = 1


class Picture(QWidget):
    """What is shown, as large as its place allows; letterboxed, never bent."""

    resized = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.image = QImage()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def lay(self, new: Pixels) -> None:
        """Put what is new into the picture."""
        whole = QSize(*new.size)
        if self.image.size() != whole:
            self.image = QImage(whole, QImage.Format.Format_RGB32)
            self.image.fill(Qt.GlobalColor.black)
        row, form = new.width * PIXEL_BYTES, QImage.Format.Format_RGB888
        part = QImage(new.pixels, new.width, new.height, row, form)
        painter = QPainter(self.image)
        painter.drawImage(new.x, new.y, part)
        painter.end()
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        if not self.image.isNull():
            room = QRectF(self.rect())
            fitted = QSize(self.image.size()).scaled(
                self.size(), Qt.AspectRatioMode.KeepAspectRatio
            )
            spot = QRectF(0, 0, fitted.width(), fitted.height())
            spot.moveCenter(room.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(spot, self.image, QRectF(self.image.rect()))
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()


class Late(QWidget):
    """Words at the top of the picture while none of now comes; below the bar where that is."""

    def __init__(self, words: Words, picture: Picture) -> None:
        super().__init__(picture)
        self.setObjectName("showing-late")
        self._words, self._picture = words, picture
        sign = QLabel(self)
        sign.setPixmap(icon("hourglass", 20, "white").pixmap(20, 20))
        self._text = label(self, face(16, QFont.Weight.DemiBold))
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 20, 12)
        row.setSpacing(10)
        row.addWidget(sign)
        row.addWidget(self._text)
        self.hide()

    def say(self, whose: str, seconds: int, below: int) -> None:
        """`seconds` 0: say nothing. `below`: how many pixels of the picture's top are covered."""
        if seconds:
            self._text.setText(self._words("show-late", who=whose, count=str(seconds)))
            self.adjustSize()
            left = (self._picture.width() - self.width()) // 2
            self.move(max(0, left), below + 12)
        self.setVisible(seconds > 0)

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(Qt.GlobalColor.white, 2))
        painter.setBrush(DARK)
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 10, 10)
        painter.end()


class Stage(QWidget):
    """The window of a show. `left`: its pupil has closed it, where that is theirs to do."""

    left = Signal()

    def __init__(self, words: Words) -> None:
        super().__init__(None)
        self.setObjectName("showing")
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self._words, self.full = words, True
        self.picture = Picture(self)
        self.late = Late(words, self.picture)
        self._foot = QWidget(self)
        self._foot.setFixedHeight(FOOT_PIXELS)
        self._who = label(self._foot, face(15, QFont.Weight.DemiBold))
        look = BUTTON.format(fill="#26323E", ink="white", edge="#6B7885", round=8)
        self._leave = QPushButton(self._foot)
        self._leave.setFont(face(15, QFont.Weight.DemiBold))
        self._leave.setStyleSheet(look)
        self._leave.setIcon(icon("x", 20, "white"))
        self._leave.setIconSize(size(20))
        self._leave.clicked.connect(self.left)
        row = QHBoxLayout(self._foot)
        row.setContentsMargins(16, 0, 10, 0)
        row.addWidget(self._who)
        row.addStretch()
        row.addWidget(self._leave)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.picture, 1)
        column.addWidget(self._foot)
        self._column = column

    def take(self, order: ShowScreen) -> None:
        """Be as ordered; not seen yet."""
        self.hide()
        self.picture.image = QImage()
        self.late.hide()
        self.full = order.mode == "full"
        area = QGuiApplication.primaryScreen().geometry()
        self.setWindowFlags(BARE if self.full else Qt.WindowType.Window)
        said = self._words("shows", who=plain(order.whose, 40) or self._words("teacher"))
        self.setWindowTitle(said)
        self.setAccessibleName(said)
        self._who.setText(said)
        self._leave.setText("\N{EN SPACE}" + self._words("show-leave"))
        self._foot.setVisible(not self.full)
        self.setGeometry(area if self.full else _window_in(area, QSize(order.width, order.height)))
        self._column.activate()  # so that the picture's room is known before it is seen

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), DARK)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and not self.full:
            self.left.emit()
        event.accept()

    def closeEvent(self, event: QCloseEvent) -> None:
        # The guard hides it: in full there is nothing to close, in a window that is leaving.
        event.ignore()
        if not self.full:
            self.left.emit()


class Lost(QWidget):
    """Words below the bar, for a moment: why the show is gone."""

    def __init__(self, words: Words) -> None:
        super().__init__(None, BARE)
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setObjectName("showing-lost")
        self._words = words
        self._text: QLabel = label(self, face(16, QFont.Weight.DemiBold))
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 14, 20, 14)
        row.addWidget(self._text)
        self._timer = QTimer(self, singleShot=True, interval=SAID_MS)
        self._timer.timeout.connect(self.hide)

    def say(self, whose: str) -> None:
        self._text.setText(self._words("show-lost", who=whose))
        self.adjustSize()
        area = QGuiApplication.primaryScreen().geometry()
        left = area.center().x() - self.width() // 2
        self.move(max(area.left(), left), area.top() + BAR_PIXELS + 12)
        self.show()
        self.raise_()
        self._timer.start()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), DARK)
        painter.end()


class XShowing(QObject):
    """The `Showing` of an X11 desktop. `above` puts the bar and a curtain over it again.

    `covered` hears whether it covers the desktop.
    """

    covered = Signal(bool)

    def __init__(self, words: Words, above: Callable[[], None]) -> None:
        super().__init__()
        self._words, self._above = words, above
        self._order: ShowScreen | None = None
        self._left: Callable[[PupilActed], None] | None = None
        self._apart = Apart()
        self._thread = ThreadPoolExecutor(1, "showing")
        self._stage, self._lost = Stage(words), Lost(words)
        self._stage.left.connect(self._on_left)
        self._stage.picture.resized.connect(self._fit_later)
        self._fitting = QTimer(self, singleShot=True, interval=100)
        self._fitting.timeout.connect(self._fit_again)

    def on_left(self, left: Callable[[PupilActed], None]) -> None:
        self._left = left

    def show(self, order: ShowScreen) -> None:
        self._order = order
        self._lost.hide()
        self._stage.take(order)
        self.covered.emit(False)  # noqa: FBT003 - a signal's only fact

    async def picture(self, frame: Frame) -> str:
        """Show what is new; return why it cannot be, or ""."""
        order, fit = self._order, self._room()
        decoding = self._thread.submit(self._apart.decode, frame, fit, _WHICH)
        try:
            new = await asyncio.wrap_future(decoding)
        except OutOfStep:
            return AGAIN
        except BadPicture:
            return BAD
        if order is None or order is not self._order:
            return AGAIN
        if new is not None:
            self._lay(new)
        return ""

    def late(self, seconds: int) -> None:
        if self._order is not None:
            whose = plain(self._order.whose, 40) or self._words("teacher")
            self._stage.late.say(whose, seconds, BAR_PIXELS if self._stage.full else 0)

    def hide(self, order: HideScreen) -> None:
        """Give the desktop back at once."""
        was, self._order = self._order, None
        self._stage.hide()
        self.covered.emit(False)  # noqa: FBT003 - a signal's only fact
        self._stage.picture.image = QImage()
        if order.why == "lost" and was is not None:
            self._lost.say(plain(was.whose, 40) or self._words("teacher"))
            self._above()

    def close(self) -> None:
        self._order = None
        self._thread.shutdown(cancel_futures=True)
        self._apart.end()
        self._stage.deleteLater()
        self._lost.deleteLater()

    def _lay(self, new: Pixels) -> None:
        self._stage.picture.lay(new)
        if not self._stage.isVisible():
            self._stage.show()
            self.covered.emit(self._stage.full)
            self._above()

    def _room(self) -> tuple[int, int]:
        """Return how many real pixels there are to fill."""
        picture = self._stage.picture
        ratio = self._stage.devicePixelRatioF()
        return max(1, int(picture.width() * ratio)), max(1, int(picture.height() * ratio))

    @Slot()
    def _on_left(self) -> None:
        if self._left is not None:
            self._left(PupilActed("show-left"))

    @Slot()
    def _fit_later(self) -> None:
        if self._order is not None and self._stage.isVisible():
            self._fitting.start()

    @Slot()
    def _fit_again(self) -> None:
        if self._order is None:
            return
        asked = self._thread.submit(self._apart.again, self._room(), _WHICH)
        loop = asyncio.get_running_loop()
        asked.add_done_callback(lambda done: loop.call_soon_threadsafe(self._fitted, done))

    def _fitted(self, done: "Future[Pixels | None]") -> None:
        """Show the picture at its window's new size, however still it is."""
        if done.cancelled() or done.exception() is not None:
            return
        new = done.result()
        if new is not None and self._order is not None:
            self._lay(new)


def _window_in(area: QRect, picture: QSize) -> QRect:
    """Return where a window begins: in the middle, as large as most of the screen."""
    room = QSize(int(area.width() * SHARE), int(area.height() * SHARE) - FOOT_PIXELS)
    shape = picture if not picture.isEmpty() else QSize(16, 9)
    fitted = shape.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)
    spot = QRect(0, 0, fitted.width(), fitted.height() + FOOT_PIXELS)
    spot.moveCenter(area.center())
    return spot
