"""Showing: what can be shown, to whom, and how many show it by their own word."""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct
from PySide6.QtCore import QObject, QRect, Signal, Slot
from PySide6.QtGui import QImage

from classroom_app.domain.tile import Tile
from classroom_app.presenters.acts import Starts, Work
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.monitors import Side
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.sentences import name_of
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import say

Mode = Literal["full", "window"]
Tool = Literal["pen", "arrow", "light", "zoom"]
Point = tuple[float, float]


class Choice(Struct, frozen=True):
    """Something that can be shown. `id` is a monitor's number or a window's; `name` a title.

    `side`: where a monitor is, seen from the one that Pupitre is on; "": that is not known.
    `area`: left, top, width and height of a region, in real pixels of the desktop.
    """

    kind: Literal["screen", "region", "window", "pupil"]
    id: int = 0
    name: str = ""
    side: Side = ""
    area: tuple[int, int, int, int] = (0, 0, 0, 0)


class Told(Struct, frozen=True):
    """A show that is on: by the devices' reports `shown` of those `asked` who are here show it.

    `whose`: the pupil's name, "": the teacher's own. `left`: how many have closed its window.
    """

    shown: int
    asked: int
    left: int = 0
    whose: str = ""
    paused: bool = False


class Shows(Protocol):
    """Shows and takes back, joined in `classroom_app.showing`."""

    def choices(self) -> Sequence[Choice]:
        """Return the monitors, the main one first, and the open windows."""
        ...

    def on_our_screen(self, choice: Choice) -> bool:
        """Whether Pupitre's own window is seen where this is shown."""
        ...

    async def start(self, choice: Choice, mode: Mode, tiles: Sequence[Tile]) -> None: ...
    async def start_pupil(self, tile: Tile, mode: Mode, tiles: Sequence[Tile]) -> None: ...
    def pause(self, *, paused: bool) -> None: ...
    async def stop(self) -> None: ...
    def freeze(self) -> bool:
        """Let the teacher's screen stand still to be drawn on; False where it cannot."""
        ...

    def thaw(self) -> None: ...
    def mark(self, strokes: Sequence[tuple[Tool, tuple[Point, ...]]]) -> None:
        """Draw these into the still; points are shares of its width and height."""
        ...

    def still(self) -> QImage | None:
        """Return the still with what is drawn in it."""
        ...

    def told(self) -> Told | None:
        """Return the show that is on."""
        ...

    def shown_at(self) -> QRect | None:
        """Return where on this computer it is, in real pixels; None: on no screen of it."""
        ...


class ShowingPresenter(QObject):
    """Pictures on the wall hide by themselves while the screen is shown that Pupitre is on."""

    marked = Signal()
    drawing = Signal()  # there is a still to draw on

    def __init__(
        self, desk: DeskPresenter, shows: Shows, tasks: Starts, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.desk, self._shows, self._tasks = desk, shows, tasks
        self._hid = False
        self._strokes: list[tuple[Tool, tuple[Point, ...]]] = []
        self.last = Choice("screen")
        self.picker: QObject | None = None  # somebody must hold the window that draws a region
        desk.changed.connect(self._follow)

    def choices(self) -> list[Choice]:
        """Return what the sheet offers: the pupil who is looked at closely comes first."""
        own = list(self._shows.choices())
        tile = self.pupil()
        return [Choice("pupil", name=name_of(tile)), *own] if tile else own

    def pupil(self) -> Tile | None:
        """Return whom alone the teacher looks at closely: so at the screen's own size."""
        desk = self.desk
        tile = desk.wall.tile(desk.focused) if len(desk.looked_at()) == 1 else None
        return tile if tile and tile.state not in ABSENT else None

    def to(self, *, everyone: bool) -> tuple[Tile, ...]:
        """Return to whom it would be shown: in focus the class, else whoever is chosen, or all."""
        desk = self.desk
        tiles = desk.wall.tiles() if everyone or desk.page == "focus" else desk.scope()
        return tuple(tiles)

    def start(self, choice: Choice, mode: Mode, *, everyone: bool) -> None:
        """Show it; what Pupitre's own window has of pupils hides first."""
        tiles = self.to(everyone=everyone)
        self._strokes.clear()
        if choice.kind == "pupil":
            if (tile := self.pupil()) is not None:
                others = [one for one in tiles if key_of(one) != key_of(tile)]
                self._run(self._shows.start_pupil(tile, mode, others))
            return
        self.last = choice if choice.kind != "region" else self.last
        if self._shows.on_our_screen(choice) and not self.desk.wall.hidden:
            self._hid = True
            self.desk.wall.set_hidden(True)
        self._run(self._shows.start(choice, mode, tiles))

    @Slot()
    def pause(self) -> None:
        """Let it stand still, or go on."""
        if told := self._shows.told():
            self._shows.pause(paused=not told.paused)
            self.desk.touch()

    @Slot()
    def stop(self) -> None:
        if self.on():
            self._run(self._shows.stop())

    @Slot()
    def draw(self) -> None:
        """Let the picture stand still, to draw on it."""
        if self.can_draw() and self._shows.freeze():
            self.drawing.emit()

    def can_draw(self) -> bool:
        """Say whether it is the teacher's own screen that is shown."""
        told = self._shows.told()
        return told is not None and not told.whose

    def mark(self, tool: Tool, at: Point) -> None:
        """Begin a stroke."""
        self._strokes.append((tool, (at,)))
        self._mark()

    def mark_on(self, at: Point) -> None:
        """Go on with the newest stroke."""
        if self._strokes:
            tool, points = self._strokes[-1]
            self._strokes[-1] = tool, (*points, at)
            self._mark()

    @Slot()
    def unmark(self) -> None:
        """Take the newest stroke back."""
        del self._strokes[-1:]
        self._mark()

    @Slot()
    def clear(self) -> None:
        self._strokes.clear()
        self._mark()

    def still(self) -> QImage | None:
        return self._shows.still()

    def shown_at(self) -> QRect | None:
        return self._shows.shown_at()

    def draw_no_more(self) -> None:
        """Show the screen as it is again."""
        self.clear()
        self._shows.thaw()

    def _mark(self) -> None:
        self._shows.mark(tuple(self._strokes))
        self.marked.emit()

    def on(self) -> bool:
        return self._shows.told() is not None

    def of_another(self) -> bool:
        """Whether one pupil is shown while the teacher looks closely at another."""
        told, tile = self._shows.told(), self.pupil()
        return bool(told and told.whose and tile and told.whose != name_of(tile))

    def paused(self) -> bool:
        told = self._shows.told()
        return told is not None and told.paused

    def words(self) -> str:
        """Say whose screen is shown, or how many show the teacher's; "": nothing is shown."""
        told = self._shows.told()
        if told is None:
            return ""
        if told.whose:
            return say("{name}'s screen is shown", name=told.whose)
        return say("Shown to {count} of {all}", count=told.shown, all=told.asked)

    def second(self) -> str:
        """Say what is to be known of it."""
        told = self._shows.told()
        if told is None:
            return ""
        to = say("to {count} of {all}", count=told.shown, all=told.asked)
        parts = [to if told.whose else say("my screen")]
        parts += [say("stands still")] if told.paused else []
        parts += [say("{n} have left", told.left)] if told.left else []
        return " · ".join(parts)

    @Slot()
    def _follow(self) -> None:
        """Show the pictures on the wall again when nothing is shown any more."""
        if self._hid and not self.on():
            self._hid = False
            self.desk.wall.set_hidden(False)

    def _run(self, work: Work) -> None:
        async def done() -> None:
            await work
            self.desk.touch()

        self._tasks.start(done(), name="showing", refused=self._refused)

    def _refused(self, error: Exception) -> None:
        self._follow()
        self.desk.refused(error)
