"""The sheet behind the three dots: what is needed once a lesson or less."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.words import say
from classroom_app.views.sheets import Sheet


class MoreSheet(Sheet):
    WIDTH = 320

    def __init__(
        self,
        desk: DeskPresenter,
        parent: QWidget,
        *,
        dark: bool,
        turn: Callable[[], None],
        still: bool,
        move: Callable[[], None],
    ) -> None:
        """`turn`: to the other colours; `move`: with less motion, or as usual again."""
        super().__init__(desk, say("More"), parent)
        self.column.setSpacing(6)  # all of them in a window of 600 px
        other = say("Light colours") if dark else say("Dark colours")
        self.first = self.other("message-more", say("Message"), self._message)
        self.other("show-more", say("Show"), self._show)
        pictures = self.other("pictures", say("Keep pictures…"), self._pictures)
        pictures.setToolTip(say("Ctrl+Shift+S: one of each screen, for this lesson; asks first"))
        self.other("lock-more", say("The sentence of Lock"), self._lock)
        self.other("length-more", say("The end of the lesson"), self._length)
        work = self.other("work-more", say("Collected work"), desk.show_work)
        work.setToolTip(say("Opens the folder that collected work lies in"))
        self.other("theme", other, turn)
        self.other("motion", say("Usual motion") if still else say("Less motion"), move)
        same = desk.wall.unchanged
        words = say("Say no longer what is unchanged") if same else say("Say what is unchanged")
        told = self.other("unchanged", words, desk.turn_unchanged)
        told.setToolTip(say("How long a picture has been the same, under the picture"))
        self.other("arrange", say("Arrange the seats…"), desk.arrange)
        self.other("check", say("Connection check"), self._check)
        self.other("classes", say("Your classes"), self._classes)

    def _message(self) -> None:
        self.desk.ask("message")

    def _show(self) -> None:
        self.desk.ask("show")

    def _pictures(self) -> None:
        self.desk.ask("pictures")

    def _lock(self) -> None:
        self.desk.ask("lock")

    def _length(self) -> None:
        self.desk.ask("length")

    def _check(self) -> None:
        self.desk.check(stays=True)

    def _classes(self) -> None:
        self.desk.go("classes")
