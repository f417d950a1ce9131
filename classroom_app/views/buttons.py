"""Buttons that a style sheet cannot draw: two-line acts and chips."""

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFont,
    QFontMetrics,
    QIcon,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from classroom_app.presenters.chips import Chip, spoken_chip
from classroom_app.views.theme import Theme, font

BOLD, SEMI = QFont.Weight.Bold, QFont.Weight.DemiBold


def flat(name: str, kind: str = "flat", parent: QWidget | None = None) -> QPushButton:
    """Make a tool button of bar D or a sheet; `kind` picks its look in the style sheet."""
    made = QPushButton(parent)
    made.setObjectName(name)
    made.setProperty("kind", kind)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.setFont(font(14, SEMI))
    return made


def labelled(button: QPushButton, theme: Theme, icon: str, words: str, token: str = "ink") -> None:  # noqa: S107 - a colour
    """Give a tool its tinted icon and its words, a little apart."""
    ratio = button.devicePixelRatioF()
    look = f"{icon} {token} {theme.name} {ratio} {words}"
    if button.property("look") == look:
        return  # an icon set again lays out and paints the whole bar again
    button.setProperty("look", look)
    button.setAccessibleName(words)
    button.setText(f" {words}" if words else "")
    button.setIconSize(QSize(18, 18))
    button.setIcon(QIcon(theme.icon(icon, 18, token, ratio)))


class GivingButton(QPushButton):
    """A tool that gives way where its bar is full: its words are elided at their end."""

    KEEPS = 160

    def __init__(self, name: str, kind: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("kind", kind)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFont(font(14, SEMI))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), self.KEEPS), hint.height())

    def shown(self) -> str:
        """Return its words as far as there is room for them."""
        lacks = self.sizeHint().width() - self.width()
        if lacks <= 0:
            return self.text()
        metrics = self.fontMetrics()
        room = metrics.horizontalAdvance(self.text()) - lacks
        return metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, max(0, room))

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = self.shown()
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)


class MenuButton(QPushButton):
    """A tool of bar D that opens a menu: it ends in a chevron."""

    CHEVRON = 16

    def __init__(self, name: str, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("kind", "flat")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFont(font(14, SEMI))
        self._theme = theme

    def sizeHint(self) -> QSize:
        return super().sizeHint() + QSize(self.CHEVRON, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        icon = self._theme.icon("chevron-down", self.CHEVRON, "ink2", self.devicePixelRatioF())
        top = (self.height() - self.CHEVRON) // 2
        painter.drawPixmap(QPoint(self.width() - self.CHEVRON - 6, top), icon)


class ClassButton(QAbstractButton):
    """The class's name; opens the list of classes."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("class")
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        words = QFontMetrics(font(22, BOLD)).horizontalAdvance(self.text())
        return QSize(min(words, 220) + 26, 30)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setFont(font(22, BOLD))
        painter.setPen(self._theme.colour("ink"))
        room = self.width() - 26
        shown = QFontMetrics(painter.font()).elidedText(
            self.text(), Qt.TextElideMode.ElideRight, room + 1
        )
        painter.drawText(
            QRectF(0, 0, room + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, shown
        )
        icon = self._theme.icon("chevron-down", 18, "ink2", self.devicePixelRatioF())
        painter.drawPixmap(QPoint(self.width() - 20, 7), icon)
        if self.hasFocus():
            painter.setPen(QPen(self._theme.colour("ink"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 6, 6)


class ActButton(QAbstractButton):
    """An act: icon, word, and below it whom it will touch.

    `look` is "held" (the likely next act, blue), "ink" (likely, dark), "wash" (in force), "quiet",
    "plain" or "outline".
    """

    HEIGHT = 56

    def __init__(self, theme: Theme, name: str, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._theme, self._icon = theme, icon
        self.look, self.second = "plain", ""
        self.room = 0  # px kept for the second line: whom an act touches moves no button
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def say(self, word: str, second: str, look: str, tip: str) -> None:
        if (word, second, look, tip) == (self.text(), self.second, self.look, self.toolTip()):
            return
        self.setText(word)
        self.second, self.look = second, look
        self.setAccessibleName(f"{word} {second}".strip())
        self.setToolTip(tip)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        if not self.text():
            return QSize(14 + 24 + 14, self.HEIGHT)
        words = QFontMetrics(font(16, SEMI)).horizontalAdvance(self.text())
        below = QFontMetrics(font(13, SEMI)).horizontalAdvance(self.second)
        kept = max(below, self.room) if self.second else 0
        return QSize(14 + 24 + 10 + max(words, kept) + 16, self.HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _colours(self) -> tuple[QColor, QColor, QColor, str]:
        """Return fill, edge, second line and the token of the words."""
        c = self._theme.colour
        match self.look:
            case "held":
                return c("held"), c("held"), c("on_held"), "on_held"
            case "ink":
                return c("ink"), c("ink"), c("surface"), "surface"
            case "wash":
                return c("press"), c("held"), c("ink"), "ink"
            case "quiet":
                return c("surface"), c("hair"), c("ink2"), "ink2"
            case "outline":
                return c("surface"), c("ink"), c("ink2"), "ink"
            case _:
                return c("btn"), c("line"), c("ink2"), "ink"

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill, edge, second, word = self._colours()
        if not self.isEnabled():
            painter.setOpacity(0.45)
        if self.isDown() or self.underMouse():
            fill = fill.darker(106) if self._theme.name == "light" else fill.lighter(112)
        width = 2.0 if self.look in {"wash", "outline"} else 1.0
        box = QRectF(self.rect()).adjusted(width / 2, width / 2, -width / 2, -width / 2)
        painter.setPen(QPen(edge, width))
        painter.setBrush(fill)
        painter.drawRoundedRect(box, 10, 10)
        ratio = self.devicePixelRatioF()
        painter.drawPixmap(QPoint(14, 16), self._theme.icon(self._icon, 24, word, ratio))
        painter.setPen(self._theme.colour(word))
        painter.setFont(font(16, SEMI))
        top = QRectF(48, 8, self.width() - 52, 22)
        if not self.second:
            top = QRectF(48, 0, self.width() - 52, self.HEIGHT)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(top, left, self.text())
        painter.setPen(second)
        painter.setFont(font(13, SEMI))
        painter.drawText(QRectF(48, 30, self.width() - 52, 18), left, self.second)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            ring = "on_held" if self.look == "held" else word
            painter.setPen(QPen(self._theme.colour(ring), 3))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4.5, 4.5, -4.5, -4.5), 6, 6)


class HoldButton(ActButton):
    """An act with a choice behind it: press and hold, a right click, the menu key, or Down."""

    HOLD_MS, CHEVRON = 500, 12

    held = Signal()

    def __init__(self, theme: Theme, name: str, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(theme, name, icon, parent)
        self._holding = QTimer(self, singleShot=True, interval=self.HOLD_MS)
        self._holding.timeout.connect(self._hold)

    def sizeHint(self) -> QSize:
        return super().sizeHint() + QSize(self.CHEVRON, 0)

    @Slot()
    def _hold(self) -> None:
        if self.isDown():
            self.setDown(False)  # so that letting go is no click
            self.held.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() is Qt.MouseButton.LeftButton:
            self._holding.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._holding.stop()
        super().mouseReleaseEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.accept()
        self.held.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Down:
            self.held.emit()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        if not self.isEnabled():
            painter.setOpacity(0.45)
        token = "on_held" if self.look == "held" else "ink2"
        icon = self._theme.icon("chevron-down", self.CHEVRON, token, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(self.width() - self.CHEVRON - 8, 14), icon)


class ChipButton(QAbstractButton):
    """Somebody or something that needs the teacher: round, square or dashed."""

    HEIGHT = 36

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.chip: Chip | None = None
        self._come = 1.0
        self.setObjectName("chip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_chip(self, chip: Chip, hide_words: bool = False) -> None:  # noqa: FBT001, FBT002
        words = "" if hide_words else chip.words
        if self.chip == chip and self.text() == words:
            return
        self.chip = chip
        self.setText(words)
        self.setAccessibleName(spoken_chip(chip))
        self.updateGeometry()
        self.update()

    def slide(self, come: float) -> None:
        """Show so much of the way in from the right: 0.0 nothing yet, 1.0 all."""
        if come != self._come:
            self._come = come
            self.update()

    def sizeHint(self) -> QSize:
        if self.chip is None:
            return QSize(0, self.HEIGHT)
        name = QFontMetrics(font(15, BOLD)).horizontalAdvance(self.chip.name)
        words = QFontMetrics(font(14, SEMI)).horizontalAdvance(self.text())
        return QSize(12 + 20 + 7 + name + (7 if words else 0) + words + 13, self.HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        if self.chip is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate((1 - self._come) * self.width(), 0)
        word = {"ask": "on_ask", "fail": "on_fail"}.get(self.chip.kind, "ink")
        edge = {"ask": "on_ask", "fail": "failline"}.get(self.chip.kind, "line")
        pen = QPen(self._theme.colour(edge), 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.chip.kind == "gone":
            pen.setStyle(Qt.PenStyle.DashLine)
        else:
            painter.setBrush(self._theme.colour(self.chip.kind))
        painter.setPen(pen)
        radius = self.HEIGHT / 2 - 1 if self.chip.kind == "ask" else 6
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), radius, radius)
        icon = self._theme.icon(self.chip.icon, 20, word, self.devicePixelRatioF())
        painter.drawPixmap(QPoint(12, 8), icon)
        painter.setPen(self._theme.colour(word))
        painter.setFont(font(15, BOLD))
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        name = QFontMetrics(font(15, BOLD)).horizontalAdvance(self.chip.name)
        painter.drawText(QRectF(39, 0, name + 4, self.HEIGHT), left, self.chip.name)
        painter.setFont(font(14, SEMI))
        painter.drawText(
            QRectF(46 + name, 0, self.width() - 46 - name, self.HEIGHT), left, self.text()
        )
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour(word), 3))
            inner = QRectF(self.rect()).adjusted(4, 4, -4, -4)
            painter.drawRoundedRect(inner, max(3, radius - 3), max(3, radius - 3))
