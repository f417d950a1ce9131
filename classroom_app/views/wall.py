"""The wall: tiles laid out by the design's formula; who looks at what is told to the model."""

import math
from collections.abc import Iterable, Mapping

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from classroom_app.domain.tile import Tile
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.layout import EDGE, Grid, grid, room
from classroom_app.presenters.wall import ZOOMS, Index, WallModel
from classroom_app.presenters.words import say
from classroom_app.views.arranging import Mover
from classroom_app.views.control import WHEEL_STEP
from classroom_app.views.motion import FADE_MS, SWELL_MS, Motion
from classroom_app.views.theme import Theme, font
from classroom_app.views.tile import Fade, Layer, TileDelegate
from classroom_app.views.tile_menu import TileMenu

LOOK_MS = 100
SORT_MS = 10_000
SWELL_PX = 3
GAP_MAX, GAP_MAX_WIDE, WIDE = 18, 30, 1600
TOP, BOTTOM = 8, 12
BAR = 14  # of scrolling
SLACK = 4
WALKS = frozenset(
    {
        Qt.Key.Key_Left,
        Qt.Key.Key_Right,
        Qt.Key.Key_Up,
        Qt.Key.Key_Down,
        Qt.Key.Key_Home,
        Qt.Key.Key_End,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
        Qt.Key.Key_Space,
    }
)
BY_KEYS = frozenset({Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason})


class WallView(QListView):
    typed = Signal(str)

    def __init__(
        self, desk: DeskPresenter, wall: WallModel, theme: Theme, motion: Motion, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("wall")
        self._desk, self._wall, self._motion, self._theme = desk, wall, motion, theme
        self._applying = False
        self._in_sight = True
        self._current = ""
        self._chosen: frozenset[str] = frozenset()  # when the mouse was pressed
        self._under = QRect()
        self._turned = 0  # of the wheel, since its last whole step
        self._scrolled = 0
        self.tiles = TileDelegate(theme, wall, self)
        self.setItemDelegate(self.tiles)
        self.setModel(wall)
        self._shape_as_a_room()
        self._looking = QTimer(self, singleShot=True, interval=LOOK_MS)
        self._looking.timeout.connect(self.look)
        self._sorting = QTimer(self, interval=SORT_MS)
        self._sorting.timeout.connect(self._resort)
        self._sorting.start()
        self.verticalScrollBar().valueChanged.connect(self._touch)
        wall.tiles_changed.connect(self._touch)
        wall.modelAboutToBeReset.connect(self._keep_place)
        wall.modelReset.connect(self._rearranged)
        wall.looks_changed.connect(self._reshaped)
        wall.selection_changed.connect(self._apply_selection)
        wall.turned.connect(self._fade)
        desk.revealed.connect(self.reveal)
        self.doubleClicked.connect(self._open_clicked)
        self.menu = TileMenu(desk, self)
        self._mover = Mover(self, desk.seating, wall)

    def _shape_as_a_room(self) -> None:
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionRectVisible(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setDragEnabled(False)
        self.setAcceptDrops(False)  # the whole window takes files
        # The seats of a room do not mirror where the writing does.
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)

    # layout

    def retranslate(self) -> None:
        self.setAccessibleName(say("The class"))
        self.tiles.fades.clear()
        self.viewport().update()

    def lay_out(self) -> None:
        """Choose columns and sizes for the space there is."""
        self.tiles.fades.clear()  # painted in another size, or with what is hidden now
        count = self._wall.rowCount()
        space = QSize(self.width() - 2 * EDGE, self.height() - TOP - BOTTOM)
        if count == 0 or space.width() <= 0 or space.height() <= 0:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            return
        made = self._grid(count, space)
        scrolls = made.rows > made.rows_seen
        beside = self.width() - SLACK - BAR  # the bar stands in the edge, where it is broad enough
        if scrolls and made.columns * (int(made.width) + made.gap) > beside:
            made = self._grid(count, space - QSize(BAR, 0))
        self._wall.columns_seen = made.columns
        most = GAP_MAX_WIDE if self.width() >= WIDE else GAP_MAX
        down = space.height() - made.rows_seen * int(made.height)
        across = space.width() - (BAR if scrolls else 0) - made.columns * int(made.width)
        gap_down = min(max(made.gap, down // max(1, made.rows_seen - 1)), max(most, made.gap))
        gap_across = min(max(made.gap, across // max(1, made.columns - 1)), max(most, made.gap))
        cell = QSize(int(made.width) + gap_across, int(made.height) + gap_down)
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policy.ScrollBarAlwaysOn if scrolls else policy.ScrollBarAlwaysOff
        )
        free = self.width() - (BAR if scrolls else 0) - made.columns * cell.width()
        top = max(0, TOP - gap_down // 2)
        if made.rows == 1:
            top += max(0, down) // 2  # few and large: in the middle, as a picture hangs
        # Qt wraps a cell early where the row fits to the pixel: a little slack at the right.
        right = max(0, free - free // 2 - SLACK)
        self.setViewportMargins(max(0, free // 2), top, right, 0)
        self.tiles.grid, self.tiles.cell = made, cell
        self.setGridSize(cell)
        self.verticalScrollBar().setSingleStep(cell.height())
        self._touch()

    def _grid(self, count: int, space: QSize) -> Grid:
        if self._wall.columns:
            return room(self._wall.columns, count, *space.toTuple(), self._wall.zoom)  # type: ignore[attr-defined]
        return grid(count, *space.toTuple(), self._wall.zoom)  # type: ignore[attr-defined]

    def picture_rect(self, row: int) -> QRect:
        """Return where the picture of a row stands, in this widget's own coordinates."""
        cell = self.visualRect(self._wall.index(row))
        if not cell.isValid():
            return QRect()
        spot = self.tiles.picture_rect(QRectF(cell)).toRect()
        spot.translate(self.viewport().pos())
        return spot

    @Slot()
    def _keep_place(self) -> None:
        self._scrolled = self.verticalScrollBar().value()

    @Slot()
    def _rearranged(self) -> None:
        """Stay where the teacher has scrolled to, whoever came, went or moved."""
        self._reshaped()
        self.doItemsLayout()  # before it there is nothing to scroll
        self.verticalScrollBar().setValue(self._scrolled)

    @Slot()
    def _reshaped(self) -> None:
        self.lay_out()
        self._apply_selection()
        self.make_current(self._current)
        self.viewport().update()

    # what is seen

    def seen_rows(self) -> range:
        """Return the rows of which at least a part is visible."""
        count = self._wall.rowCount()
        if not count or not self.isVisible() or not self._in_sight:
            return range(0)
        columns = max(1, self.tiles.grid.columns)
        top = self.verticalScrollBar().value()
        first = top // self.tiles.cell.height()
        last = (top + self.viewport().height() - 1) // self.tiles.cell.height()
        return range(min(count, first * columns), min(count, (last + 1) * columns))

    @Slot(bool)
    def come_in_sight(self, seen: bool) -> None:  # noqa: FBT001 - a signal's own word
        """Hear whether anybody can see the window at all."""
        self._in_sight = seen
        self.look()  # the rows are as they were: there is nothing to wait for

    @Slot(QRect)
    def lie_under(self, spot: QRect) -> None:
        """Hear what part of the window a sheet covers; an empty one: nothing."""
        self._under = spot
        self._touch()

    @Slot()
    def look(self) -> None:
        """Tell which pictures are looked at, at how many real pixels."""
        ratio = self.devicePixelRatioF()
        size = self.tiles.picture_rect(QRectF(0, 0, *self.tiles.cell.toTuple())).size()  # type: ignore[attr-defined]
        pixels = QSize(round(size.width() * ratio), round(size.height() * ratio))
        under = self._under.translated(-self.mapTo(self.window(), QPoint()))
        self._wall.see(
            {
                tile.device: pixels
                for row in self.seen_rows()
                if (tile := self._wall.tile_at(row))
                and tile.device
                and not under.contains(self.picture_rect(row))
            }
        )

    @Slot()
    def _touch(self) -> None:
        if not self._looking.isActive():
            self._looking.start()

    # going to somebody

    @Slot(str)
    def reveal(self, key: str) -> None:
        """Scroll to a seat, make it current and let its frame swell once."""
        row = self._wall.row(key)
        if row < 0:
            return
        index = self._wall.index(row)
        self.setFocus()
        self._show_ring(shown=True)
        self.scrollTo(index)
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.swell(frozenset({key}))

    # what moves

    @Slot(object)
    def swell(self, keys: frozenset[str]) -> None:
        """Let the frames of these tiles swell once."""

        def step(done: float) -> None:
            wide = SWELL_PX * math.sin(math.pi * done)
            self.tiles.swells |= dict.fromkeys(keys, wide)
            if done == 1.0:
                self.tiles.swells = {k: px for k, px in self.tiles.swells.items() if k not in keys}
            # Where gaps are narrow it reaches out of its tile's cell, and must go from there too.
            self._repaint(keys, beyond=SWELL_PX)

        self._motion.start(SWELL_MS, step)

    @Slot(object)
    def _fade(self, turned: Mapping[str, Tile]) -> None:
        """Let tiles turn from what they were to what they are; each batch is one move."""
        if not self.isVisible() or self._motion.still():
            return
        fades = {key: self._fade_of(key, was) for key, was in turned.items()}
        self.tiles.fades |= fades

        def step(done: float) -> None:
            for key, fade in fades.items():
                fade.done = done
                if done == 1.0 and self.tiles.fades.get(key) is fade:
                    del self.tiles.fades[key]
            self._repaint(fades)

        self._motion.start(FADE_MS, step)

    def _fade_of(self, key: str, was: Tile) -> Fade:
        now = self._wall.tile(key) or was
        return Fade(*(Layer(each, self._wall.words(each)) for each in (was, now)))

    def _repaint(self, keys: Iterable[str], beyond: int = 0) -> None:
        for key in keys:
            cell = self.visualRect(self._wall.index(self._wall.row(key)))
            self.viewport().update(cell.adjusted(-beyond, -beyond, beyond, beyond))

    # choosing

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid():
            self._current = self._wall.key_at(current.row())

    def make_current(self, key: str) -> None:
        """Let the keys go on from this seat, wherever it stands now."""
        if (row := self._wall.row(key)) >= 0:
            keep = QItemSelectionModel.SelectionFlag.NoUpdate
            self.selectionModel().setCurrentIndex(self._wall.index(row), keep)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if not self._applying and not self._wall.arranging:
            self._wall.select(self._wall.key_at(index.row()) for index in self.selectedIndexes())

    @Slot()
    def _apply_selection(self) -> None:
        rows = {self._wall.row(key) for key in self._wall.selected} - {-1}
        if {index.row() for index in self.selectedIndexes()} == rows:
            return
        self._applying = True
        chosen = QItemSelection()
        for row in rows:
            chosen.select(self._wall.index(row), self._wall.index(row))
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._applying = False
        self.viewport().update()

    @Slot()
    def invert(self) -> None:
        count = self._wall.rowCount()
        if count:
            whole = QItemSelection(self._wall.index(0), self._wall.index(count - 1))
            self.selectionModel().select(whole, QItemSelectionModel.SelectionFlag.Toggle)

    @Slot(QModelIndex)
    def _open_clicked(self, index: QModelIndex) -> None:
        # The first of the two clicks has left only this one chosen.
        self._open(index, self._chosen)

    def _open(self, index: QModelIndex, chosen: frozenset[str]) -> None:
        """Look closely at one, or where it is one of a few that are chosen, at them together."""
        if self._wall.arranging:
            return
        key = self._wall.key_at(index.row())
        if key not in chosen or not self._desk.open_together(chosen):
            self._desk.open(key)

    def zoom(self, step: int) -> None:
        """Make tiles larger or smaller by steps; 0 fits the class again."""
        at = ZOOMS.index(self._wall.zoom) if self._wall.zoom in ZOOMS else ZOOMS.index(1.0)
        to = ZOOMS.index(1.0) if step == 0 else max(0, min(len(ZOOMS) - 1, at + step))
        self._wall.set_zoom(ZOOMS[to])

    @Slot()
    def _resort(self) -> None:
        if not self.underMouse():
            self._wall.resort()

    # events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in WALKS:
            self._show_ring(shown=True)
        if self._mover.key(event):
            return
        current = self.currentIndex()
        plain = not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            if current.isValid():
                self._open(current, self._wall.selected)
        elif event.key() == Qt.Key.Key_Space and current.isValid():
            self.selectionModel().select(current, QItemSelectionModel.SelectionFlag.Toggle)
        elif plain and event.text().isalpha():
            self.typed.emit(event.text())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open a seat's menu by the right button, or by the keyboard at the current seat."""
        by_keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_keyboard else self.indexAt(event.pos())
        tile = self._wall.tile_at(index.row()) if index.isValid() else None
        if tile and not self._wall.arranging:
            spot = self.visualRect(index).center() if by_keyboard else event.pos()
            self.menu.open(tile, self.viewport().mapToGlobal(spot))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom, or scroll by whole rows; a touchpad tells a step of either in many small parts."""
        self._turned += event.angleDelta().y()
        steps = int(self._turned / WHEEL_STEP)
        self._turned -= steps * WHEEL_STEP
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            for _ in range(abs(steps)):
                self.zoom(1 if steps > 0 else -1)
        else:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() - steps * bar.singleStep())
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tiles that changed; Qt would paint all between the first and the last."""
        self.tiles.dirty = event.region()
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        self._mover.paint(painter)
        if not self._wall.rowCount() and self._wall.tiles():
            self._say_nobody(painter)
        painter.end()

    def _say_nobody(self, painter: QPainter) -> None:
        """Say why the wall is empty: it never is just blank."""
        needing = self._wall.order == "needing" and not self._wall.filter
        words = say("Nobody needs you now") if needing else say("Nobody of that name")
        painter.setFont(font(18, QFont.Weight.DemiBold))
        painter.setPen(self._theme.colour("ink2"))
        painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, words)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() in BY_KEYS:
            self._show_ring(shown=True)

    def _show_ring(self, *, shown: bool) -> None:
        if self.tiles.ring != shown:
            self.tiles.ring = shown
            self.viewport().update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._show_ring(shown=False)
        self._chosen = self._wall.selected
        if not self._mover.press(event):
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._mover.move(event):
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if not self._mover.release(event):
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if not self._mover.press(event):
            super().mouseDoubleClickEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.lay_out()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._touch()

    def place_of(self, row: int) -> QPoint:
        """Return the middle of a tile in this widget's coordinates."""
        return self.picture_rect(row).center()
