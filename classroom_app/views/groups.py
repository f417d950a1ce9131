"""The groups of a class as a menu: who is in which, and the key of each."""

import sys

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QMenu, QWidget

from classroom_app.presenters.arranging import GROUPS_MAX
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import say

# The key of the digit 1 as the system numbers keys: where Shift types digits (AZERTY) it is no 1.
_FIRST_KEY = 2 if sys.platform == "win32" else 10


def number_of(event: QKeyEvent) -> int:
    """Return the digit key 1 to 9 that was pressed, on any keyboard layout; else 0."""
    by_place = event.nativeScanCode() - _FIRST_KEY + 1
    number = by_place if event.nativeScanCode() else event.key() - Qt.Key.Key_0
    return number if 1 <= number <= GROUPS_MAX else 0


class GroupsMenu(QMenu):
    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self.aboutToShow.connect(self.tell)
        self.triggered.connect(self._on_group)

    @Slot()
    def tell(self) -> None:
        """Name each group with its key, and offer to keep the selection as the next."""
        self.clear()
        for number in self._desk.seating.groups():
            words = f"{self._desk.group_words(number)}\tCtrl+{number}"
            self.addAction(words).setData(number)
        free = self._desk.seating.next_free()
        if free:
            words = say("Keep the chosen as group {number}", number=free)
            keep = self.addAction(f"{words}\tCtrl+Shift+{free}")
            keep.setData(-free)
            keep.setEnabled(bool(self._desk.wall.selected))

    @Slot(QAction)
    def _on_group(self, action: QAction) -> None:
        number = int(action.data())
        if number > 0:
            self._desk.choose_group(number)
        else:
            self._desk.keep_group(-number)
