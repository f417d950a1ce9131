"""The list of classes: one click starts the lesson."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QFont, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.domain.lesson import Roster
from classroom_app.presenters.classes import LENGTHS, ClassesPresenter, length_words
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import say
from classroom_app.views.anew import AnewRow
from classroom_app.views.buttons import MenuButton, flat, labelled
from classroom_app.views.dropping import TakesFiles
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
COLUMNS, COLUMNS_NARROW = 3, 2
THREE_FROM = 1280
"""Pixels: below it the words of a card's buttons want more than a third, in any language."""


def documents_of(class_id: str) -> str:
    """Return the name of the button from which a class's documents slide."""
    return f"documents-{class_id}"


class ClassCard(TakesFiles, QFrame):
    """One class. Files that are dropped on it are kept ready for it."""

    def __init__(
        self,
        roster: Roster,
        presenter: ClassesPresenter,
        desk: DeskPresenter,
        theme: Theme,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAcceptDrops(True)
        self._roster, self._presenter, self._desk = roster, presenter, desk
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 18)
        column.setSpacing(4)
        column.addLayout(self._heading(theme))
        facts = [roster.subject, say("{n} pupils", len(roster.pupils))]
        column.addWidget(label(" · ".join(filter(None, facts)), 15, MEDIUM, "second"))
        column.addSpacing(12)
        column.addLayout(self._acts())
        self.setTabOrder(self.start, self.add)
        self.setTabOrder(self.add, self.documents)

    def _heading(self, theme: Theme) -> QHBoxLayout:
        name = self._roster.name
        self.documents = flat(documents_of(self._roster.id), "flat", self)
        labelled(self.documents, theme, "file-text", say("Documents…"))
        self.documents.setAccessibleName(say("Documents for {name}", name=name))
        self.documents.setToolTip(say("Files for a coming lesson: kept here, ready to hand out"))
        self.documents.clicked.connect(self._ask_documents)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(label(name, 22, BOLD), 1)
        row.addWidget(self.documents, 0, Qt.AlignmentFlag.AlignTop)
        return row

    def _acts(self) -> QHBoxLayout:
        name = self._roster.name
        self.start = flat(f"start-{self._roster.id}", "main", self)
        self.start.setText(say("Start the lesson"))
        self.start.setAccessibleName(say("Start the lesson with {name}", name=name))
        self.start.clicked.connect(self._go)
        self.add = flat(f"add-devices-{self._roster.id}", "plain", self)
        self.add.setText(say("Add devices"))
        self.add.setAccessibleName(say("Add devices to {name}", name=name))
        self.add.setVisible(self._presenter.own)
        self.add.clicked.connect(self._add)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.start)
        row.addWidget(self.add)
        row.addStretch()
        return row

    @Slot()
    def _add(self) -> None:
        self._presenter.pairing.open(self._roster.id, self._roster.name)

    @Slot()
    def _go(self) -> None:
        self._presenter.start(self._roster.id)

    @Slot()
    def _ask_documents(self) -> None:
        self._desk.ask_documents(self._roster.id, self._roster.name)

    def taken(self, paths: Sequence[Path]) -> None:
        self._ask_documents()
        self._desk.ready.choose(paths)


class ClassesView(QWidget):
    def __init__(
        self,
        classes: ClassesPresenter,
        desk: DeskPresenter,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._classes, self._desk, self._theme = classes, desk, theme
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.title = label("", 34, BOLD)
        self.summary = label("", 18, SEMI)
        self.summary.setObjectName("summary")
        self.anew = AnewRow(desk, self)
        self.lasting = label("", 15, MEDIUM, "second")
        self.lasting.setObjectName("lasting")
        self.go_on = self._plain("go-on-after-end", desk.go_on)
        self.go_on.setToolTip("Ctrl+Z")
        self.work = self._plain("work", desk.show_work)
        self.ask_school = self._plain("ask-school", desk.ask_standing)
        self.length = MenuButton("lesson-length", theme, self)
        self.lengths = QMenu(self.length)
        self.length.setMenu(self.lengths)
        self.lengths.triggered.connect(self._chose_length)
        self.keep = self._plain("safekeeping", self._keep)
        self.passphrase = self._plain("passphrase", self._passphrase)
        self.check = self._plain("check", self._check)
        self.back = flat("back-to-lesson", "main", self)
        self.back.clicked.connect(desk.go_home)
        self.school = flat("sync-now", "plain", self)
        self.school.clicked.connect(desk.ask_standing)
        self._lay_out()
        self._shown: object = None
        classes.changed.connect(self.refresh)
        desk.changed.connect(self.refresh)

    def _plain(self, name: str, clicked: Callable[[], None]) -> QPushButton:
        made = flat(name, "plain", self)
        made.clicked.connect(clicked)
        return made

    def _lay_out(self) -> None:
        for words in (self.summary, self.lasting):
            words.setWordWrap(True)
        heading = QHBoxLayout()
        heading.addWidget(self.title, 1)
        for button in (self.school, self.length, self.back, self.keep, self.check):
            heading.addWidget(button)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget(area)
        inner.setObjectName("page")
        self._cards = QGridLayout(inner)
        self._cards.setSpacing(16)
        self._cards.setContentsMargins(0, 0, 0, 0)
        area.setWidget(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(16)
        column.addLayout(heading)
        told = QHBoxLayout()
        told.setSpacing(16)
        told.addWidget(self.summary, 1)
        for button in (self.work, self.ask_school, self.go_on):
            told.addWidget(button)
        column.addLayout(told)
        column.addWidget(self.anew)
        column.addWidget(self.lasting)
        column.addWidget(area, 1)
        column.addWidget(self.passphrase, 0, Qt.AlignmentFlag.AlignLeft)

    @Slot()
    def _keep(self) -> None:
        self._desk.go("safekeeping")

    @Slot()
    def _passphrase(self) -> None:
        self._desk.go("passphrase")

    @Slot()
    def _check(self) -> None:
        self._desk.check(stays=True)

    @Slot()
    def refresh(self) -> None:
        if not self.isVisible():
            return
        self.title.setText(say("Your classes"))
        told = self._classes.trouble or self._desk.words_after()
        if not self._classes.classes:
            told = told or self._classes.no_class()
        self.summary.setText(told)
        self.summary.setVisible(bool(told))
        lasting = "\n".join(self._classes.lasting())
        self.lasting.setText(lasting)
        self.lasting.setVisible(bool(lasting))
        self.anew.refresh()
        self._show_after()
        self._show_length()
        self._show_tools()
        busy = self._classes.busy or self._desk.lesson is not None
        look = (say("Start the lesson"), self._theme.name)
        now = (self._classes.classes, look, self._classes.own, self._columns())
        if now != self._shown:
            self._shown = now
            self._fill()
        for card in self.findChildren(ClassCard):
            card.start.setEnabled(not busy)

    def _show_tools(self) -> None:
        self.ask_school.setText(say("Ask the school now"))
        self.ask_school.setVisible(self._classes.waits_for_school)
        self.check.setText(say("Connection check"))
        self.keep.setText(say("Keep the school safe"))
        self.keep.setToolTip(say("Backup, hand-over, a stolen key"))
        self.keep.setVisible(self._classes.own and self._desk.lesson is None)
        self.passphrase.setText(say("Passphrase"))
        self.passphrase.setToolTip(say("Asked at each start, so that a stolen disk tells nothing"))
        offered = self._classes.passphrase.offered and self._desk.lesson is None
        self.passphrase.setVisible(offered)
        self.back.setText(say("Back to the lesson"))
        self.back.setVisible(self._desk.lesson is not None)
        labelled(self.school, self._theme, "cloud", self._desk.school_words())

    def _show_after(self) -> None:
        """Show what is at hand when a lesson has just ended."""
        labelled(self.go_on, self._theme, "undo-2", say("Go on with the lesson"))
        self.go_on.setVisible(self._desk.goes_on())
        self.work.setText(say("Collected work"))
        self.work.setToolTip(say("Opens the folder that collected work lies in"))
        self.work.setVisible(bool(self._desk.summary) and self._desk.lesson is None)

    def _show_length(self) -> None:
        self.length.setVisible(self._desk.lesson is None and bool(self._classes.classes))
        words = say("Lesson: {time}", time=length_words(self._classes.minutes))
        labelled(self.length, self._theme, "clock", words)
        if not self.lengths.actions():
            for minutes in LENGTHS:
                action = QAction(self.lengths)
                action.setData(minutes)
                action.setCheckable(True)
                self.lengths.addAction(action)
        for action in self.lengths.actions():
            action.setText(length_words(int(action.data())))
            action.setChecked(action.data() == self._classes.minutes)

    @Slot(QAction)
    def _chose_length(self, action: QAction) -> None:
        self._classes.choose_length(int(action.data()))

    def _fill(self) -> None:
        """Lay out the cards anew; the button that has the keyboard keeps it."""
        held = self.focusWidget()
        kept = held.objectName() if held and held.hasFocus() else ""
        while (item := self._cards.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        columns = self._columns()
        for at, roster in enumerate(self._classes.classes):
            card = ClassCard(roster, self._classes, self._desk, self._theme, self)
            self._cards.addWidget(card, at // columns, at % columns)
            if again := kept and card.findChild(QPushButton, kept):
                again.setFocus()
        for column in range(COLUMNS):
            self._cards.setColumnStretch(column, int(column < columns))
        rows = -(-len(self._classes.classes) // columns)
        for row in range(self._cards.rowCount()):
            self._cards.setRowStretch(row, int(row == rows))
        self._cards.setRowStretch(rows, 1)

    def _columns(self) -> int:
        return COLUMNS if self.width() >= THREE_FROM else COLUMNS_NARROW

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
