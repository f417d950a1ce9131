"""The form by which a school is started on this computer."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from classroom_app.domain.founding import Founding, read_pupils, text_of_list
from classroom_app.presenters.first_run import FirstRunPresenter
from classroom_app.presenters.safekeeping import free_file
from classroom_app.presenters.words import later, say
from classroom_app.views.beneath import Beneath
from classroom_app.views.buttons import flat
from classroom_app.views.choosing import ChooseButton
from classroom_app.views.sheets import label
from classroom_app.views.theme import font

SEMI = QFont.Weight.DemiBold
LIST_BYTES_MAX = 64 * 1024
_FIELDS = (
    ("own-school", later("School")),
    ("own-teacher", later("Your name")),
    ("own-class", later("Class")),
)
_SAFE_FIELDS = (
    ("own-passphrase", later("Passphrase")),
    ("own-again", later("Once more")),
    ("own-safe", later("File for the safe")),
)

SECRET = ("own-passphrase", "own-again")


class FoundingForm(QFrame):
    """`left` is told when the teacher would rather sign in."""

    left = Signal()

    def __init__(  # noqa: PLR0915 - one line a part
        self, first: FirstRunPresenter, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._first = first
        self._dialog: QFileDialog | None = None
        self._lines = QGridLayout(self)
        self._lines.setContentsMargins(20, 18, 20, 20)
        self._lines.setVerticalSpacing(8)
        self._lines.setHorizontalSpacing(16)
        self._lines.setColumnStretch(1, 1)
        self.beneath = Beneath()
        first.wrong.connect(self._back_to)
        self.fields: dict[str, QLineEdit] = {}
        self._labels: dict[str, QLabel] = {}
        for name, _ in _FIELDS:
            self._add(name)
        self.pupils = QPlainTextEdit(self)
        self.pupils.setObjectName("own-pupils")
        self.pupils.setFont(font(15))
        self.pupils.setMinimumHeight(40)  # gives way where something is to be mended
        self.pupils.setMaximumHeight(96)
        self.pupils.setTabChangesFocus(True)
        self._label("own-pupils", self.pupils)
        self.choose = flat("choose-list", "plain", self)
        self.choose.clicked.connect(self._choose)
        self._lines.addWidget(self.choose, self._lines.rowCount(), 1, 1, 2)
        for name, _ in _SAFE_FIELDS:
            self._add(name)
        for name in SECRET:
            self.fields[name].setEchoMode(QLineEdit.EchoMode.Password)
        self.fields["own-safe"].setText(free_file("pupitre-safe.json"))
        self.place = ChooseButton(self.fields["own-safe"], self, saving=True)
        # Its field and the line beneath it are the last that came.
        self._lines.addWidget(self.fields["own-safe"], self._lines.rowCount() - 2, 1)
        self._lines.addWidget(self.place, self._lines.rowCount() - 2, 2)
        self.safe = label("", 14, QFont.Weight.Medium, "second")
        self._lines.addWidget(self.safe, self._lines.rowCount(), 0, 1, 3)
        self.start = flat("found-school", "main", self)
        self.start.setFont(font(16, SEMI))
        self.start.setMinimumHeight(44)
        self.start.clicked.connect(self._found)
        self._lines.addWidget(self.start, self._lines.rowCount(), 0, 1, 3)
        self.back = flat("rather-sign-in", "quiet", self)
        self.back.clicked.connect(self.left)
        self._lines.addWidget(
            self.back, self._lines.rowCount(), 0, 1, 3, Qt.AlignmentFlag.AlignLeft
        )

    def refresh(self) -> None:
        for name, words in (*_FIELDS, ("own-pupils", later("Pupils, one a line")), *_SAFE_FIELDS):
            self._labels[name].setText(say(words))
            (self.fields.get(name) or self.pupils).setAccessibleName(say(words))
        self.choose.setText(say("From a CSV file…"))
        self.place.refresh(say("File for the safe"))
        self.safe.setText(
            say("Put that file on a stick and into the safe: it helps if this computer is stolen.")
        )
        self.start.setText(say("One moment…") if self._first.busy else say("Start the school"))
        self.start.setEnabled(not self._first.busy)
        self.back.setText(say("There is a server: sign in"))
        self.beneath.show(self._first.told)

    def _add(self, name: str) -> None:
        field = QLineEdit(self)
        field.setObjectName(name)
        field.setFont(font(15))
        field.setMinimumHeight(36)
        field.setMaxLength(200 if name.startswith("own-s") else 64)
        field.returnPressed.connect(self._found)
        self.fields[name] = field
        self._label(name, field)

    def _label(self, name: str, field: QWidget) -> None:
        self._labels[name] = label("", 14, SEMI)
        self._labels[name].setBuddy(field)
        row = self._lines.rowCount()
        self._lines.addWidget(self._labels[name], row, 0)
        self._lines.addWidget(field, row, 1, 1, 2)
        self._lines.addWidget(self.beneath.add(name, field), row + 1, 1, 1, 2)

    @Slot(str)
    def _back_to(self, name: str) -> None:
        self.beneath.back_to(name)

    @Slot()
    def _choose(self) -> None:
        self._dialog = QFileDialog(self.window(), say("From a CSV file…"))
        self._dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self._dialog.setNameFilter("CSV (*.csv *.txt)")
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.fileSelected.connect(self.read)
        self._dialog.open()

    @Slot(str)
    def read(self, path: str) -> None:
        """Put a list's lines into the field, where they can be looked at before they count."""
        try:
            with Path(path).open("rb") as file:
                raw = file.read(LIST_BYTES_MAX)
        except OSError as error:
            self._first.not_read(error)
            return
        self.pupils.setPlainText(text_of_list(raw).strip())

    @Slot()
    def _found(self) -> None:
        self._first.found_school(
            Founding(
                school=self.fields["own-school"].text().strip()[:64],
                teacher=self.fields["own-teacher"].text().strip(),
                class_name=self.fields["own-class"].text().strip(),
                pupils=read_pupils(self.pupils.toPlainText()),
                passphrase=self.fields["own-passphrase"].text(),
                safe=self.fields["own-safe"].text().strip(),
            ),
            self.fields["own-again"].text(),
        )

    def forget(self) -> None:
        for name in SECRET:
            self.fields[name].clear()
