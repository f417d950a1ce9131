"""The sheet behind Lock: what pupils read on a locked screen."""

from PySide6.QtCore import Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import later, say
from classroom_app.services.attention import SENTENCE_CHARACTERS_MAX
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import Sheet, label
from classroom_app.views.theme import font

_READY = (later("Eyes on me, please"), later("Look at the board"), later("Please listen"))


class LockSheet(Sheet):
    """Enter locks with the sentence; it stays for the next lock, until it is changed or cleared."""

    WIDTH = 560

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("Lock {scope}", scope=desk.scope_words()), parent)
        hint = say("What pupils read on the locked screen:")
        self.column.addWidget(label(hint, 14, QFont.Weight.Medium, "second"))
        self._text = QLineEdit(desk.sentence, self)
        self._text.setObjectName("lock-sentence")
        self._text.setFont(font(16))
        self._text.setMaxLength(SENTENCE_CHARACTERS_MAX)
        self._text.setClearButtonEnabled(True)
        self._text.setPlaceholderText(say("No sentence"))
        self._text.setAccessibleName(hint)
        self._text.selectAll()
        self._text.returnPressed.connect(self._enter)
        self.column.addWidget(self._text)
        self._ready()
        self.main("lock-now", say("Lock"), self._lock)
        self.other("lock-keep", say("Keep for the next Lock"), self._keep)
        self.first = self._text

    def _ready(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        for source in _READY:
            ready = flat("ready-sentence", "plain", self)
            ready.setText(say(source))
            ready.setFont(font(13, QFont.Weight.DemiBold))
            ready.clicked.connect(self._fill)
            row.addWidget(ready)
        row.addStretch()
        self.column.addLayout(row)

    @Slot()
    def _fill(self) -> None:
        self._text.setText(self.sender().property("text") or "")
        self._text.setFocus()

    @Slot()
    def _enter(self) -> None:
        self.close_sheet()
        self._lock()

    @Slot()
    def _lock(self) -> None:
        self.desk.lock_saying(self._text.text())

    @Slot()
    def _keep(self) -> None:
        self.desk.choose_sentence(self._text.text())
