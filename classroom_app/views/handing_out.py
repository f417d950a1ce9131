"""The sheet that hands out files, and the one that has them stand ready for a coming lesson."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import flat
from classroom_app.views.dropping import TakesFiles
from classroom_app.views.ready import DocumentLine, ReadyList
from classroom_app.views.sheets import Sheet, label
from classroom_app.views.theme import Theme

MEDIUM = QFont.Weight.Medium
NAMES_SEEN: Final = 6
NOTHING_YET: Final = later("No file chosen yet. You may also drop files here.")


class ReadySheet(TakesFiles, Sheet):
    """What both have: the list, how far it is with files being copied, and the choice of files."""

    def __init__(
        self, desk: DeskPresenter, theme: Theme, title: str, parent: QWidget, *, ticks: bool
    ) -> None:
        super().__init__(desk, title, parent)
        self.setAcceptDrops(True)
        self._presenter = desk.ready
        self._presenter.watched = True
        self.list = ReadyList(theme, self, ticks=ticks)
        self.list.unwanted.connect(self._presenter.take_out)
        self.column.addWidget(self.list)
        self._under_way = label("", 14, MEDIUM, "second")
        self._trouble = label("", 14, MEDIUM)
        self._trouble.setProperty("wrong", "yes")
        for told in (self._under_way, self._trouble):
            self.column.addWidget(told)
        self.choose = flat("hand-out-choose", "plain" if ticks else "main", self)
        self.choose.setText(say("Choose files…"))
        self.choose.clicked.connect(self._choose)
        self._dialog: QFileDialog | None = None

    def follow(self) -> None:
        """Show the list, and whatever becomes of it."""
        self._presenter.changed.connect(self.refresh)
        self.list.ticked_changed.connect(self.tell)
        self.refresh()

    def tell(self) -> None:
        """Say what stands around the list, which may be another one now."""
        raise NotImplementedError

    @Slot()
    def refresh(self) -> None:
        held = self.list.isAncestorOf(self.focusWidget() or self)
        self.list.fill(self._presenter.offered)
        if held and not self.list.rows:
            self.choose.setFocus()
        for told, words in (
            (self._under_way, self._presenter.under_way()),
            (self._trouble, "\n".join(self._presenter.troubles)),
        ):
            told.setText(words)
            told.setVisible(bool(words))
        self.tell()
        self.fit()

    @Slot()
    def close_sheet(self) -> None:
        self._presenter.watched = False
        super().close_sheet()

    @Slot()
    def _choose(self) -> None:
        self._dialog = QFileDialog(self.window(), say("Choose files…"))
        self._dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        self._dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._dialog.filesSelected.connect(self._chosen)
        self._dialog.open()

    @Slot(list)
    def _chosen(self, names: list[str]) -> None:
        self.taken([Path(name) for name in names])


class HandOutSheet(ReadySheet):
    """What is ticked of the list and the files chosen now are given; the files can wait instead."""

    def __init__(
        self, desk: DeskPresenter, theme: Theme, parent: QWidget, paths: tuple[Path, ...] = ()
    ) -> None:
        title = say("Hand out to {scope}", scope=desk.scope_words())
        super().__init__(desk, theme, title, parent, ticks=True)
        if desk.lesson is not None:  # the page of classes may have turned to another
            desk.ready.open(desk.lesson.class_id, desk.lesson.class_name)
        if desk.ready.offered:
            self.WIDTH = 480
        self._paths = list(paths)
        self._names = label("", 15, MEDIUM)
        self.column.addWidget(self._names)
        hint = say("Pupils who come later get it as well.")
        self.column.addWidget(label(hint, 13, MEDIUM, "second"))
        self.column.addWidget(self.choose)
        self._add_acts()
        self.follow()
        self.first = self._go_button if self._paths else self.list.first() or self.choose

    def _add_acts(self) -> None:
        self._go_button = self.main("hand-out-now", say("Hand out"), self._go)
        self._keep_button = flat("keep-ready", "plain", self)
        self._keep_button.setText(say("Keep ready"))
        self._keep_button.setToolTip(say("Keeps these files for a later lesson of this class"))
        self._keep_button.clicked.connect(self._keep)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._go_button, 1)
        row.addWidget(self._keep_button)
        self.column.addLayout(row)

    def tell(self) -> None:
        names = [path.name for path in self._paths]
        if len(names) > NAMES_SEEN:
            names[NAMES_SEEN:] = [say("+{count}", count=len(names) - NAMES_SEEN)]
        self._names.setText("\n".join(names) or say(NOTHING_YET))
        self._names.setVisible(bool(self._paths) or not self.list.rows)
        self._keep_button.setVisible(bool(self._paths))
        self._go_button.setEnabled(bool(self._paths or self.list.ticked()))

    def taken(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self.refresh()
        self._go_button.setFocus()

    @Slot()
    def _keep(self) -> None:
        paths, self._paths = self._paths, []
        self.refresh()
        self.choose.setFocus()
        self._presenter.choose(paths)

    @Slot()
    def _go(self) -> None:
        self.desk.hand_out(self._paths, self.list.ticked())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter on a line hands out what is chosen; where nothing is, it ticks that line."""
        enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        on_line = isinstance(self.focusWidget(), DocumentLine)
        if enter and on_line and self._go_button.isEnabled():
            self._go_button.click()
        else:
            super().keyPressEvent(event)


class DocumentsSheet(ReadySheet):
    """On the page of classes: files are chosen for a lesson that is still to come."""

    WIDTH = 480

    def __init__(self, desk: DeskPresenter, theme: Theme, parent: QWidget) -> None:
        title = say("Documents for {name}", name=desk.ready.class_name)
        super().__init__(desk, theme, title, parent, ticks=False)
        hint = say("They are kept on this computer. In the lesson, “Hand out” offers them.")
        self.column.insertWidget(1, label(hint, 14, MEDIUM, "second"))
        self._nothing = label(say(NOTHING_YET), 15, MEDIUM)
        self.column.insertWidget(2, self._nothing)
        self.column.addWidget(self.choose)
        self.first = self.choose
        self.follow()

    def tell(self) -> None:
        self._nothing.setVisible(not self.list.rows)

    def taken(self, paths: Sequence[Path]) -> None:
        self._presenter.choose(paths)
