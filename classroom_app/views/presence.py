"""The sheet under the time left: when the lesson ends, some minutes more, and who may join."""

from PySide6.QtCore import Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import say
from classroom_app.views.sheets import Sheet, label

MORE_MINUTES = (5, 15)


class LengthSheet(Sheet):
    WIDTH = 320

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("The lesson ends at {time}", time=desk.ends()), parent)
        if not desk.ends(1):
            self._share()
            told = say("A lesson lasts four hours at most. End it and start the next.")
            self.column.addWidget(label(told, 15, QFont.Weight.Medium))
            self.main("length-close", say("Close"), desk.touch)
            return
        hint = say("The devices show the new end.")
        self.column.addWidget(label(hint, 13, QFont.Weight.Medium, "second"))
        for minutes in MORE_MINUTES:
            words = say("{n} min more: until {time}", minutes, time=desk.ends(minutes))
            button = self.other(f"extend-{minutes}", words, self._extend)
            button.setProperty("minutes", minutes)
            self.first = button if minutes == MORE_MINUTES[0] else self.first
        self._share()

    def _share(self) -> None:
        """Add the switch by which a colleague may teach this class beside."""
        shared = self.desk.lesson is not None and self.desk.lesson.shared
        hint = say("Another teacher of the class can then join. Pupils read both names.")
        self.column.addWidget(label(hint, 13, QFont.Weight.Medium, "second"))
        words = say("No longer share the class") if shared else say("Share the class")
        button = self.other("share", words, self._toggle_shared)
        button.setToolTip(hint)

    @Slot()
    def _toggle_shared(self) -> None:
        shared = self.desk.lesson is not None and self.desk.lesson.shared
        self.desk.share(shared=not shared)

    @Slot()
    def _extend(self) -> None:
        self.desk.extend(int(self.sender().property("minutes")))
