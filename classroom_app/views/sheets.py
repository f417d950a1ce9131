"""Sheets slide from their button: no window in the way, Esc closes, the safe choice is on Enter."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QObject,
    QPoint,
    QRect,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import flat
from classroom_app.views.keys import KEYS
from classroom_app.views.motion import SHEET_MS, Motion, eased
from classroom_app.views.theme import font

SLIDE_PX = 12
MARGIN = 8
_READY = (later("Coming."), later("Eyes to the front, please."), later("Five more minutes."))


def label(words: str, pixels: int, weight: QFont.Weight, kind: str = "") -> QLabel:
    """Make a label; all text in it is plain, whoever wrote it."""
    made = QLabel(words)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(font(pixels, weight))
    made.setWordWrap(True)
    if kind:
        made.setProperty("kind", kind)
    return made


class Sheet(QFrame):
    """A small page under a button. `first` takes the keyboard when it opens."""

    WIDTH = 400

    closed = Signal()

    def __init__(self, desk: DeskPresenter, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("sheet")
        self.desk = desk
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 16, 20, 20)
        self.column.setSpacing(12)
        self.heading = QHBoxLayout()
        self.heading.addWidget(label(title, 18, QFont.Weight.Bold), 1)
        self.column.addLayout(self.heading)
        self.setAccessibleName(title)
        self.first: QWidget = self
        self._motion: Motion | None = None
        self._spot, self._lowest = QPoint(), 0
        self._above = False
        self._scroller: QScrollArea | None = None
        self._scrolled: QVBoxLayout | None = None

    def scrolling(self) -> QVBoxLayout:
        """Add a part that scrolls where the window is too low for all; return its column."""
        self._scroller = area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inner = QWidget(area)
        inner.setObjectName("rows")
        self._scrolled = QVBoxLayout(inner)
        self._scrolled.setContentsMargins(0, 0, 0, 0)
        self._scrolled.setSpacing(self.column.spacing())
        area.setWidget(inner)
        self.column.addWidget(area)
        return self._scrolled

    def main(self, name: str, words: str, do: Callable[[], None]) -> QPushButton:
        """Add the sheet's main button; it closes the sheet and then acts."""
        button = flat(name, "main", self)
        button.setText(words)
        button.setAutoDefault(True)
        button.clicked.connect(self.close_sheet)
        button.clicked.connect(do)
        self.column.addWidget(button)
        self.first = button
        return button

    def other(self, name: str, words: str, do: Callable[[], None]) -> QWidget:
        button = flat(name, "plain", self)
        button.setText(words)
        button.clicked.connect(self.close_sheet)
        button.clicked.connect(do)
        self.column.addWidget(button)
        return button

    def ready(self, sentences: Sequence[str], fill: Callable[[], None]) -> None:
        """Add a row of sentences that stand ready; `fill` takes its sender's text."""
        row = QHBoxLayout()
        row.setSpacing(8)
        for source in sentences:
            ready = flat("ready-sentence", "plain", self)
            ready.setText(say(source))
            ready.setFont(font(13, QFont.Weight.DemiBold))
            ready.clicked.connect(fill)
            row.addWidget(ready)
        row.addStretch()
        self.column.addLayout(row)

    def slide_from(self, button: QWidget, motion: Motion) -> None:
        window = self.window()
        spot = button.mapTo(window, QPoint(0, 0))
        self._above = spot.y() > window.height() // 2
        self._lowest = (spot.y() if self._above else window.height()) - MARGIN
        self.setFixedWidth(min(self.WIDTH, window.width() - 2 * MARGIN))
        self.ensurePolished()
        self._be_as_high()
        left = max(MARGIN, min(spot.x(), window.width() - self.width() - MARGIN))
        self._spot = QPoint(left, self._top(spot.y() + button.height() + MARGIN, self.height()))
        self._motion = motion
        motion.start(SHEET_MS, self._slide)
        self.show()
        self.raise_()
        first = self.first if self.first.isEnabled() else self
        first.setFocus(Qt.FocusReason.PopupFocusReason)

    def _top(self, wanted: int, height: int) -> int:
        """Return where it begins: under its button, or over one at the bottom, which stays seen."""
        highest = self._lowest - height
        return max(MARGIN, highest if self._above else min(wanted, highest))

    def spot(self) -> QRect:
        """Return where the sheet comes to stand in its window."""
        return QRect(self._spot, self.size())

    def fit(self) -> None:
        """Be as high as what it says now, and inside the window, where it is open already."""
        if self._motion is None:
            return
        self._motion.stop(self._slide)
        self._be_as_high()
        self._spot.setY(self._top(self._spot.y(), self.height()))
        self.move(self._spot)

    def _be_as_high(self) -> None:
        """Be as high as all that it says, or as there is room for: then what scrolls gives way."""
        column, width = self.column, self.width()
        column.activate()
        over = 0
        if self._scroller and self._scrolled:
            margins = column.contentsMargins()
            inner = width - margins.left() - margins.right()
            self._scroller.setFixedHeight(self._scrolled.totalHeightForWidth(inner))
            over = max(0, column.totalHeightForWidth(width) - (self._lowest - MARGIN))
            self._scroller.setFixedHeight(max(0, self._scroller.height() - over))
        self.resize(width, column.totalHeightForWidth(width))

    def _slide(self, done: float) -> None:
        self.move(self._spot - QPoint(0, round(SLIDE_PX * (1 - eased(done)))))

    @Slot()
    def close_sheet(self) -> None:
        if self._motion:
            self._motion.stop(self._slide)
        self.hide()
        self.closed.emit()
        self.deleteLater()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            focused: QWidget | None = self.focusWidget()
            if isinstance(focused, QAbstractButton):
                focused.click()
            return
        if self._scroller and event.key() in {Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}:
            QCoreApplication.sendEvent(self._scroller.verticalScrollBar(), event)
            return
        super().keyPressEvent(event)


class CollectSheet(Sheet):
    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("Collect from {scope}", scope=desk.scope_words()), parent)
        hint = say("Takes what lies in each pupil's hand-in folder; a copy stays with the pupil.")
        self.column.addWidget(label(hint, 14, QFont.Weight.Medium, "second"))
        self.main("collect-now", say("Collect"), desk.collect)


class MessageSheet(Sheet):
    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("Message to {scope}", scope=desk.scope_words()), parent)
        self._text = QPlainTextEdit(self)
        self._text.setObjectName("message-text")
        self._text.setFont(font(16))
        self._text.setFixedHeight(96)
        self._text.setTabChangesFocus(True)
        self._text.setAccessibleName(say("Message"))
        self._text.installEventFilter(self)
        self.column.addWidget(self._text)
        self.ready(_READY, self._fill)
        self.main("message-send", say("Send"), self._go)
        self.first = self._text

    WIDTH = 560

    @Slot()
    def _fill(self) -> None:
        button = self.sender()
        self._text.setPlainText(button.property("text") or "")
        self._text.setFocus()

    @Slot()
    def _go(self) -> None:
        self.desk.message(self._text.toPlainText())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter sends; Shift+Enter is a new line."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
            if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                text = self._text.toPlainText()
                self.close_sheet()
                self.desk.message(text)
                return True
        return super().eventFilter(watched, event)


class EndSheet(Sheet):
    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("End the lesson"), parent)
        out = say("{n} have not handed in. Collect, then end?", desk.unfinished())
        self.column.addWidget(label(out, 15, QFont.Weight.Medium))
        self.main("collect-then-end", say("Collect, then end"), desk.collect_then_end)
        self.other("end-now", say("End without collecting"), desk.end_now)
        self.other("go-on", say("Go on with the lesson"), desk.touch)


class HelpSheet(Sheet):
    """All keys, in two columns: in one they would not fit a small window."""

    WIDTH = 940

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("Keys"), parent)
        table = QGridLayout()
        table.setHorizontalSpacing(14)
        table.setVerticalSpacing(5)
        high = (len(KEYS) + 1) // 2
        for at, key in enumerate(KEYS):
            column, row = divmod(at, high)
            pair = (key.shown, QFont.Weight.Bold), (say(key.words), QFont.Weight.Medium)
            for beside, (words, weight) in enumerate(pair):
                told = label(words, 14, weight)
                told.setWordWrap(False)
                table.addWidget(told, row, 2 * column + beside)
        for column in (1, 3):
            table.setColumnStretch(column, 1)
        self.column.addLayout(table)
        self.main("help-close", say("Close"), desk.touch)
