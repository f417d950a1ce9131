"""The list of documents that stand ready for a class: each can be ticked, and taken out."""

from collections.abc import Sequence
from html import escape
from typing import Final

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QFontMetrics,
    QIcon,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from classroom_app.domain.ready import NAME_MAX, Offered, ReadyDocument
from classroom_app.presenters.words import amount, day, say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme, font
from device_bridge.protocol.plain import plain

SEMI, MEDIUM = QFont.Weight.DemiBold, QFont.Weight.Medium
ROW: Final = 36
ROWS_SEEN: Final = 6
BOX, INSET, GAP = 18, 8, 10


class DocumentLine(QAbstractButton):
    """A document's name and size, and where it can be ticked its box. Space ticks."""

    shown = Signal()  # it has the keyboard, so it has to be in sight
    walked = Signal(int)  # by so many lines down
    unwanted = Signal()

    def __init__(self, one: Offered, theme: Theme, parent: QWidget, *, ticks: bool) -> None:
        super().__init__(parent)
        self.one, self._theme = one, theme
        self.name = plain(one.ready.name, NAME_MAX)
        self._ticks = ticks and one.here
        self.setObjectName("ready-line")
        self.setFixedHeight(ROW)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCheckable(self._ticks)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        if self._ticks:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setEnabled(self._ticks or not ticks)
        policy = Qt.FocusPolicy.StrongFocus if self._ticks else Qt.FocusPolicy.NoFocus
        self.setFocusPolicy(policy)
        self.setAccessibleName(f"{self.name}, {self._fact()}")
        chosen = say("Chosen on {day}", day=day(one.ready.chosen_at))
        self.setToolTip(f"<qt>{escape(self.name)}<br>{escape(chosen)}</qt>")

    def _fact(self) -> str:
        return amount(self.one.ready.size) if self.one.here else say("no longer here")

    def sizeHint(self) -> QSize:
        return QSize(0, ROW)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Delete:
                self.unwanted.emit()
            case Qt.Key.Key_Down:
                self.walked.emit(1)
            case Qt.Key.Key_Up:
                self.walked.emit(-1)
            case _:
                super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.shown.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._theme.colour
        if self._ticks and (self.underMouse() or self.isDown()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour("press"))
            painter.drawRoundedRect(self.rect(), 6, 6)
        self._paint_mark(painter, QRect(INSET, (ROW - BOX) // 2, BOX, BOX))
        self._paint_words(painter)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour("ink"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 6, 6)

    def _paint_mark(self, painter: QPainter, box: QRect) -> None:
        """Paint the box and its tick; where nothing can be ticked, what the line is."""
        colour, ratio = self._theme.colour, self.devicePixelRatioF()
        if not self._ticks:
            icon = "file-text" if self.one.here else "triangle-alert"
            painter.drawPixmap(box.topLeft(), self._theme.icon(icon, BOX, "ink2", ratio))
            return
        ticked = self.isChecked()
        painter.setPen(QPen(colour("ink" if ticked else "ink2"), 2))
        painter.setBrush(colour("ink" if ticked else "surface"))
        painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4)
        if ticked:
            tick = self._theme.icon("check", BOX - 4, "surface", ratio)
            painter.drawPixmap(box.topLeft() + QPoint(2, 2), tick)

    def _paint_words(self, painter: QPainter) -> None:
        colour, fact = self._theme.colour, self._fact()
        small = font(13, MEDIUM)
        room = self.rect().adjusted(INSET + BOX + GAP, 0, -INSET, 0)
        painter.setFont(small)
        painter.setPen(colour("ink2"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, fact)
        room.setRight(room.right() - QFontMetrics(small).horizontalAdvance(fact) - GAP)
        named = font(15, SEMI)
        name = QFontMetrics(named).elidedText(self.name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.setFont(named)
        painter.setPen(colour("ink" if self.one.here else "ink2"))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignLeft, name)


class ReadyRow(QWidget):
    """A line, and beside it the button that takes the document out."""

    def __init__(self, one: Offered, theme: Theme, parent: QWidget, *, ticks: bool) -> None:
        super().__init__(parent)
        self.line = DocumentLine(one, theme, self, ticks=ticks)
        self.remove = flat("ready-remove", "quiet", self)
        self.remove.setIcon(QIcon(theme.icon("x", 16, "ink2", self.devicePixelRatioF())))
        self.remove.setIconSize(QSize(16, 16))
        self.remove.setFixedSize(32, 32)
        self.remove.setToolTip(say("Remove"))
        self.remove.setAccessibleName(say("Remove {name}", name=self.line.name))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.line, 1)
        row.addWidget(self.remove)


class ReadyList(QWidget):
    """What stands ready; more than six rows scroll. `ticks`: whether they can be chosen."""

    ticked_changed = Signal()
    unwanted = Signal(str)  # the id of a document that is to be taken out

    def __init__(self, theme: Theme, parent: QWidget, *, ticks: bool) -> None:
        super().__init__(parent)
        self._theme, self._ticks = theme, ticks
        self._offered: tuple[Offered, ...] = ()
        self.rows: list[ReadyRow] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        if ticks:
            column.addWidget(label(say("Ready for this class"), 14, SEMI, "second"))
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column.addWidget(self._area)
        self.hide()

    def ticked(self) -> list[ReadyDocument]:
        return [row.line.one.ready for row in self.rows if row.line.isChecked()]

    def first(self) -> QWidget | None:
        """Return the first line that can be ticked."""
        return next((row.line for row in self.rows if row.line.isEnabled()), None)

    def fill(self, offered: Sequence[Offered]) -> bool:
        """Show this list; ticks and the keyboard stay where they are. False: it was shown."""
        if tuple(offered) == self._offered:
            return False
        self._offered = tuple(offered)
        ticked = self.ticked()
        held = self._held()
        at = self._area.verticalScrollBar().value()
        rows = QWidget(self._area)
        rows.setObjectName("rows")
        column = QVBoxLayout(rows)
        column.setContentsMargins(0, 0, 8 if len(offered) > ROWS_SEEN else 0, 0)
        column.setSpacing(0)
        self.rows = [self._row(one, rows) for one in offered]
        for row in self.rows:
            row.line.setChecked(row.line.one.ready in ticked)
            column.addWidget(row)
        self._area.setWidget(rows)
        self._area.viewport().setAutoFillBackground(False)
        self._area.setFixedHeight(ROW * min(len(offered), ROWS_SEEN))
        self._area.verticalScrollBar().setValue(at)
        self.setVisible(bool(offered))
        self._hold(held)
        self.ticked_changed.emit()
        return True

    def _row(self, one: Offered, rows: QWidget) -> ReadyRow:
        made = ReadyRow(one, self._theme, rows, ticks=self._ticks)
        made.line.toggled.connect(self.ticked_changed)
        made.line.shown.connect(self._keep_in_sight)
        made.line.walked.connect(self._walk)
        made.line.unwanted.connect(self._remove)
        made.remove.clicked.connect(self._remove)
        return made

    @Slot()
    def _keep_in_sight(self) -> None:
        line = self.sender()
        if isinstance(line, QWidget):
            self._area.ensureWidgetVisible(line, 0, 0)

    @Slot(int)
    def _walk(self, step: int) -> None:
        lines = [row.line for row in self.rows if row.line.isEnabled()]
        at = next((at for at, line in enumerate(lines) if line is self.sender()), 0) + step
        if 0 <= at < len(lines):
            lines[at].setFocus(Qt.FocusReason.TabFocusReason)

    @Slot()
    def _remove(self) -> None:
        asked = self.sender()
        for row in self.rows:
            if asked in {row.line, row.remove}:
                self.unwanted.emit(row.line.one.ready.document)

    def _held(self) -> tuple[int, bool] | None:
        """Return which row has the keyboard, and whether its Remove has it."""
        held: QWidget | None = self.window().focusWidget()
        for at, row in enumerate(self.rows):
            if held in {row.line, row.remove}:
                return at, held is row.remove
        return None

    def _hold(self, held: tuple[int, bool] | None) -> None:
        """Give the keyboard to the row that stands there now; from the last one up."""
        if held is None or not self.rows:
            return
        row = self.rows[min(held[0], len(self.rows) - 1)]
        wanted = row.remove if held[1] or not row.line.isEnabled() else row.line
        wanted.setFocus()
