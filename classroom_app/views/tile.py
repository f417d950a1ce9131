"""Paints one seat in its cell: what it is, or what it turns from and to; and who is chosen."""

from PySide6.QtCore import QPoint, QRect, QRectF, QSize
from PySide6.QtGui import QPainter, QPixmap, QRegion
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from classroom_app.domain.tile import Tile
from classroom_app.presenters.layout import INSET, Grid
from classroom_app.presenters.sentences import TileWords
from classroom_app.presenters.wall import Index, WallModel
from classroom_app.views.strokes import Brush
from classroom_app.views.theme import Theme


class TileDelegate(QStyledItemDelegate):
    """`grid` says how large tiles are; the cell around a tile holds half a gap on each side."""

    def __init__(self, theme: Theme, wall: WallModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._wall = theme, wall
        self.grid = Grid(1, 300, 38, 10, 1, 1)
        self.cell = QSize(310, 220)
        self.fades: dict[str, Fade] = {}
        self.swells: dict[str, float] = {}  # px, beyond the 3 of a frame
        self.dirty = QRegion()
        self.ring = False  # whether keys walk the wall: a mouse needs no frame
        self.lifted = ""  # the key of the seat that is being moved

    def tile_rect(self, cell: QRectF) -> QRectF:
        """Return the tile within its cell."""
        left = (cell.width() - self.grid.width) / 2
        top = (cell.height() - self.grid.height) / 2
        box = QRectF(cell.left() + left, cell.top() + top, self.grid.width, self.grid.height)
        return QRectF(box.toRect())

    def picture_rect(self, cell: QRectF) -> QRectF:
        """Return where a tile's picture stands, before its own shape is fitted in."""
        tile = self.tile_rect(cell)
        size = tile.width() - 2 * INSET
        return QRectF(tile.left() + INSET, tile.top() + INSET, size, round(size * 9 / 16))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return self.cell

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if not self.dirty.intersects(option.rect):  # type: ignore[attr-defined]
            return
        tile: Tile | None = index.data(WallModel.TileRole)
        key = self._wall.key_at(index.row())
        cell = QRectF(option.rect)  # type: ignore[attr-defined]
        if tile is None or key == self.lifted:
            if self._wall.arranging:
                self._gap(painter, cell)
            return
        painter.save()
        self._seat(painter, option, index, tile)
        painter.restore()

    def _seat(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, tile: Tile
    ) -> None:
        key = self._wall.key_at(index.row())
        cell = QRectF(option.rect)  # type: ignore[attr-defined]
        words: TileWords = index.data(WallModel.WordsRole)
        if fade := self.fades.get(key):
            self._faded(painter, cell.toRect(), fade, fade.now.of(tile, words))
        else:
            self._body(painter, cell, tile, words)
        brush = self._brush(painter)
        if key in self._wall.selected:
            brush.selected(self.tile_rect(cell))
        if key in self.swells:
            brush.frame(self.tile_rect(cell), 3 + self.swells[key])
        elif self.ring and option.state & QStyle.StateFlag.State_HasFocus:  # type: ignore[attr-defined]
            brush.frame(self.tile_rect(cell), 3)
        if tile.wish or tile.claim:
            brush.badge(tile, self.tile_rect(cell))

    def _gap(self, painter: QPainter, cell: QRectF) -> None:
        painter.save()
        self._brush(painter).gap(self.tile_rect(cell))
        painter.restore()

    def lift(self, painter: QPainter, cell: QRectF, target: QRectF | None) -> None:
        """Paint the tile that is being moved over all others, and a frame where it would go."""
        tile = self._wall.tile(self.lifted)
        if tile is None:
            return
        if target:
            self._brush(painter).frame(self.tile_rect(target), 3)
        painter.setOpacity(0.85)
        self._body(painter, cell, tile, self._wall.words(tile))
        painter.setOpacity(1)

    def _body(self, painter: QPainter, cell: QRectF, tile: Tile, words: TileWords) -> None:
        image, hidden = self._wall.image(tile.device), self._wall.hidden
        box, picture = self.tile_rect(cell), self.picture_rect(cell)
        self._brush(painter).body(tile, words, box, picture, image, hidden)

    def _brush(self, painter: QPainter) -> Brush:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        return Brush(painter, self._theme, self.grid)

    def _faded(self, painter: QPainter, cell: QRect, fade: "Fade", now: "Layer") -> None:
        """Blend two layers: each is painted once, so a frame costs as little for any look."""
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        if fade.done:
            painter.drawPixmap(cell.topLeft(), self._painted(now, cell.size(), ratio))
            painter.setOpacity(1 - fade.done)
        painter.drawPixmap(cell.topLeft(), self._painted(fade.was, cell.size(), ratio))
        painter.setOpacity(1)

    def _painted(self, layer: "Layer", size: QSize, ratio: float) -> QPixmap:
        """Return a look with the ground it stands on; with the newest picture, which fades not."""
        image = self._wall.image(layer.tile.device)
        newest = image.cacheKey() if image else 0
        if layer.pixmap is None or layer.picture != newest:
            layer.picture = newest
            layer.pixmap = QPixmap(size * ratio)
            layer.pixmap.setDevicePixelRatio(ratio)
            layer.pixmap.fill(self._theme.colour("bg"))
            painter = QPainter(layer.pixmap)
            self._body(painter, QRectF(QPoint(), size), layer.tile, layer.words)
            painter.end()
        return layer.pixmap


class Layer:
    """One look of a tile, painted when it is first seen."""

    def __init__(self, tile: Tile, words: TileWords) -> None:
        self.tile, self.words = tile, words
        self.pixmap: QPixmap | None = None
        self.picture = 0

    def of(self, tile: Tile, words: TileWords) -> "Layer":
        """Return this layer where it is of that look, else become it."""
        if (tile, words) != (self.tile, self.words):
            self.tile, self.words, self.pixmap = tile, words, None
        return self


class Fade:
    """What a tile was, going out over what it is; `done` from 0 to 1."""

    def __init__(self, was: Layer, now: Layer) -> None:
        self.was, self.now, self.done = was, now, 0.0
