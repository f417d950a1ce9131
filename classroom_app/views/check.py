"""The connection check: a row a subject, the one that fails opened with what to do."""

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QFont, QGuiApplication, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.check import Row
from classroom_app.presenters.first_run import FirstRunPresenter
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat, labelled
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
_ROW_ICONS = {"ok": "circle-check", "failed": "triangle-alert"}


class CheckRow(QFrame):
    """A row of the check; a failing one is opened with what to do."""

    by_address = Signal()

    def __init__(self, row: Row, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("failing" if row.state == "failed" else "row")
        self._copy = row.to_copy
        self.strip: QFrame | None = None
        icon = QLabel(self)
        token = "failline" if row.state == "failed" else "ink"
        drawn: QPixmap = theme.icon(
            _ROW_ICONS.get(row.state, "minus"), 30, token, self.devicePixelRatioF()
        )
        icon.setPixmap(drawn)
        icon.setFixedWidth(46)
        icon.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        texts = QVBoxLayout()
        texts.setSpacing(3)
        texts.addWidget(label(row.title, 18, SEMI))
        texts.addWidget(label(row.second, 15, MEDIUM, "second"))
        if row.to_copy:
            self._sentence(texts, row)
        if row.to_copy or row.around:
            self._ways(texts, row, theme)
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 14, 20, 14)
        line.setSpacing(10)
        if row.state == "failed":
            self.strip = QFrame(self)
            self.strip.setObjectName("strip")
        line.addWidget(icon)
        line.addLayout(texts, 1)

    def _sentence(self, texts: QVBoxLayout, row: Row) -> None:
        box = QFrame(self)
        box.setObjectName("to-copy")
        inner = QVBoxLayout(box)
        inner.setContentsMargins(16, 12, 16, 12)
        inner.addWidget(label(say("To the administrator: “{text}”", text=row.to_copy), 14, MEDIUM))
        texts.addSpacing(8)
        texts.addWidget(box)

    def _ways(self, texts: QVBoxLayout, row: Row, theme: Theme) -> None:
        """Add what can be done here: copy the sentence, and the one way round."""
        if row.around and not row.by_address:
            texts.addSpacing(4)
            texts.addWidget(label(row.around, 15, SEMI))
        line = QHBoxLayout()
        line.setSpacing(10)
        if row.to_copy:
            self._copies = flat("copy-sentence", "main", self)
            labelled(self._copies, theme, "copy", say("Copy the sentence"), "surface")
            self._copies.clicked.connect(self._copied)
            line.addWidget(self._copies)
        if row.by_address:
            typed = flat("by-address", "plain", self)
            labelled(typed, theme, "router", row.around)
            typed.clicked.connect(self.by_address)
            line.addWidget(typed)
        line.addStretch()
        texts.addSpacing(6)
        texts.addLayout(line)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.strip is not None:
            self.strip.setGeometry(2, 2, 8, self.height() - 4)

    @Slot()
    def _copied(self) -> None:
        QGuiApplication.clipboard().setText(self._copy)
        self._copies.setText(f" {say('Copied')}")


class AsTall(QScrollArea):
    """As tall as what is in it; lower only where there is no room, and then it scrolls."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def sizeHint(self) -> QSize:
        held: QWidget | None = self.widget()
        if held is None:
            return super().sizeHint()
        return QSize(held.sizeHint().width(), held.heightForWidth(self.viewport().width()))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()  # narrower lines wrap


class CheckCard(QFrame):
    """As tall as its rows, and scrolls where the window is lower."""

    by_address = Signal()

    def __init__(self, first: FirstRunPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._first, self._theme = first, theme
        self._rows: list[Row] | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 24, 14, 14)
        self._column.setSpacing(4)
        heading = QHBoxLayout()
        heading.setContentsMargins(14, 0, 14, 10)
        self.title = label("", 22, BOLD)
        self.again = label("", 14, SEMI, "second")
        for words in (self.title, self.again):
            words.setWordWrap(False)
        heading.addWidget(self.title)
        heading.addSpacing(8)
        heading.addStretch()
        heading.addWidget(self.again)
        self._column.addLayout(heading)
        self._area = AsTall(self)
        self._inner = QWidget(self._area)
        self._inner.setObjectName("rows")
        self._list = QVBoxLayout(self._inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(2)
        self._area.setWidget(self._inner)
        self._column.addWidget(self._area)

    def forget(self) -> None:
        """Draw all anew next time: another language or look."""
        self._rows = None

    def refresh(self) -> None:
        self.title.setText(say("Connection check"))
        first = self._first
        self.again.setText(say("Looking around…") if first.looking else say("again every 5 s"))
        rows = self._first.rows()
        if rows != self._rows:
            self._rows = rows
            self._fill(rows)
            self._area.updateGeometry()

    def _fill(self, rows: list[Row]) -> None:
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        parent = self._inner
        for at, row in enumerate(rows):
            if at and row.state != "failed" and rows[at - 1].state != "failed":
                rule = QFrame(parent)
                rule.setObjectName("rule")
                rule.setFixedHeight(1)
                self._list.addWidget(rule)
            shown = CheckRow(row, self._theme, parent)
            shown.by_address.connect(self.by_address)
            self._list.addWidget(shown)
        if not rows:
            looking = label(say("Looking around…"), 18, SEMI, "second")
            looking.setContentsMargins(14, 14, 14, 14)
            self._list.addWidget(looking)
        self._list.addStretch()
