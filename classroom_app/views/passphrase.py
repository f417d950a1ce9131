"""The page on which a passphrase for this computer is chosen, changed, turned off."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFont, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.passphrase import PassphrasePresenter
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import label
from classroom_app.views.theme import font

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
FIELDS = (
    ("before", later("Passphrase of now")),
    ("passphrase", later("New passphrase")),
    ("again", later("Once more")),
)
CARD_WIDTH = 640


def secret(name: str, parent: QWidget) -> QLineEdit:
    """Make a field that shows nobody what is typed."""
    field = QLineEdit(parent)
    field.setObjectName(name)
    field.setFont(font(15))
    field.setMinimumHeight(36)
    field.setMaxLength(200)
    field.setEchoMode(QLineEdit.EchoMode.Password)
    return field


class PassphraseView(QWidget):
    def __init__(
        self, presenter: PassphrasePresenter, desk: DeskPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._presenter, self._desk = presenter, desk
        self.title = label("", 34, BOLD)
        self.back = flat("leave-passphrase", "plain", self)
        self.back.clicked.connect(self.leave)
        self.under = label("", 15, MEDIUM, "second")
        self.under.setWordWrap(True)
        self.said = label("", 18, SEMI)
        self.said.setObjectName("trouble")
        self.fields = {name: secret(f"store-{name}", self) for name, _ in FIELDS}
        self._labels: dict[str, QLabel] = {}
        self.use = flat("use-passphrase", "main", self)
        self.use.setMinimumHeight(44)
        self.use.clicked.connect(self._choose)
        self.off = flat("passphrase-off", "plain", self)
        self.off.clicked.connect(self._turn_off)
        self._lay_out()
        presenter.changed.connect(self.refresh)

    def _lay_out(self) -> None:
        heading = QHBoxLayout()
        heading.addWidget(self.title, 1)
        heading.addWidget(self.back)
        card = QFrame(self)
        card.setObjectName("card")
        card.setMaximumWidth(CARD_WIDTH)
        lines = QGridLayout(card)
        lines.setContentsMargins(20, 18, 20, 20)
        lines.setVerticalSpacing(10)
        lines.setHorizontalSpacing(16)
        lines.setColumnStretch(1, 1)
        lines.addWidget(self.under, 0, 0, 1, 2)
        for row, (name, field) in enumerate(self.fields.items(), start=1):
            self._labels[name] = label("", 14, SEMI)
            self._labels[name].setBuddy(field)
            lines.addWidget(self._labels[name], row, 0)
            lines.addWidget(field, row, 1)
            field.returnPressed.connect(self._choose)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.use, 1)
        buttons.addWidget(self.off)
        lines.addLayout(buttons, lines.rowCount(), 0, 1, 2)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(32, 32, 32, 32)
        whole.setSpacing(16)
        whole.addLayout(heading)
        whole.addWidget(self.said)
        whole.addWidget(card)
        whole.addStretch()

    @Slot()
    def refresh(self) -> None:
        sealed, busy = self._presenter.sealed, self._presenter.busy
        self.title.setText(say("Passphrase of this computer"))
        self.back.setText(say("Back"))
        self.under.setText(
            say(
                "With it, who gets this computer's disk reads no lesson. "
                "Nobody can open them for you if you forget it."
            )
        )
        self.said.setText(self._presenter.said)
        self.said.setVisible(bool(self._presenter.said))
        for name, words in FIELDS:
            self._labels[name].setText(say(words))
            self.fields[name].setAccessibleName(say(words))
        for part in (self._labels["before"], self.fields["before"], self.off):
            part.setVisible(sealed)
        change = say("Change it") if sealed else say("Ask for it at the start")
        self.use.setText(say("One moment…") if busy else change)
        self.off.setText(say("Turn it off"))
        for button in (self.use, self.off):
            button.setEnabled(not busy)

    @Slot()
    def leave(self) -> None:
        self._forget()
        self._desk.go("classes")

    @Slot()
    def _choose(self) -> None:
        typed = [self.fields[name].text() for name, _ in FIELDS]
        self._forget()
        self._presenter.choose(*typed)

    @Slot()
    def _turn_off(self) -> None:
        before = self.fields["before"].text()
        self._forget()
        self._presenter.turn_off(before)

    def _forget(self) -> None:
        for field in self.fields.values():
            field.clear()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        self.fields["before" if self._presenter.sealed else "passphrase"].setFocus()
