"""The sheet behind bar D's quiet note: what it means and what helps."""

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import say
from classroom_app.views.sheets import Sheet, label


class NoteSheet(Sheet):
    WIDTH = 360

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, desk.note(), parent)
        self.column.addWidget(label(desk.note_more(), 15, QFont.Weight.Medium))
        self.main("note-close", say("Close"), desk.touch)
