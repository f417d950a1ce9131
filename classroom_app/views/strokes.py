"""The strokes of one seat: the whole table of the desk's design, section 3."""

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPainterPath,
    QPen,
)

from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.layout import Grid
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.sentences import TileWords, name_of, wish_icon
from classroom_app.views.theme import Theme, font

SEMI, BOLD = QFont.Weight.DemiBold, QFont.Weight.Bold
_FAILED = frozenset({State.NOT_COVERED, State.CLOCK, State.TWIN})
_HATCHED = ABSENT | {State.DARK, State.PRIVATE, State.WAITING}
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_NARROW = 170  # here a ribbon keeps its icon and shortest word, and facts drop before names
_TINY = 150


def fitted(image: QImage, box: QRectF) -> QRectF:
    """Return where an image of any shape stands in `box`: whole, centred, letterboxed."""
    size = QRectF(image.rect()).size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
    spot = QRectF(QPointF(), size)
    spot.moveCenter(box.center())
    return spot


class Brush:
    """The strokes of one tile."""

    def __init__(self, painter: QPainter, theme: Theme, grid: Grid) -> None:
        self.p, self.theme, self.grid = painter, theme, grid
        self.ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        small = grid.width < _TINY
        self.name_px = 13 if small else 15
        self.small_px = 12 if small else 13

    def colour(self, token: str) -> QColor:
        return self.theme.colour(token)

    def body(
        self,
        tile: Tile,
        words: TileWords,
        box: QRectF,
        picture: QRectF,
        image: QImage | None,
        hidden: bool,  # noqa: FBT001
    ) -> None:
        if tile.state is State.LOCKED:
            self.locked(tile, words, box)
            return
        absent, failed = tile.state in ABSENT, tile.state in _FAILED
        self.ground(tile.state, box, absent=absent, failed=failed)
        if hidden:
            self.initials(tile, words, picture)
        elif tile.state in _HATCHED or tile.state is State.TWIN or image is None:
            self.hatched(tile, words, picture, failed=failed)
        else:
            self.picture(image, picture)
            self.over(tile, words, picture)
            self.corners(picture, "fail" if failed else "surface")
        self.caption(tile, words, box, "on_fail" if failed else "ink")
        if tile.state is State.ASKED:
            pen = QPen(self.colour("held"), 3, Qt.PenStyle.DashLine)
            self.outline(box.adjusted(1.5, 1.5, -1.5, -1.5), pen)

    def ground(self, state: State, box: QRectF, *, absent: bool, failed: bool) -> None:
        if failed:
            self.fill(box.adjusted(-2, -2, 2, 2), "failline", 10)
            self.fill(box.adjusted(-0.5, -0.5, 0.5, 0.5), "fail", 8)
        elif absent:
            pen = QPen(self.colour("line"), 1.5)
            pen.setDashPattern([4, 3])
            self.outline(box.adjusted(0.75, 0.75, -0.75, -0.75), pen)
        else:
            self.fill(box, "surface", 8)
        del state

    def fill(self, box: QRectF, token: str, radius: float) -> None:
        self.p.setPen(Qt.PenStyle.NoPen)
        self.p.setBrush(self.colour(token))
        self.p.drawRoundedRect(box, radius, radius)

    def outline(self, box: QRectF, pen: QPen, radius: float = 8) -> None:
        self.p.setBrush(Qt.BrushStyle.NoBrush)
        self.p.setPen(pen)
        self.p.drawRoundedRect(box, radius, radius)

    def clip(self, box: QRectF, radius: float = 6) -> None:
        path = QPainterPath()
        path.addRoundedRect(box, radius, radius)
        self.p.setClipPath(path)

    def picture(self, image: QImage, box: QRectF) -> None:
        """Draw the picture, unscaled where it was decoded at this size."""
        spot = fitted(image, box).toRect()
        if spot != box.toRect():
            self.p.fillRect(box, self.colour("off2"))
        less = image.size().boundedTo(spot.size())
        if max(spot.width() - less.width(), spot.height() - less.height()) <= 1:
            self.p.drawImage(spot.topLeft(), image, QRect(QPoint(), less))
        else:
            self.p.drawImage(spot, image)

    def corners(self, box: QRectF, ground: str) -> None:
        """Round what stands in `box`: to paint over takes a fifth of a round clip's time."""
        corners = QPainterPath()
        corners.addRect(box)
        corners.addRoundedRect(box, 6, 6)
        self.p.fillPath(corners, self.colour(ground))

    def over(self, tile: Tile, words: TileWords, box: QRectF) -> None:
        """Veil and ribbon over a picture that is not simply live."""
        if tile.state is State.STALE:
            veil = self.colour("surface")
            veil.setAlphaF(0.65)
            self.p.fillRect(box, veil)
            dark = QColor("#14202B") if self.theme.name == "light" else QColor("#000000")
            self.ribbon(words, box, dark, "on_held")
        elif tile.state is State.ASKED:
            self.ribbon(words, box, self.colour("held"), "on_held")
        elif tile.state in _FAILED:
            self.ribbon(words, box, self.colour("fail"), "on_fail")

    def ribbon(self, words: TileWords, box: QRectF, ground: QColor, token: str) -> None:
        narrow = self.grid.width < _NARROW
        height, edge = (22, 4) if narrow else (26, 8)
        spot = QRectF(box.left(), box.bottom() - height, box.width(), height)
        self.p.fillRect(spot, ground)
        icon = self.theme.icon(words.icon, 16, token, self.ratio)
        self.p.drawPixmap(QPointF(spot.left() + edge, spot.center().y() - 8), icon)
        self.text(
            spot.adjusted(edge + 20 + edge // 4, 0, -edge // 2, 0),
            words.title,
            token,
            self.small_px,
            SEMI,
        )

    def text(
        self,
        box: QRectF,
        words: str,
        token: str,
        pixels: int,
        weight: QFont.Weight,
        align: Qt.AlignmentFlag = _LEFT,
    ) -> None:
        made = font(pixels, weight)
        self.p.setFont(made)
        self.p.setPen(self.colour(token))
        shown = QFontMetrics(made).elidedText(
            words, Qt.TextElideMode.ElideRight, int(box.width()) + 1
        )
        self.p.drawText(box, align | Qt.TextFlag.TextSingleLine, shown)

    def hatched(self, tile: Tile, words: TileWords, box: QRectF, *, failed: bool) -> None:
        if failed:
            self.middle(box, words, "on_fail", "on_fail")
            return
        self.hatch(box)
        shown = words
        if tile.state not in _HATCHED:
            # A device that sent no picture yet: never a blank that looks like a screen.
            shown = TileWords("hourglass", words.title)
        self.middle(box, shown, "ink", "ink2")

    def hatch(self, box: QRectF) -> None:
        self.p.save()
        self.clip(box)
        self.p.fillRect(box, self.colour("off1"))
        self.p.setPen(QPen(self.colour("off2"), 8))
        x = box.left() - box.height()
        while x < box.right():
            self.p.drawLine(QPointF(x, box.bottom() + 4), QPointF(x + box.height() + 4, box.top()))
            x += 22
        self.p.restore()

    def middle(self, box: QRectF, words: TileWords, token: str, second: str) -> None:
        """Icon, state and reason, centred."""
        size = 20 if self.grid.width < _TINY else 28
        title = 18 * (1 + self._wraps(words.title, box))
        lines = title + (17 if words.second and self.grid.width >= _TINY else 0)
        top = box.center().y() - (size + 4 + lines) / 2
        if words.icon:
            icon = self.theme.icon(words.icon, size, second, self.ratio)
            self.p.drawPixmap(QPointF(box.center().x() - size / 2, top), icon)
        inner = box.adjusted(6, 0, -6, 0)
        at = QRectF(inner.left(), top + size + 4, inner.width(), title)
        self.p.setFont(font(self.small_px + (self.grid.width > 240), SEMI))  # noqa: PLR2004
        self.p.setPen(self.colour(token))
        middle = Qt.AlignmentFlag.AlignCenter
        self.p.drawText(at, middle | Qt.TextFlag.TextWordWrap, words.title)
        if words.second and self.grid.width >= _TINY:
            below = QRectF(inner.left(), at.bottom(), inner.width(), 17)
            self.text(below, words.second, second, self.small_px, QFont.Weight.Medium, middle)

    def _wraps(self, words: str, box: QRectF) -> bool:
        made = font(self.small_px + (self.grid.width > 240), SEMI)  # noqa: PLR2004
        return QFontMetrics(made).horizontalAdvance(words) > box.width() - 12

    def initials(self, tile: Tile, words: TileWords, box: QRectF) -> None:
        """Pictures are hidden: only who it is, and the state in words."""
        letters = "".join(part[0] for part in name_of(tile).split()[:2]).upper()
        top = box.adjusted(0, 0, 0, -26) if words.title else box
        token = "on_fail" if tile.state in _FAILED else "ink"
        self.text(top, letters, token, 28, BOLD, Qt.AlignmentFlag.AlignCenter)
        if words.title:
            line = QRectF(box.left(), box.bottom() - 26, box.width(), 22)
            middle = Qt.AlignmentFlag.AlignCenter
            self.text(line, words.title, token, self.small_px, SEMI, middle)

    def locked(self, tile: Tile, words: TileWords, box: QRectF) -> None:
        self.fill(box, "held", 8)
        size = 28 if self.grid.width < _TINY else 44 if self.grid.width < 240 else 56  # noqa: PLR2004
        room = box.adjusted(0, 0, 0, -self.grid.caption)
        spot = QPointF(room.center().x() - size / 2, room.center().y() - size / 2 + 2)
        self.p.drawPixmap(spot, self.theme.icon("lock", size, "on_held", self.ratio))
        self.caption(tile, words, box, "on_held")

    def caption(self, tile: Tile, words: TileWords, box: QRectF, token: str) -> None:
        line = QRectF(
            box.left() + 10, box.bottom() - self.grid.caption, box.width() - 20, self.grid.caption
        )
        weight = SEMI
        made = font(self.name_px, weight)
        if not tile.pupil:
            made.setItalic(True)
        name = name_of(tile)
        broad = QFontMetrics(made).horizontalAdvance(name)
        fact = self._fact_width(words)
        fact = fact if broad + fact + 8 <= line.width() else 0
        quiet = "ink2" if token == "ink" else token  # noqa: S105 - a colour
        if tile.screens > 1 and tile.state not in ABSENT:
            room = line.width() - broad - 8 - (fact + 8 if fact else 0)
            line = self.monitors(tile.screens, line, quiet, room)
        if fact:
            self.fact(words, line, quiet)
        self.p.setFont(made)
        self.p.setPen(self.colour(token))
        shown = QFontMetrics(made).elidedText(
            name, Qt.TextElideMode.ElideRight, int(line.width()) + 1
        )
        self.p.drawText(line, _LEFT, shown)

    def monitors(self, count: int, line: QRectF, token: str, room: float) -> QRectF:
        """Mark that there are more screens than the one shown; return what is left of the line.

        It is always true, so it gives way to names and facts where there is no `room` px for it.
        """
        digits = f"×{count}"  # noqa: RUF001 - so many, not which
        wide = 16 + 4 + QFontMetrics(font(self.small_px, SEMI)).horizontalAdvance(digits)
        if wide > room:
            return line
        icon = self.theme.icon("monitor", 16, token, self.ratio)
        self.p.drawPixmap(QPointF(line.right() - wide, line.center().y() - 8), icon)
        self.text(line, digits, token, self.small_px, SEMI, _RIGHT)
        return line.adjusted(0, 0, -wide - 8, 0)

    def _fact_width(self, words: TileWords) -> int:
        if not words.fact:
            return 0
        icon = 22 if words.fact_icon else 0
        return icon + QFontMetrics(font(self.small_px, SEMI)).horizontalAdvance(words.fact)

    def fact(self, words: TileWords, line: QRectF, token: str) -> None:
        self.text(line, words.fact, token, self.small_px, SEMI, _RIGHT)
        if not words.fact_icon:
            return
        icon = self.theme.icon(words.fact_icon, 17, token, self.ratio)
        left = line.right() - self._fact_width(words) + 1
        self.p.drawPixmap(QPointF(left, line.center().y() - 8.5), icon)

    def selected(self, box: QRectF) -> None:
        """Ink frame and tick: shape, not blue, for blue is locked."""
        self.outline(box.adjusted(-1, -1, 1, 1), QPen(self.colour("ink"), 4), 9)
        spot = QRectF(box.right() - 20, box.top() - 5, 26, 26)
        self.p.setBrush(self.colour("ink"))
        self.p.setPen(QPen(self.colour("surface"), 2))
        self.p.drawEllipse(spot)
        icon = self.theme.icon("check", 18, "surface", self.ratio)
        self.p.drawPixmap(QPointF(spot.left() + 4, spot.top() + 4), icon)

    def gap(self, box: QRectF) -> None:
        """Draw a place where nobody sits, while seats are arranged."""
        pen = QPen(self.colour("line"), 1.5)
        pen.setDashPattern([2, 5])
        self.outline(box.adjusted(0.75, 0.75, -0.75, -0.75), pen)

    def frame(self, box: QRectF, width: float) -> None:
        """Focus ring: outside a 2 px gap, apart from selection."""
        out = 1 + width / 2
        self.outline(box.adjusted(-out, -out, out, out), QPen(self.colour("ink"), width), 11)

    def badge(self, tile: Tile, box: QRectF) -> None:
        wish = tile.wish
        raised = wish is not None and wish.kind == "hand"
        place = str(wish.place) if wish and raised and wish.place else ""
        made = font(15, BOLD)
        wide = 32 + (QFontMetrics(made).horizontalAdvance(place) + 8 if place else 0)
        spot = QRectF(box.left() - 5, box.top() - 5, wide, 32)
        self.p.setBrush(self.colour("ask"))
        self.p.setPen(QPen(self.colour("on_ask"), 2))
        self.p.drawRoundedRect(spot, 16, 16)
        icon = wish_icon(tile)
        self.p.drawPixmap(
            QPointF(spot.left() + 7, spot.top() + 7),
            self.theme.icon(icon, 18, "on_ask", self.ratio),
        )
        self.p.setFont(made)
        self.p.drawText(spot.adjusted(29, 0, 0, 0), _LEFT, place)
