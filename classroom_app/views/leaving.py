"""The card by which a device leaves a school that has no server."""

from pathlib import Path

from PySide6.QtCore import QPointF, Slot
from PySide6.QtGui import QFont, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QLabel, QLineEdit, QWidget

from classroom_app.domain.lesson import DeviceId
from classroom_app.presenters.classes import ClassesPresenter
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.passphrase import secret
from classroom_app.views.sheets import label
from classroom_app.views.theme import font

SEMI, MEDIUM = QFont.Weight.DemiBold, QFont.Weight.Medium
COMMAND = "pupitre-agent leave --statement FILE"


class ChoiceBox(QComboBox):
    """A list to choose from. It draws its own chevron: a style sheet that frames it has none."""

    CHEVRON = QPolygonF([QPointF(-5, -2.5), QPointF(0, 2.5), QPointF(5, -2.5)])

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().text().color(), 1.6))
        painter.translate(self.width() - 18, self.height() / 2)
        painter.drawPolyline(self.CHEVRON)
        painter.end()


class LeavingForm(QFrame):
    """A device, where its release goes, the school's passphrase; and the receipt it left."""

    def __init__(self, classes: ClassesPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._classes, self._presenter = classes, classes.leaving
        self._shown: object = None
        self.title, self.under = label("", 20, SEMI), label("", 15, MEDIUM, "second")
        self.devices = ChoiceBox(self)
        self.devices.setObjectName("leaving-device")
        self.devices.setFont(font(15))
        self.devices.setMinimumHeight(36)
        self.file = self._path("leaving-file", "pupitre-release.jws")
        self.passphrase = secret("leaving-passphrase", self)
        self.passphrase.returnPressed.connect(self._release)
        self.receipt = self._path("leaving-receipt", "receipt.json")
        self.release = flat("leaving-go", "main", self)
        self.release.clicked.connect(self._release)
        self.left = flat("leaving-left", "plain", self)
        self.left.clicked.connect(self._left)
        self._captions: dict[QWidget, QLabel] = {}
        self._lay_out()
        self._presenter.changed.connect(self.refresh)
        classes.changed.connect(self.refresh)

    def _lay_out(self) -> None:
        lines = QGridLayout(self)
        lines.setContentsMargins(20, 18, 20, 20)
        lines.setHorizontalSpacing(16)
        lines.setVerticalSpacing(10)
        lines.addWidget(self.title, 0, 0, 1, 4)
        lines.addWidget(self.under, 1, 0, 1, 4)
        for column, part in enumerate((self.devices, self.file, self.passphrase)):
            lines.addWidget(self._caption(part), 2, column)
            lines.addWidget(part, 3, column)
            lines.setColumnStretch(column, 1)
        lines.addWidget(self.release, 3, 3)
        lines.addWidget(self._caption(self.receipt), 4, 0)
        lines.addWidget(self.receipt, 5, 0, 1, 3)
        lines.addWidget(self.left, 5, 3)

    def _caption(self, part: QWidget) -> QLabel:
        """Return the label that stands above a field."""
        made = self._captions[part] = label("", 14, SEMI)
        made.setBuddy(part)
        return made

    def _path(self, name: str, file: str) -> QLineEdit:
        field = QLineEdit(str(Path.home() / file), self)
        field.setObjectName(name)
        field.setFont(font(15))
        field.setMinimumHeight(36)
        return field

    @Slot()
    def refresh(self) -> None:
        self.title.setText(say("A device leaves the school"))
        self.under.setText(
            self._presenter.said
            or say("On it: {command}. Its receipt.json says that it did.", command=COMMAND)
        )
        self.release.setText(say("Write the release"))
        self.left.setText(say("Read the receipt"))
        for part, words in (
            (self.devices, say("Device")),
            (self.file, say("New file")),
            (self.passphrase, say("Passphrase")),
            (self.receipt, say("Its receipt")),
        ):
            part.setAccessibleName(words)
            self._captions[part].setText(words)
        found = [(one, each) for one in self._classes.classes for each in one.devices]
        named = [(f"{one.name} · {each.name}", each.id) for one, each in found]
        if named != self._shown:
            self._shown = named
            self.devices.clear()
            for words, device in named:
                self.devices.addItem(words, device)
            self.devices.setCurrentIndex(0)  # a box that says what it lacks chooses none by itself
        self.devices.setPlaceholderText(say("No device yet"))
        self.devices.setEnabled(bool(named))
        self.release.setEnabled(bool(named))

    @Slot()
    def _release(self) -> None:
        typed = self.passphrase.text()
        self.passphrase.clear()
        name = self.devices.currentText()
        if name:
            device = DeviceId(str(self.devices.currentData()))
            self._presenter.release(device, name, self.file.text().strip(), typed)

    @Slot()
    def _left(self) -> None:
        self._presenter.note_left(self.receipt.text().strip())
