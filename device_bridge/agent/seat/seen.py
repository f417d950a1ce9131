"""The pupil's page: who looked at this screen, when and in which lesson, and that as a table."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from device_bridge.agent.guard.seen import as_csv
from device_bridge.agent.seat.paint import face
from device_bridge.agent.seat.words import Words
from device_bridge.agent.seen_table import COLUMNS, table
from device_bridge.protocol.asking import Seen


class SeenPage(QWidget):
    """An ordinary window: the pupil's to move, to close, to let lie. `save` writes a table."""

    join_pressed = Signal()

    def __init__(self, words: Words, save: Callable[[Path, str], object]) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self._words, self._save = words, save
        self._told: list[list[str]] = []
        self._saving: QFileDialog | None = None
        self.setObjectName("seen")
        self.setWindowTitle(words("seen-title"))
        self.setFont(face(14))
        self.table = QTableWidget(0, len(COLUMNS), self)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setAccessibleName(words("seen-title"))
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        self.said = QLabel(self)
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.export = QPushButton(words("seen-export"), self)
        self.export.clicked.connect(self._ask_where)
        self.join = QPushButton(words("join"), self)
        self.join.clicked.connect(self.join_pressed)
        self.join.hide()
        self._lay_out()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.said, 1)
        row.addWidget(self.join)
        row.addWidget(self.export)
        column = QVBoxLayout(self)
        column.addWidget(self.table)
        column.addLayout(row)
        self.resize(860, 460)

    def tell(self, rows: Sequence[Seen], *, more: bool) -> None:
        """Show these, the newest first."""
        self._told = table(rows, self._words)
        head, *cells = self._told
        self.table.setHorizontalHeaderLabels(head)
        self.table.setRowCount(len(cells))
        for at, line in enumerate(cells):
            for column, text in enumerate(line):
                self.table.setItem(at, column, QTableWidgetItem(text))
        self.export.setEnabled(bool(cells))
        self.say("seen-more" if more else "" if cells else "seen-none")

    def offer(self, networks: str) -> None:
        """Offer to be found on `networks`, told by their ranges; "": nothing is to be offered."""
        self.join.setVisible(bool(networks))
        if networks:
            self.say("join-which", networks=networks)

    def say(self, key: str, **facts: str) -> None:
        self.said.setText(self._words(key, **facts) if key else "")

    @Slot()
    def _ask_where(self) -> None:
        self._saving = asks = QFileDialog(self, self._words("seen-export"))
        asks.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asks.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        asks.setDefaultSuffix("csv")
        asks.selectFile("pupitre.csv")
        asks.fileSelected.connect(self.save_to)
        asks.open()

    @Slot(str)
    def save_to(self, path: str) -> None:
        """Write the table where the pupil wants it; say how that went."""
        try:
            self._save(Path(path), as_csv(self._told))
        except OSError:
            self.say("seen-unsaved")
        else:
            self.say("seen-saved")
