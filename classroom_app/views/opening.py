"""Which sheet slides from which button: one at a time, and the keys go back where they were."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QRect, Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.showing import ShowingPresenter
from classroom_app.views.attention import LockSheet
from classroom_app.views.bars import BarA, BarB, BarD
from classroom_app.views.classes import documents_of
from classroom_app.views.focus import FocusView
from classroom_app.views.handing_out import DocumentsSheet, HandOutSheet
from classroom_app.views.motion import Motion
from classroom_app.views.note import NoteSheet
from classroom_app.views.presence import LengthSheet
from classroom_app.views.seats import SeatSheet, SeatsSheet
from classroom_app.views.sheets import (
    CollectSheet,
    EndSheet,
    HelpSheet,
    MessageSheet,
    Sheet,
)
from classroom_app.views.showing import ShowSheet
from classroom_app.views.standing import StandingSheet
from classroom_app.views.stills import PicturesSheet
from classroom_app.views.theme import Theme


class Sheets(QObject):
    """`more` makes the sheet behind the three dots; `middle` takes keys that nobody else has."""

    covers = Signal(QRect)  # of the window; empty: nothing is covered any more

    def __init__(  # noqa: PLR0913, PLR0917 - the buttons they come from
        self,
        desk: DeskPresenter,
        bar_a: BarA,
        bar_b: BarB,
        bar_d: BarD,
        focus: FocusView,
        motion: Motion,
        more: Callable[[], Sheet],
        showing: ShowingPresenter,
        middle: QStackedWidget,
        theme: Theme,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._desk, self._a, self._b, self._d, self._focus = desk, bar_a, bar_b, bar_d, focus
        self._motion, self._more, self._middle, self._window = motion, more, middle, window
        self._showing, self._theme = showing, theme
        self.open_sheet: Sheet | None = None
        self._opened = "", ""
        self._keys_were: QWidget | None = None
        bar_a.left.clicked.connect(self.ask_length)
        bar_a.lock.held.connect(self.ask_lock)
        bar_a.hand_out.clicked.connect(self.ask_hand_out)
        bar_a.collect.clicked.connect(self.ask_collect)
        bar_a.message.clicked.connect(self.ask_message)
        bar_a.show_screen.clicked.connect(self.ask_show)
        bar_a.more.clicked.connect(self.ask_more)

    def open(self, name: str, paths: tuple[Path, ...] = ()) -> None:
        """Slide a sheet from its button; an open one gives way. Asked for again, it closes."""
        before, self._opened = self._opened, (name, self._desk.about)
        if self.close() and before == self._opened and not paths:
            return
        sheet, button = self._sheet_for(name, paths)
        self.open_sheet = sheet
        self._keys_were = self._window.focusWidget()
        sheet.closed.connect(self._refocus)
        sheet.slide_from(button, self._motion)
        self.covers.emit(sheet.spot())

    def drop(self, files: tuple[Path, ...]) -> None:
        """Have files that were dropped chosen: in the hand-out sheet that is open, else in one."""
        sheet = self.open_sheet
        if isinstance(sheet, HandOutSheet) and _alive(sheet) and sheet.isVisible():
            sheet.taken(files)
        else:
            self.open("hand-out", files)

    def close(self) -> bool:
        """Close the open sheet; return whether there was one."""
        sheet, self.open_sheet = self.open_sheet, None
        if sheet is None or not _alive(sheet):
            return False
        was = sheet.isVisible()
        sheet.close_sheet()
        return was

    def _sheet_for(  # noqa: C901, PLR0912 - one case a sheet
        self, name: str, paths: tuple[Path, ...]
    ) -> tuple[Sheet, QWidget]:
        bar, desk, window = self._a, self._desk, self._window
        match name:
            case "lock":
                return LockSheet(desk, window), bar.lock
            case "length":
                return LengthSheet(desk, window), bar.left
            case "collect":
                return CollectSheet(desk, window), bar.collect
            case "end":
                return EndSheet(desk, window), bar.end
            case "hand-out":
                return HandOutSheet(desk, self._theme, window, paths), bar.hand_out
            case "documents":
                button = self._seen(documents_of(desk.ready.class_id)) or self._middle
                return DocumentsSheet(desk, self._theme, window), button
            case "message":
                button = bar.message if bar.message.isVisible() else bar.more
                return MessageSheet(desk, window), button
            case "show":
                anchor = bar.show_screen if bar.show_screen.isVisible() else bar.more
                return ShowSheet(self._showing, window), anchor
            case "pictures":
                return PicturesSheet(desk, window), bar.more
            case "seats":
                return SeatsSheet(desk, window), self._b.chip_of("seats") or bar.more
            case "seat":
                anchor = self._focus.seat if self._focus.isVisible() else bar.more
                return SeatSheet(desk, window), anchor
            case "standing":
                return StandingSheet(desk, window), self._seen("sync-now") or bar.more
            case "note":
                return NoteSheet(desk, window), self._d.note
            case "more":
                return self._more(), bar.more
            case _:
                return HelpSheet(desk, window), bar.more

    def _seen(self, name: str) -> QWidget | None:
        """Return the tool of this name on the page that is seen: several pages have one."""
        found = self._window.findChildren(QWidget, name)
        return next((one for one in found if one.isVisible()), None)

    @Slot()
    def _refocus(self) -> None:
        """Give the keys back to whoever had them before the sheet."""
        self.covers.emit(QRect())
        held = self._keys_were
        spot = held if held and held.isVisible() else self._middle.currentWidget()
        if spot is not None:
            spot.setFocus()

    @Slot()
    def ask_lock(self) -> None:
        self._desk.ask("lock")

    @Slot()
    def ask_length(self) -> None:
        self._desk.ask("length")

    @Slot()
    def ask_hand_out(self) -> None:
        self._desk.ask("hand-out")

    @Slot()
    def ask_collect(self) -> None:
        self._desk.ask("collect")

    @Slot()
    def ask_message(self) -> None:
        self._desk.ask("message")

    @Slot()
    def ask_show(self) -> None:
        self._desk.ask("show")

    @Slot()
    def ask_pictures(self) -> None:
        self._desk.ask("pictures")

    @Slot()
    def ask_more(self) -> None:
        self.open("more")

    @Slot()
    def ask_help(self) -> None:
        self.open("help")


def _alive(sheet: Sheet) -> bool:
    """Return whether Qt still holds the sheet; its own buttons may have closed it."""
    try:
        sheet.isVisible()
    except RuntimeError:
        return False
    return True
