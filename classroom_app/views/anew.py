"""The way back in, where the school no longer knows a sign-in."""

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.standing import trouble_words
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import label


def sign_in_button(desk: DeskPresenter, kind: str, parent: QWidget) -> QPushButton:
    made = flat("sign-in-anew", kind, parent)
    made.clicked.connect(desk.sign_in_anew)
    name_button(made)
    return made


def name_button(button: QPushButton) -> None:
    """Say on it what it does, in the language of now."""
    button.setText(say("Sign in anew"))
    button.setToolTip(say("Your password again; all that is here stays"))


class AnewRow(QWidget):
    """What is the matter, with the button beside it; not there while nothing is."""

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.matter = label("", 15, QFont.Weight.DemiBold)
        self.button = sign_in_button(desk, "main", self)
        row.addWidget(self.matter, 1)
        row.addWidget(self.button)

    def refresh(self) -> None:
        school = self._desk.school
        self.matter.setText(trouble_words(school))
        name_button(self.button)
        self.setVisible(school.asks_anew)
