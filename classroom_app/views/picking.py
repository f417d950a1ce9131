"""A region of the screen, drawn with the pointer over a still picture of it."""

from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QWidget

from classroom_app.presenters.words import say
from classroom_app.views.theme import font

LEAST = 64  # px of a side: less is a slip of the hand
SHADE = QColor(0, 0, 0, 140)


class RegionPicker(QWidget):
    """Over the whole main screen; Esc leaves it. `picked` is in real pixels of that screen."""

    picked = Signal(QRect)

    def __init__(self) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.Window)
        self.setObjectName("region")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._from = self._to = QPoint()
        screen = QGuiApplication.primaryScreen()
        self._still: QPixmap = screen.grabWindow(0)
        self.setGeometry(screen.geometry())
        self.setAccessibleName(say("Draw what is to be shown. Esc: back"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = self._to = event.position().toPoint()
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._to = event.position().toPoint()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._to = event.position().toPoint()
        drawn = self._drawn()
        if drawn.width() < LEAST or drawn.height() < LEAST:
            self._from = self._to
            self.update()
            return
        ratio = self.devicePixelRatioF()
        spot = QRectF(drawn.x() * ratio, drawn.y() * ratio, drawn.width() * ratio, 0)
        spot.setHeight(drawn.height() * ratio)
        self.picked.emit(spot.toRect())
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.drawPixmap(self.rect(), self._still)
        painter.fillRect(self.rect(), SHADE)
        drawn = self._drawn()
        if drawn.isEmpty():
            painter.setPen(Qt.GlobalColor.white)
            painter.setFont(font(21))
            centre = Qt.AlignmentFlag.AlignCenter
            painter.drawText(self.rect(), centre, self.accessibleName())
            return
        ratio = self._still.devicePixelRatio()
        source = QRectF(
            drawn.x() * ratio, drawn.y() * ratio, drawn.width() * ratio, drawn.height() * ratio
        )
        painter.drawPixmap(QRectF(drawn), self._still, source)
        painter.setPen(QPen(Qt.GlobalColor.white, 2))
        painter.drawRect(drawn)

    def _drawn(self) -> QRect:
        left, right = sorted((self._from.x(), self._to.x()))
        top, bottom = sorted((self._from.y(), self._to.y()))
        return QRect(left, top, right - left, bottom - top)
