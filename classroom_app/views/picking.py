"""A region of a screen, drawn over a still picture of it: with the pointer, or by keys."""

from PySide6.QtCore import QObject, QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QScreen,
)
from PySide6.QtWidgets import QWidget

from classroom_app.presenters import monitors
from classroom_app.presenters.words import say
from classroom_app.views.theme import font

LEAST = 64  # px of a side: less is a slip of the hand
SHADE = QColor(0, 0, 0, 140)
PLATE = QColor(0, 0, 0, 190)
MARGIN = 16
STEP = 16  # px that an arrow moves
ARROWS = {
    Qt.Key.Key_Left: QPoint(-STEP, 0),
    Qt.Key.Key_Right: QPoint(STEP, 0),
    Qt.Key.Key_Up: QPoint(0, -STEP),
    Qt.Key.Key_Down: QPoint(0, STEP),
}


class RegionPicker(QWidget):
    """Over the whole of one screen. `picked` is in real pixels of the desktop."""

    picked = Signal(QRect)
    left = Signal()

    def __init__(self, screen: QScreen) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.Window)
        self.setObjectName("region")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._from = self._to = QPoint()
        self._over = screen.geometry()
        self._still: QPixmap = screen.grabWindow(0)
        self.setScreen(screen)
        self.setGeometry(self._over)
        self.setAccessibleName(
            say("Draw what is to be shown, or use arrows, Shift and Enter. Esc: back")
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = self._to = event.position().toPoint()
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._to = event.position().toPoint()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._to = event.position().toPoint()
        self._take()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move a region, with Shift its lower right corner; Enter takes it, Esc leaves."""
        match event.key():
            case Qt.Key.Key_Escape:
                self.left.emit()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._take()
            case key if (by := ARROWS.get(Qt.Key(key))) is not None:
                self._move(by, sized=event.modifiers() == Qt.KeyboardModifier.ShiftModifier)
            case _:
                pass

    def _take(self) -> None:
        drawn = self._drawn()
        if drawn.width() < LEAST or drawn.height() < LEAST:
            self._from = self._to
            self.update()
            return
        self.picked.emit(monitors.region(self._over, self.devicePixelRatioF(), QRectF(drawn)))

    def _move(self, by: QPoint, *, sized: bool) -> None:
        """Move what is drawn, or its corner; where nothing is, begin in the middle."""
        drawn, whole = self._drawn(), self.rect()
        if drawn.isEmpty():
            drawn = QRect(whole.width() // 4, whole.height() // 4, *(whole.size() / 2).toTuple())
        elif sized:
            drawn.setBottomRight(drawn.bottomRight() + by)
            drawn = drawn.united(QRect(drawn.topLeft(), QSize(LEAST, LEAST))) & whole
        elif whole.contains(drawn.translated(by)):
            drawn.translate(by)
        self._from, self._to = drawn.topLeft(), drawn.bottomRight() + QPoint(1, 1)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.drawPixmap(self.rect(), self._still)
        painter.fillRect(self.rect(), SHADE)
        drawn = self._drawn()
        if drawn.isEmpty():
            self._say(painter)
            return
        ratio = self._still.devicePixelRatio()
        source = QRectF(
            drawn.x() * ratio, drawn.y() * ratio, drawn.width() * ratio, drawn.height() * ratio
        )
        painter.drawPixmap(QRectF(drawn), self._still, source)
        painter.setPen(QPen(Qt.GlobalColor.white, 2))
        painter.drawRect(drawn)

    def _say(self, painter: QPainter) -> None:
        """Say what to do, on a ground of its own: what lies below may be white."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(21))
        centre = Qt.AlignmentFlag.AlignCenter
        words = self.accessibleName()
        plate = painter.boundingRect(self.rect(), centre, words)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(PLATE)
        painter.drawRoundedRect(plate.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN), 8, 8)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(self.rect(), centre, words)

    def _drawn(self) -> QRect:
        left, right = sorted((self._from.x(), self._to.x()))
        top, bottom = sorted((self._from.y(), self._to.y()))
        return QRect(left, top, right - left, bottom - top) & self.rect()


class RegionPickers(QObject):
    """One picker a screen; Esc leaves them all. `picked` comes when they are gone."""

    picked = Signal(QRect)

    def __init__(self) -> None:
        super().__init__()
        self.windows = [RegionPicker(screen) for screen in QGuiApplication.screens()]
        for window in self.windows:
            window.picked.connect(self._picked)
            window.left.connect(self._close)

    def show(self) -> None:
        for window in self.windows:
            window.showFullScreen()

    @Slot(QRect)
    def _picked(self, spot: QRect) -> None:
        self._close()
        self.picked.emit(spot)

    @Slot()
    def _close(self) -> None:
        for window in self.windows:
            window.close()
        self.windows = []
