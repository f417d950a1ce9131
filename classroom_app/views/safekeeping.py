"""The page on which a school without a server is backed up, handed over, given its next key."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFont, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.classes import ClassesPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter
from classroom_app.presenters.safekeeping import Asked, free_file
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import flat
from classroom_app.views.choosing import ChooseButton
from classroom_app.views.leaving import LeavingForm
from classroom_app.views.sheets import label
from classroom_app.views.theme import font

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
Texts = tuple[str, str, str, dict[str, str]]
"""Title, what it is for, the button, and each field's label by its name."""
Files = dict[str, str]
"""The names of fields for a new file and what that is called, or "" for a file that is there."""
BACKUP: Texts = (
    later("Backup"),
    later("Opens this school on another computer: yours, a second teacher's, a server's."),
    later("Write the backup"),
    {
        "file": later("New file"),
        "passphrase": later("Passphrase"),
        "again": later("Once more"),
    },
)
STOLEN: Texts = (
    later("The computer with the key was stolen"),
    later("With the file from the safe the old key ends. Each device follows when you meet it."),
    later("Make a new key"),
    {
        "file": later("File from the safe"),
        "passphrase": later("Its passphrase"),
        "more": later("New file for the safe"),
    },
)
RESTORE: Texts = (
    later("Open a school's backup"),
    later("The same school here. Its devices notice nothing."),
    later("Open the school"),
    {
        "file": later("Backup"),
        "passphrase": later("Its passphrase"),
        "more": later("Your name"),
    },
)


class SealedForm(QFrame):
    """A card that asks for a file and its passphrase; `asked` goes out with what was typed."""

    asked = Signal(object)

    def __init__(  # noqa: PLR0915 - one line a part
        self, name: str, texts: Texts, files: Files, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._texts, self._files = texts, files
        lines = QGridLayout(self)
        lines.setContentsMargins(20, 18, 20, 20)
        lines.setVerticalSpacing(10)
        lines.setHorizontalSpacing(16)
        lines.setColumnStretch(1, 1)
        self._title, self._under = label("", 20, SEMI), label("", 15, MEDIUM, "second")
        for part in (self._title, self._under):
            lines.addWidget(part, lines.rowCount(), 0, 1, 3)
        self.fields: dict[str, QLineEdit] = {}
        self._labels: dict[str, QLabel] = {}
        self.choices: dict[str, ChooseButton] = {}
        for key in texts[3]:
            field = QLineEdit(self)
            field.setObjectName(f"{name}-{key}")
            field.setFont(font(15))
            field.setMinimumHeight(36)
            field.setMaxLength(200)
            field.returnPressed.connect(self._ask)
            self._labels[key] = label("", 14, SEMI)
            self._labels[key].setBuddy(field)
            row = lines.rowCount()
            lines.addWidget(self._labels[key], row, 0)
            lines.addWidget(field, row, 1, 1, 1 if key in files else 2)
            self.fields[key] = field
            if key in files:
                choose = ChooseButton(field, self, saving=bool(files[key]))
                self.choices[key] = choose
                lines.addWidget(choose, row, 2)
        self._secret = [self.fields[key] for key in ("passphrase", "again") if key in self.fields]
        for field in self._secret:
            field.setEchoMode(QLineEdit.EchoMode.Password)
        self.button = flat(f"{name}-go", "main", self)
        self.button.setMinimumHeight(44)
        self.button.clicked.connect(self._ask)
        lines.addWidget(self.button, lines.rowCount(), 0, 1, 3)

    def refresh(self, *, busy: bool) -> None:
        title, under, go, labels = self._texts
        self._title.setText(say(title))
        self._under.setText(say(under))
        self.button.setText(say("One moment…") if busy else say(go))
        self.button.setToolTip(say(under))
        self.button.setEnabled(not busy)
        for key, words in labels.items():
            self._labels[key].setText(say(words))
            self.fields[key].setAccessibleName(say(words))
            if choose := self.choices.get(key):
                choose.refresh(say(words))

    def offer(self) -> None:
        """Offer a name for each file, where nobody has chosen one: of a new file, a free one."""
        for key, new in self._files.items():
            if not self.fields[key].isModified():
                self.fields[key].setText(free_file(new) if new else "")

    @Slot()
    def _ask(self) -> None:
        typed = {key: field.text() for key, field in self.fields.items()}
        for field in self._secret:
            field.clear()
        more, again = typed.get("more", "").strip(), typed.get("again", "")
        self.asked.emit(Asked(typed["file"].strip(), typed["passphrase"], more, again))


class SafekeepingView(QWidget):
    """Before anybody is in, a backup is opened here; later, the school is kept."""

    def __init__(
        self,
        classes: ClassesPresenter,
        first: FirstRunPresenter,
        desk: DeskPresenter,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        presenter = classes.safekeeping
        self._presenter, self._first, self._desk = presenter, first, desk
        self.title = label("", 34, BOLD)
        self.back = flat("leave-safekeeping", "plain", self)
        self.back.clicked.connect(self.leave)
        self.said = label("", 18, SEMI)
        self.said.setObjectName("trouble")
        new = {"file": "pupitre-backup.json"}
        self.backup = self._form("backup", BACKUP, presenter.back_up, new)
        safe = {"file": "", "more": "pupitre-safe-2.json"}
        self.stolen = self._form("stolen", STOLEN, presenter.succeed, safe)
        self.restore = self._form("restore", RESTORE, presenter.restore, {"file": ""})
        self.leaving = LeavingForm(classes, self)
        self._lay_out()
        presenter.changed.connect(self.refresh)
        first.changed.connect(self.refresh)

    def _lay_out(self) -> None:
        heading = QHBoxLayout()
        heading.addWidget(self.title, 1)
        heading.addWidget(self.back)
        cards = QHBoxLayout()
        cards.setSpacing(16)
        for form in (self.backup, self.stolen, self.restore):
            cards.addWidget(form, 1, Qt.AlignmentFlag.AlignTop)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(32, 32, 32, 32)
        whole.setSpacing(16)
        whole.addLayout(heading)
        whole.addWidget(self.said)
        inner = QWidget(self)
        inner.setObjectName("page")
        below = QVBoxLayout(inner)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(16)
        below.addLayout(cards)
        below.addWidget(self.leaving)
        below.addStretch()
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        whole.addWidget(area, 1)

    def _form(
        self, name: str, texts: Texts, go: Callable[[Asked], None], files: Files
    ) -> SealedForm:
        form = SealedForm(name, texts, files, self)
        form.asked.connect(go)
        return form

    @Slot()
    def refresh(self) -> None:
        here = self._first.signed_in
        self.title.setText(say("Keep the school safe") if here else say("Open a school's backup"))
        self.back.setText(say("Back"))
        self.said.setText(self._presenter.said)
        self.said.setVisible(bool(self._presenter.said))
        for form in (self.backup, self.stolen, self.restore):
            form.setVisible((form is self.restore) is not here)
            form.refresh(busy=self._presenter.busy)
        self.leaving.setVisible(here)
        self.leaving.refresh()

    @Slot()
    def leave(self) -> None:
        self._desk.go("classes" if self._first.signed_in else "sign-in")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        for form in (self.backup, self.stolen, self.restore):
            form.offer()
        self.refresh()
        (self.backup if self._first.signed_in else self.restore).fields["file"].setFocus()
