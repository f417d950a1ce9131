"""The sheet behind Lock: what pupils read on a locked screen."""

from PySide6.QtCore import Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QLineEdit, QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import later, say
from classroom_app.services.attention import SENTENCE_CHARACTERS_MAX
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
        self.ready(_READY, self._fill)
        self.main("lock-now", say("Lock"), self._lock)
        self.other("lock-keep", say("Keep for the next Lock"), self._keep)
        self.first = self._text

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
