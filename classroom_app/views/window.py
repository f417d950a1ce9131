"""The window: first page, classes, and the desk with its bars and its middle."""

from collections.abc import Callable

from msgspec import Struct
from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from classroom_app.domain.tile import Tile
from classroom_app.presenters.classes import ClassesPresenter
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.journal import JournalModel
from classroom_app.presenters.showing import ShowingPresenter
from classroom_app.presenters.wall import WallModel
from classroom_app.views.arranging import ArrangeBar
from classroom_app.views.bars import BarA, BarB, BarD
from classroom_app.views.classes import ClassesView
from classroom_app.views.dropping import brings_files, dropped_files
from classroom_app.views.first_run import FirstRunView
from classroom_app.views.focus import FocusView
from classroom_app.views.groups import number_of
from classroom_app.views.journal import JournalView
from classroom_app.views.keys import KEYS
from classroom_app.views.more import MoreSheet
from classroom_app.views.motion import Motion
from classroom_app.views.opening import Sheets
from classroom_app.views.pairing import PairingView
from classroom_app.views.passphrase import PassphraseView
from classroom_app.views.safekeeping import SafekeepingView
from classroom_app.views.theme import Theme
from classroom_app.views.wall import WallView

ANNOUNCE_MS = 2000


class SeenTile(Struct, frozen=True):
    """A tile as it stands in the window: `picture` is in the window's coordinates."""

    tile: Tile
    picture: QRect


class DeskWindow(QWidget):
    """`closing` is told when the teacher closes the window; who hears it ends the program."""

    closing = Signal()
    theme_chosen = Signal(str)
    motion_chosen = Signal(bool)  # whether less of it

    def __init__(  # noqa: PLR0913, PLR0917 - one presenter a page
        self,
        desk: DeskPresenter,
        wall: WallModel,
        focus: FocusPresenter,
        first_run: FirstRunPresenter,
        classes: ClassesPresenter,
        journal: JournalModel,
        showing: ShowingPresenter,
        theme: Theme,
        motion: Motion,
    ) -> None:
        super().__init__()
        self.setObjectName("desk")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle("Pupitre")
        self.setMinimumSize(1024, 600)
        self.setAcceptDrops(True)
        self.desk, self.theme, self.motion = desk, theme, motion
        motion.setParent(self)
        self._wall_model, self._first_run, self._close_look = wall, first_run, focus
        self.first_run = FirstRunView(first_run, desk, theme)
        self.classes = ClassesView(classes, desk, theme)
        self.pairing = PairingView(classes.pairing, desk)
        self.safekeeping = SafekeepingView(classes, first_run, desk)
        self.passphrase = PassphraseView(classes.passphrase, desk)
        self.wall = WallView(desk, wall, theme, motion, self)
        self.focus = FocusView(focus, theme)
        self.journal = JournalView(journal)
        self.bar_a = BarA(desk, theme, self)
        self.bar_b = BarB(desk, focus, showing, theme, motion, self)
        self.bar_d = BarD(desk, theme, self)
        self.bar_arrange = ArrangeBar(desk.seating, theme, self)
        self._stack()
        self.sheets = Sheets(
            desk,
            self.bar_a,
            self.bar_b,
            self.bar_d,
            self.focus,
            motion,
            self._more,
            showing,
            self.middle,
            theme,
            self,
        )
        self._keys()
        self._announcing = QTimer(self, singleShot=True, interval=ANNOUNCE_MS)
        self._announcing.timeout.connect(self._announce)
        self._connect()
        self.setStyleSheet(theme.sheet())
        self._show_page(desk.page)
        self.refresh()

    def _stack(self) -> None:
        self._said = ""
        self.middle = QStackedWidget(self)
        for page in (self.wall, self.focus, self.journal):
            self.middle.addWidget(page)
        lesson = QWidget(self)
        column = QVBoxLayout(lesson)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.bar_a, self.bar_b):
            column.addWidget(part)
        column.addWidget(self.middle, 1)
        column.addWidget(self.bar_d)
        column.addWidget(self.bar_arrange)
        self._lesson = lesson
        self.pages = QStackedWidget(self)
        before = (self.first_run, self.classes, self.pairing, self.safekeeping, self.passphrase)
        for page in (*before, lesson):
            self.pages.addWidget(page)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.pages)

    def _connect(self) -> None:
        self.desk.changed.connect(self.refresh)
        self.desk.page_changed.connect(self._show_page)
        self.desk.sheet_asked.connect(self.open_sheet)
        self.desk.announced.connect(self._heard)
        self.bar_a.class_button.clicked.connect(self._to_classes)
        self.bar_d.smaller.clicked.connect(self._zoom_out)
        self.bar_d.larger.clicked.connect(self._zoom_in)
        self.bar_d.finder.returnPressed.connect(self._found)
        self.wall.typed.connect(self.search)
        self.bar_b.chips_came.connect(self.wall.swell)
        self.sheets.covers.connect(self.wall.lie_under)
        self.desk.seating.changed.connect(self._arranges)

    def _keys(self) -> None:
        desk, sheets = self.desk, self.sheets
        does: dict[str, Callable[[], object]] = {
            "lock": self.bar_a.lock.click,
            "free": desk.free,
            "attention": desk.attention,
            "hand-out": sheets.ask_hand_out,
            "collect": sheets.ask_collect,
            "message": sheets.ask_message,
            "show": sheets.ask_show,
            "more": sheets.ask_more,
            "end": desk.end,
            "undo": desk.undo,
            "beside": desk.look_closely,
            "keep": self.focus.keep_shown,
            "keep-all": sheets.ask_pictures,
            "drive": self.focus.drive,
            "next": self._next,
            "before": self._before,
            "find": self._to_find,
            "all": self.wall.selectAll,
            "invert": self.wall.invert,
            "escape": self.escape,
            "hide": self.bar_d.hide_pictures.toggle,
            "larger": self._zoom_in,
            "smaller": self._zoom_out,
            "fit": self._zoom_fit,
            "full-screen": self._full_screen,
            "check": self._look_again,
            "help": sheets.ask_help,
        }
        for key in KEYS:
            for sequence in key.sequences:
                QShortcut(QKeySequence(sequence), self).activated.connect(does[key.does])

    # what is seen

    @Slot(bool)
    def come_in_sight(self, seen: bool) -> None:  # noqa: FBT001 - a signal's own word
        """Hear whether anybody can see the window: nobody looks at what nobody sees."""
        self.setUpdatesEnabled(seen)  # under X11 a covered window would go on painting
        if seen:
            # At once: an update that was asked for meanwhile is lost, and Qt asks for no other as
            # long as it believes that one is on its way. The window would stay black.
            self.repaint()
        self.wall.come_in_sight(seen)
        self._close_look.come_in_sight(seen)

    def tiles_seen(self) -> list[SeenTile]:
        """Return the wall's tiles and where their pictures stand; empty where scrolled off."""
        seen: list[SeenTile] = []
        for row in range(self._wall_model.rowCount()):
            tile = self._wall_model.tile_at(row)
            if tile is None:
                continue
            spot = self.wall.picture_rect(row) if self.wall.isVisible() else QRect()
            if spot.isValid():
                spot.translate(self.wall.mapTo(self, self.wall.rect().topLeft()))
            seen.append(SeenTile(tile, spot if self.rect().contains(spot) else QRect()))
        return seen

    def turn(self, theme: str) -> None:
        """Show "light" or "dark"."""
        self.theme.turn(theme)
        self.setStyleSheet(self.theme.sheet())
        self.retranslate()
        self.theme_chosen.emit(theme)

    @Slot()
    def refresh(self) -> None:
        if self.desk.page in {"wall", "focus", "journal"}:
            self.bar_a.refresh()
            self.bar_b.refresh()
            self.bar_d.refresh()
            self.bar_arrange.refresh()
            # The one that goes goes first: with both the wall would be laid out twice.
            arranging = self.desk.seating.on
            for bar in sorted((self.bar_d, self.bar_arrange), key=self._stays):
                bar.setVisible((bar is self.bar_arrange) == arranging)

    def _stays(self, bar: QWidget) -> bool:
        return (bar is self.bar_arrange) == self.desk.seating.on

    @Slot()
    def _arranges(self) -> None:
        self.refresh()
        if self.desk.seating.on:
            self.wall.setFocus()

    def retranslate(self) -> None:
        """Say all anew: another language or look."""
        self.first_run.retranslate()
        self.classes.refresh()
        self.pairing.refresh()
        self.safekeeping.refresh()
        self.passphrase.refresh()
        self.journal.retranslate()
        self.wall.retranslate()
        self.focus.refresh()
        self.refresh()

    @Slot(str)
    def _show_page(self, page: str) -> None:
        self.close_sheet()
        outer: dict[str, QWidget] = {
            "sign-in": self.first_run,
            "anew": self.first_run,
            "check": self.first_run,
            "classes": self.classes,
            "pairing": self.pairing,
            "safekeeping": self.safekeeping,
            "passphrase": self.passphrase,
        }
        self.pages.setCurrentWidget(outer.get(page, self._lesson))
        if page in outer:
            outer[page].setFocus()  # else keys go to what is hidden now
        inner = {"wall": self.wall, "focus": self.focus, "journal": self.journal}
        if page in inner:
            self.middle.setCurrentWidget(inner[page])
            inner[page].setFocus()
        self.retranslate()

    # sheets

    @Slot(str)
    def open_sheet(self, name: str) -> None:
        self.sheets.open(name)

    def close_sheet(self) -> bool:
        return self.sheets.close()

    def _more(self) -> MoreSheet:
        return MoreSheet(
            self.desk,
            self,
            dark=self.theme.name == "dark",
            turn=self._turn_other,
            still=self.motion.less,
            move=self._move_other,
        )

    @Slot()
    def _turn_other(self) -> None:
        self.turn("light" if self.theme.name == "dark" else "dark")

    @Slot()
    def _move_other(self) -> None:
        self.motion.choose(less=not self.motion.less)
        self.motion_chosen.emit(self.motion.less)

    # ways about

    @Slot()
    def escape(self) -> None:
        """Close the sheet, else go back one step. Never frees anyone."""
        if self.desk.page == "safekeeping":
            self.safekeeping.leave()
        elif not self.close_sheet():
            self.desk.escape()
            if self.desk.page == "wall":
                self.wall.setFocus()

    @Slot(str)
    def search(self, letters: str) -> None:
        """Filter by the first letter typed on the wall; the field takes the rest."""
        self.bar_d.finder.setText(letters)
        self.bar_d.finder.setFocus()

    @Slot()
    def _to_find(self) -> None:
        self.bar_d.finder.setFocus()
        self.bar_d.finder.selectAll()

    @Slot()
    def _found(self) -> None:
        if self._wall_model.rowCount():
            self.wall.reveal(self._wall_model.key_at(0))

    @Slot()
    def _next(self) -> None:
        self.desk.next_chip()

    @Slot()
    def _before(self) -> None:
        self.desk.next_chip(-1)

    @Slot()
    def _zoom_in(self) -> None:
        self.wall.zoom(1)

    @Slot()
    def _zoom_out(self) -> None:
        self.wall.zoom(-1)

    @Slot()
    def _zoom_fit(self) -> None:
        self.wall.zoom(0)

    @Slot()
    def _full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    @Slot()
    def _look_again(self) -> None:
        if self.desk.page in {"sign-in", "anew", "check"}:
            self._first_run.check_again()
        else:
            self.desk.check(stays=True)

    @Slot()
    def _to_classes(self) -> None:
        self.desk.go("classes")

    # screen readers: at most one word each 2 s, the newest only

    @Slot(str)
    def _heard(self, text: str) -> None:
        self._said = text
        if not self._announcing.isActive():
            self._announcing.start()

    @Slot()
    def _announce(self) -> None:
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, self._said))

    # events

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.desk.enabled() and brings_files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Files dropped anywhere open the hand-out sheet with them chosen; Enter sends them."""
        files = dropped_files(event)
        if files and self.desk.enabled():
            event.acceptProposedAction()
            self.sheets.drop(files)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Ctrl and a digit choose a group, with Shift they keep the selection as one."""
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        number = number_of(event) if control and self.desk.page == "wall" else 0
        if number and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.desk.keep_group(number)
        elif number:
            self.desk.choose_group(number)
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.close_sheet()
        self.refresh()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.accept()
        self.closing.emit()
