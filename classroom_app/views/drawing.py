"""A still of the show over the screen it is of, to draw on: pupils see each stroke at once."""

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QFont,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QScreen,
)
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QWidget

from classroom_app.presenters import monitors
from classroom_app.presenters.showing import ShowingPresenter, Tool
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import flat
from classroom_app.views.theme import Theme, font

TOOLS: tuple[tuple[Tool, str, Qt.Key], ...] = (
    ("pen", later("Pen"), Qt.Key.Key_P),
    ("arrow", later("Arrow"), Qt.Key.Key_A),
    ("light", later("Spotlight"), Qt.Key.Key_S),
    ("zoom", later("Zoom"), Qt.Key.Key_Z),
)
FOOT = 64


class DrawingBoard(QWidget):
    """Keys: P, A, S and Z choose, Ctrl+Z takes back, Delete clears, Esc goes on with the show."""

    def __init__(self, showing: ShowingPresenter, theme: Theme) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.Window)
        self.setObjectName("desk")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle(say("Draw"))
        self.setStyleSheet(theme.sheet())
        self._showing, self._theme = showing, theme
        self._tools = QButtonGroup(self)
        self._row = QWidget(self)
        self._lay_out()
        self._tools.button(0).setChecked(True)
        screen = _screen_of(showing.shown_at())
        self.setScreen(screen)
        self.setGeometry(screen.geometry())
        self._lay_row()
        self.setCursor(Qt.CursorShape.CrossCursor)
        showing.marked.connect(self.update)
        showing.desk.changed.connect(self._follow)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self._row)
        row.setSpacing(8)
        row.addStretch()
        for at, (tool, words, key) in enumerate(TOOLS):
            button = flat(f"draw-{tool}", "plain", self._row)
            button.setText(say(words))
            button.setToolTip(QKeySequence(key).toString())
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._tools.addButton(button, at)
            row.addWidget(button)
        row.addSpacing(24)
        for name, words, key, do in (
            ("draw-undo", say("Undo"), "Ctrl+Z", self._showing.unmark),
            ("draw-clear", say("Clear"), "Del", self._showing.clear),
            ("draw-done", say("Go on with the show"), "Esc", self.close),
        ):
            button = flat(name, "main" if name == "draw-done" else "plain", self._row)
            button.setText(words)
            button.setToolTip(QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText))
            button.setFont(font(14, QFont.Weight.DemiBold))
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.clicked.connect(do)
            row.addWidget(button)
        row.addStretch()

    def _lay_row(self) -> None:
        self._row.setGeometry(0, self.height() - FOOT, self.width(), FOOT)

    @Slot()
    def _follow(self) -> None:
        if not self._showing.on():
            self.close()

    def _place(self) -> QRect:
        """Return where the picture stands above the tools."""
        room = QRect(0, 0, self.width(), self.height() - FOOT)
        image = self._showing.still()
        whole = image.size() if image else QSize(16, 9)
        spot = QRect(0, 0, 0, 0)
        spot.setSize(whole.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio))
        spot.moveCenter(room.center())
        return spot

    def _at(self, event: QMouseEvent) -> tuple[float, float]:
        place, spot = self._place(), event.position()
        x, y = (spot.x() - place.x()) / place.width(), (spot.y() - place.y()) / place.height()
        return min(1.0, max(0.0, x)), min(1.0, max(0.0, y))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._showing.mark(TOOLS[self._tools.checkedId()][0], self._at(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._showing.mark_on(self._at(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        held = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() == Qt.Key.Key_Z and held:
            self._showing.unmark()
        elif event.key() == Qt.Key.Key_Delete:
            self._showing.clear()
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            for at, (_, _, key) in enumerate(TOOLS):
                if event.key() == key:
                    self._tools.button(at).setChecked(True)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_row()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), Qt.GlobalColor.black)
        painter.fillRect(self._row.geometry(), self._theme.colour("surface"))
        if (image := self._showing.still()) is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(self._place()), image, QRectF(image.rect()))

    def close(self) -> bool:
        """Let the show go on, without what was drawn."""
        self._showing.draw_no_more()
        return super().close()


def _screen_of(shown: QRect | None) -> QScreen:
    """Return the screen that most of it is on."""
    if shown is None:
        return QGuiApplication.primaryScreen()
    screens = QGuiApplication.screens()
    real = [monitors.real(one.geometry(), one.devicePixelRatio()) for one in screens]
    return screens[monitors.nearest(real, shown)]
