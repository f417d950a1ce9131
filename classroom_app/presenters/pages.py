"""Where the teacher is in the window: its pages, whom they look at, who needs them next."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Signal, Slot

from classroom_app.domain.budget import BESIDE_MAX
from classroom_app.domain.lesson import Lesson
from classroom_app.domain.tile import Tile
from classroom_app.presenters.chips import Chip, chips
from classroom_app.presenters.paced import timer
from classroom_app.presenters.wall import PACE_MS, WallModel

PAGES = ("sign-in", "anew", "classes", "wall", "focus", "journal", "check")


class Pages(QObject):
    """`clock` is the room's clock in seconds."""

    changed = Signal()
    page_changed = Signal(str)
    revealed = Signal(str)  # scroll to this seat and frame it

    def __init__(
        self, wall: WallModel, clock: Callable[[], float], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.wall, self._clock = wall, clock
        self.lesson: Lesson | None = None
        self.page = "sign-in"
        self.focused = ""
        self.beside: tuple[str, ...] = ()
        """Who was opened side by side, the focused one among them; one alone: nobody else."""
        self.alone = False
        """Only the focused one of them is shown for now."""
        self.about = ""  # the seat that a sheet or the check is about; else the whole class
        self.check_stays = False
        self._checked_from = self._chip_key = ""
        self._pace = timer(self, PACE_MS, self.changed, once=True)
        wall.tiles_changed.connect(self.touch)

    @Slot()
    def touch(self) -> None:
        """Note that the bars may say something else now; they are told within 33 ms."""
        if not self._pace.isActive():
            self._pace.start()

    def go(self, page: str) -> None:
        """Show a page; the wall is where one comes back to."""
        self.page = page
        self.page_changed.emit(page)
        self.touch()

    def go_home(self) -> None:
        self.go("wall" if self.lesson else "classes")

    def check(self, key: str = "", *, stays: bool = False) -> None:
        """Show why nothing is found, or why this one pupil is not here.

        It turns into the wall when whoever was asked about is here; one opened to look at the
        network itself (F5) `stays` until it is left.
        """
        if self.page != "check":
            self._checked_from = self.page
        self.about, self.check_stays = key, stays
        self.go("check")

    def open(self, key: str) -> None:
        """Look closely at one pupil."""
        if self.wall.tile(key):
            if self.wall.selected == frozenset({key}):
                # The first half of a double click: whoever looks closely has not chosen yet.
                self.wall.select(())
            self.focused, self.beside, self.alone = key, (key,), False
            self.go("focus")

    def open_together(self, keys: Iterable[str]) -> bool:
        """Look closely at these side by side, in the order of the wall; False: not 2 to 4."""
        chosen = sorted((key for key in keys if self.wall.row(key) >= 0), key=self.wall.row)
        if not self.fits_beside(len(chosen)):
            return False
        self.wall.select(chosen)
        self.focused, self.beside, self.alone = chosen[0], tuple(chosen), False
        self.go("focus")
        return True

    def fits_beside(self, count: int) -> bool:
        return 1 < count <= BESIDE_MAX

    def looked_at(self) -> tuple[str, ...]:
        """Return whom the teacher looks at closely now."""
        if self.page != "focus":
            return ()
        return (self.focused,) if self.alone else self.beside

    def turn_to(self, key: str) -> None:
        """Let what is done be done to this one of those who were opened side by side."""
        if key in self.beside and key != self.focused:
            self.focused = key
            self.changed.emit()

    @Slot()
    def turn_alone(self) -> None:
        """Show only the focused one of several, or all of them again."""
        if self.page == "focus" and len(self.beside) > 1:
            self.alone = not self.alone
            self.changed.emit()

    def rename(self, before: str, after: str) -> None:
        """Hear that a seat is known by another key now."""
        self.beside = tuple(after if key == before else key for key in self.beside)
        self.focused = after if self.focused == before else self.focused

    def one(self) -> Tile | None:
        """Return the one seat that is spoken of: the menu's, else the one looked at closely."""
        return self.wall.tile(self.about or self.focused)

    @Slot()
    def escape(self) -> None:
        """Clear the filter, then the selection; in focus show all again, then leave it.

        Never frees anyone.
        """
        if self.page == "wall" and self.wall.filter:
            self.wall.set_filter("")
        elif self.page == "wall" and self.wall.order == "needing":
            self.wall.set_order("seats")
        elif self.page == "wall" and self.wall.selected:
            self.wall.select(())
        elif self.page == "check" and self.lesson and self._checked_from in {"focus", "journal"}:
            self.go(self._checked_from)
        elif self.page == "focus" and self.alone:
            self.turn_alone()
        elif self.page in {"focus", "journal", "check", "anew", "pairing", "passphrase"}:
            self.go_home()

    def chips(self) -> list[Chip]:
        return chips(self.wall.tiles(), self._clock())

    def next_chip(self, step: int = 1) -> None:
        """Go to who needs the teacher next."""
        keys = [chip.key for chip in self.chips()]
        if not keys:
            return
        at = keys.index(self._chip_key) + step if self._chip_key in keys else min(0, step)
        self._chip_key = keys[at % len(keys)]
        self.reveal(self._chip_key)

    def reveal(self, key: str) -> None:
        if self.page == "focus" and key in self.looked_at():
            self.turn_to(key)
            return
        if self.page == "focus":
            self.open(key)
            return
        if self.page != "wall":
            self.go_home()
        if self.wall.row(key) < 0:
            self.wall.show_all()
        self.revealed.emit(key)
