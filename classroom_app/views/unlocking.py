"""The page before all others, where a passphrase opens this computer's store."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QFont
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from classroom_app.presenters.passphrase import UnlockingPresenter
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.passphrase import CARD_WIDTH, secret
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme

BOLD, SEMI = QFont.Weight.Bold, QFont.Weight.DemiBold


class UnlockingWindow(QWidget):
    """`closing` is told when the teacher closes it instead."""

    closing = Signal()

    def __init__(self, presenter: UnlockingPresenter, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("desk")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Pupitre")
        self.setMinimumSize(1024, 600)
        self.setStyleSheet(theme.sheet())
        self._presenter = presenter
        card = QFrame(self)
        card.setObjectName("card")
        card.setFixedWidth(CARD_WIDTH)
        lines = QVBoxLayout(card)
        lines.setContentsMargins(20, 18, 20, 20)
        lines.setSpacing(12)
        lines.addWidget(label(say("Your passphrase"), 34, BOLD))
        self.said = label("", 18, SEMI)
        self.said.setObjectName("trouble")
        lines.addWidget(self.said)
        self.field = secret("unlock-passphrase", card)
        self.field.setAccessibleName(say("Your passphrase"))
        self.field.returnPressed.connect(self._unlock)
        lines.addWidget(self.field)
        self.button = flat("unlock", "main", card)
        self.button.setMinimumHeight(44)
        self.button.clicked.connect(self._unlock)
        lines.addWidget(self.button)
        whole = QVBoxLayout(self)
        whole.addWidget(card, 0, Qt.AlignmentFlag.AlignCenter)
        presenter.changed.connect(self.refresh)
        self.refresh()
        self.field.setFocus()

    @Slot()
    def refresh(self) -> None:
        self.said.setText(self._presenter.said)
        self.said.setVisible(bool(self._presenter.said))
        self.button.setText(say("One moment…") if self._presenter.busy else say("Open"))
        self.button.setEnabled(not self._presenter.busy)

    @Slot()
    def _unlock(self) -> None:
        typed = self.field.text()
        self.field.clear()
        self._presenter.unlock(typed)

    def closeEvent(self, event: QCloseEvent) -> None:
        event.accept()
        self.closing.emit()
