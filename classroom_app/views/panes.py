"""What is looked at closely: one alone, two side by side, three or four in a square."""

from math import ceil
from typing import Final

from PySide6.QtCore import QRect, QRectF, Qt, Slot
from PySide6.QtGui import QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from classroom_app.domain.budget import BESIDE_MAX
from classroom_app.domain.tile import State
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.pane import Pane
from classroom_app.presenters.sentences import tile_words, wish_icon
from classroom_app.presenters.words import say
from classroom_app.views.strokes import fitted
from classroom_app.views.theme import Theme, font

BOLD, SEMI = QFont.Weight.Bold, QFont.Weight.DemiBold
ACROSS: Final = 2
"""Columns, where there is more than one."""
GAP: Final = 14
HEAD: Final = 34  # px, the name above each of several
EDGE: Final = 2
EDGE_ACTIVE: Final = 4
ICON: Final = 16
PILL: Final = 36
SMALL: Final = 14
PAD: Final = 12
ADVICE_WIDE: Final = 560
LOW: Final = 240  # px: below it there is no room for advice
USUAL: Final = 16 / 9
"""The shape of what has no picture yet, beside others."""


class CloseLook(QWidget):
    """Picture number `at`, as large as its shape allows; beside others with its pupil's name."""

    def __init__(self, focus: FocusPresenter, at: int, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("close-look" if at == 0 else f"close-look-{at + 1}")
        self._focus, self._at, self._theme = focus, at, theme

    def pane(self) -> Pane:
        panes = self._focus.panes
        return panes[self._at] if self._at < len(panes) else self._focus.pane

    def active(self) -> bool:
        return self._at < len(self._focus.panes) and self.pane() is self._focus.pane

    def refresh(self) -> None:
        """Say anew what is shown; and to the presenter, how much room for it there is."""
        pane, several = self.pane(), self._focus.several
        self._focus.see(self._at, self._room().size().toSize() * self.devicePixelRatioF())
        self.setAccessibleName(f"{self._focus.name(pane)}, {self._focus.state(pane)}")
        tip = say("Double click or Enter: only this one") if several else ""
        self.setToolTip("" if self._focus.control.on else tip)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.isVisible():
            self.refresh()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the click: what is done next is done to this one."""
        event.accept()
        self._focus.desk.turn_to(self.pane().key)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()
        self._focus.desk.turn_alone()

    def spot(self) -> QRectF:
        """Where the picture stands; empty while there is none to show."""
        image = self._focus.shown(self.pane())
        if image is None or self._focus.desk.wall.hidden:
            return QRectF()
        room = self._room()
        spot = fitted(image, room)
        spot.moveTop(room.top())
        return spot

    def _room(self) -> QRectF:
        head = HEAD if self._focus.several else 0
        return QRectF(self.rect()).adjusted(EDGE, EDGE + head, -EDGE, -EDGE)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        image, spot = self._focus.shown(self.pane()), self.spot()
        card = spot if not spot.isEmpty() else self._card()
        if self._focus.several:
            self._head(painter, card)
        if image is None or spot.isEmpty():
            self._without(painter, card)
        else:
            painter.drawImage(spot, image)
            if self._focus.is_stale(self.pane()):
                veil = self._theme.colour("surface")
                veil.setAlphaF(0.65)
                painter.fillRect(spot, veil)
            if not self._focus.several:
                self._edge(painter, spot, EDGE)
        if self._focus.several:
            whole = card.adjusted(0, -HEAD, 0, 0)
            self._edge(painter, whole, EDGE_ACTIVE if self.active() else 1)

    def _card(self) -> QRectF:
        """Where the words stand that are there for a picture."""
        room = self._room()
        if not self._focus.several:
            return room
        wide = min(room.width(), room.height() * USUAL)
        return QRectF(room.center().x() - wide / 2, room.top(), wide, wide / USUAL)

    def _edge(self, painter: QPainter, spot: QRectF, wide: int) -> None:
        driven = self._focus.control.on and self.active()
        token = "held" if driven else "line" if wide < EDGE else "ink"
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self._theme.colour(token), 6 if driven else wide))
        painter.drawRoundedRect(spot, 4, 4)

    def _head(self, painter: QPainter, card: QRectF) -> None:
        """Say above the picture whose it is and what it is worth; the one that is meant in ink."""
        pane = self.pane()
        fill, ink, second = "surface", "ink", "ink2"
        if self.active():
            driven = self._focus.control.on
            fill, ink = ("held", "on_held") if driven else ("ink", "surface")
            second = ink
        head = QRectF(card.left(), card.top() - HEAD, card.width(), HEAD)
        painter.fillRect(head, self._theme.colour(fill))
        room = head.adjusted(PAD, 0, -PAD, 0)
        tile = self._focus.tile(pane)
        if tile and tile.wish:
            room.setRight(room.right() - self._wish(painter, room, wish_icon(tile)))
        name = self._words(painter, room, self._focus.name(pane), 16, ink)
        room.setLeft(room.left() + name + PAD)
        icon = tile_words(tile, tile.since).icon if tile else ""
        if icon and room.width() > ICON:
            drawn = self._theme.icon(icon, ICON, second, self.devicePixelRatioF())
            painter.drawPixmap(int(room.left()), int(room.center().y()) - ICON // 2, drawn)
            room.setLeft(room.left() + ICON + 6)
        self._words(painter, room, self._focus.state(pane), 14, second)

    def _wish(self, painter: QPainter, room: QRectF, icon: str) -> int:
        """Draw at the right that this pupil wants something; return how wide it is."""
        pill = QRectF(room.right() - PILL, room.center().y() - PILL / 3, PILL, PILL * 2 / 3)
        painter.setPen(QPen(self._theme.colour("on_ask"), 1.5))
        painter.setBrush(self._theme.colour("ask"))
        painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2)
        drawn = self._theme.icon(icon, ICON, "on_ask", self.devicePixelRatioF())
        painter.drawPixmap(
            int(pill.center().x()) - ICON // 2, int(pill.center().y()) - ICON // 2, drawn
        )
        return PILL + PAD

    def _words(self, painter: QPainter, room: QRectF, text: str, pixels: int, token: str) -> int:
        """Draw one line, cut where it must be; return how wide it is."""
        painter.setFont(font(pixels, BOLD if pixels > SMALL else SEMI))
        painter.setPen(self._theme.colour(token))
        metrics = painter.fontMetrics()
        cut = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, int(room.width())))
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, middle, cut)
        return metrics.horizontalAdvance(cut)

    def _without(self, painter: QPainter, room: QRectF) -> None:
        pane = self.pane()
        tile = self._focus.tile(pane)
        locked = tile is not None and tile.state is State.LOCKED
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("held" if locked else "off1"))
        if self._focus.several:
            painter.drawRect(room)
        else:
            painter.drawRoundedRect(room, 8, 8)
        words = tile_words(tile, tile.since) if tile else None
        icon = words.icon if words and words.icon else "hourglass"
        token = "on_held" if locked else "ink"
        drawn = self._theme.icon(icon, 64, token, self.devicePixelRatioF())
        middle = room.center()
        painter.drawPixmap(int(middle.x()) - 32, int(middle.y()) - 56, drawn)
        painter.setPen(self._theme.colour(token))
        painter.setFont(font(21, BOLD))
        below = QRectF(room.left(), middle.y() + 20, room.width(), 32)
        told = self._focus.state(pane) if self._focus.several else self._focus.age()
        text = told or say("Waiting for the first picture")
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        if room.height() < LOW:
            return
        painter.setFont(font(16, QFont.Weight.Medium))
        wide = min(room.width() - 48, ADVICE_WIDE)
        advice = QRectF(middle.x() - wide / 2, below.bottom() + 4, wide, 72)
        top = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(advice, top | Qt.TextFlag.TextWordWrap, self._focus.advice(pane))


class Panes(QWidget):
    def __init__(self, focus: FocusPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._focus = focus
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusProxy(parent)
        self.looks = [CloseLook(focus, at, theme, self) for at in range(BESIDE_MAX)]
        focus.pictured.connect(self._pictured)

    def refresh(self) -> None:
        """Lay out as many as are looked at, and let each say anew what it shows."""
        spots = laid_out(max(1, len(self._focus.panes)), self.rect())
        for at, look in enumerate(self.looks):
            look.setVisible(at < len(spots))
            if at < len(spots):
                look.setGeometry(spots[at])
                look.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.refresh()

    @Slot(int)
    def _pictured(self, at: int) -> None:
        self.looks[at].update()


def laid_out(count: int, room: QRect) -> list[QRect]:
    """Return where so many pictures stand in `room`, row by row; several stand close together."""
    if count == 1:
        return [room]
    rows = ceil(count / ACROSS)
    high = (room.height() - GAP * (rows - 1)) // rows
    wide = min((room.width() - GAP) // ACROSS, max(1, round((high - HEAD) * USUAL)))
    left = room.left() + (room.width() - ACROSS * wide - GAP) // 2
    return [
        QRect(
            left + at % ACROSS * (wide + GAP),
            room.top() + at // ACROSS * (high + GAP),
            wide,
            high,
        )
        for at in range(count)
    ]
