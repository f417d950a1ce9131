"""The journal of the lesson, newest first."""

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QListView, QVBoxLayout, QWidget

from classroom_app.presenters.journal import JournalModel
from classroom_app.presenters.words import say
from classroom_app.views.sheets import label
from classroom_app.views.theme import font


class JournalView(QWidget):
    def __init__(self, journal: JournalModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._journal = journal
        self.title = label("", 22, QFont.Weight.Bold)
        self.rows = QListView(self)
        self.rows.setObjectName("journal-list")
        self.rows.setModel(journal)
        self.rows.setFont(font(15))
        self.rows.setUniformItemSizes(True)
        self.setFocusProxy(self.rows)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 16, 16)
        column.addWidget(self.title)
        column.addWidget(self.rows, 1)
        self.retranslate()

    def retranslate(self) -> None:
        self.title.setText(say("Journal of the lesson"))
        self.rows.setAccessibleName(say("Journal of the lesson"))
        self.rows.viewport().update()
