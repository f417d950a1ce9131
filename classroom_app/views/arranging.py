"""Seats moved by hand: a drag or Ctrl with an arrow on the wall, and the bar that says so."""

from PySide6.QtCore import QPoint, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QFont, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QApplication, QHBoxLayout, QListView, QWidget

from classroom_app.presenters.seating import Seating
from classroom_app.presenters.wall import WallModel
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat, labelled
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme
from classroom_app.views.tile import TileDelegate

_STEPS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
LEFT = Qt.MouseButton.LeftButton


class Mover:
    """Moves seats of a wall while it is arranged; each call says whether the event is used up."""

    def __init__(self, view: QListView, seating: Seating, wall: WallModel) -> None:
        self._view, self._seating, self._wall = view, seating, wall
        self._pressed, self._at, self._offset = "", QPoint(), QPoint()

    @property
    def _tiles(self) -> TileDelegate:
        tiles = self._view.itemDelegate()
        assert isinstance(tiles, TileDelegate)  # noqa: S101 - the wall has no other
        return tiles

    def key(self, event: QKeyEvent) -> bool:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        step = _STEPS.get(Qt.Key(event.key())) if control and self._seating.on else None
        current = self._view.currentIndex()
        if step is None or not current.isValid():
            return False
        key = self._wall.key_at(current.row())
        self._seating.step(key, *step)
        self._view.scrollTo(self._wall.index(self._wall.row(key)))
        return True

    def press(self, event: QMouseEvent) -> bool:
        if not self._seating.on:
            return False
        index = self._view.indexAt(event.position().toPoint())
        tile = self._wall.tile_at(index.row()) if index.isValid() else None
        if tile and event.button() == LEFT:
            self._pressed, self._at = tile.key, event.position().toPoint()
            self._offset = self._view.visualRect(index).topLeft() - self._at
            self._view.setCurrentIndex(index)
            self._view.clearSelection()
        return True

    def move(self, event: QMouseEvent) -> bool:
        if not self._seating.on:
            return False
        at = event.position().toPoint()
        far = (at - self._at).manhattanLength() >= QApplication.startDragDistance()
        if self._pressed and (far or self._tiles.lifted):
            self._tiles.lifted, self._at = self._pressed, at
            self._view.viewport().update()
        return True

    def release(self, event: QMouseEvent) -> bool:
        if not self._seating.on:
            self._drop()
            return False
        key, spot = self._tiles.lifted, self._cell_at(event.position().toPoint())
        self._drop()
        if key and spot is not None:
            columns = max(1, self._wall.columns)
            self._seating.place(key, (spot % columns, spot // columns))
        return True

    def paint(self, painter: QPainter) -> None:
        """Paint the seat that is on its way."""
        if self._tiles.lifted:
            cell = self._cell_at(self._at)
            under = QRectF(self._rect(cell)) if cell is not None else None
            spot = QRectF(self._at + self._offset, self._tiles.cell)
            self._tiles.lift(painter, spot, under)

    def _cell_at(self, at: QPoint) -> int | None:
        index = self._view.indexAt(at)
        return index.row() if index.isValid() else None

    def _rect(self, cell: int) -> QRect:
        return self._view.visualRect(self._wall.index(cell))

    def _drop(self) -> None:
        self._pressed = self._tiles.lifted = ""
        self._view.viewport().update()


class ArrangeBar(QWidget):
    """Stands in for the tools while seats are moved."""

    def __init__(self, seating: Seating, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("bar-d")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(40)
        self._seating, self._theme = seating, theme
        self.words = label("", 14, QFont.Weight.DemiBold)
        self.words.setWordWrap(False)
        self.undo = flat("arrange-undo", "flat", self)
        self.listed = flat("arrange-listed", "flat", self)
        self.done = flat("arrange-done", "plain", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 8, 0)
        row.setSpacing(6)
        row.addWidget(self.words)
        row.addStretch(1)
        for button in (self.undo, self.listed, self.done):
            row.addWidget(button)
        self.undo.clicked.connect(seating.undo)
        self.listed.clicked.connect(seating.as_listed)
        self.done.clicked.connect(seating.done)

    @Slot()
    def refresh(self) -> None:
        self.words.setText(say("Drag each seat to its place, or move it by Ctrl and an arrow"))
        labelled(self.undo, self._theme, "undo-2", say("Undo"))
        self.undo.setEnabled(self._seating.undoes)
        labelled(self.listed, self._theme, "list", say("As in the list"))
        self.listed.setEnabled(self._seating.arranged)
        labelled(self.done, self._theme, "check", say("Done"))
