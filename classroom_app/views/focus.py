"""Pupils closely: pictures at the left, words and the class as a map at the right."""

from math import ceil

from PySide6.QtCore import QRectF, QSize, Qt, Slot
from PySide6.QtGui import (
    QFont,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.receipts import ABSENT
from classroom_app.presenters.seats import short_names
from classroom_app.presenters.sentences import foldable, tile_words, wish_icon
from classroom_app.presenters.wall import key_of
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat, labelled
from classroom_app.views.control import ControlCard, Hands
from classroom_app.views.panes import ACROSS, CloseLook, Panes
from classroom_app.views.seats import ClaimCard
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme, font

BOLD, SEMI = QFont.Weight.Bold, QFont.Weight.DemiBold
SIDE, SIDE_NARROW, NARROW = 324, 280, 1600
SCREENS_MAX = 16  # the protocol's
SCREENS_ACROSS = 4
LETTERS_PX, LETTERS_LEAST_PX = 13, 12  # on the map; the least only where three are needed
CARD_MARGIN, CARD_LINE = 16, 2  # the line is the theme's
STEPS = {Qt.Key.Key_Left.value: -1, Qt.Key.Key_Right.value: 1}
STEPS_BESIDE = {**STEPS, Qt.Key.Key_Up.value: -ACROSS, Qt.Key.Key_Down.value: ACROSS}
_FAILED = frozenset({State.NOT_COVERED, State.CLOCK, State.TWIN})


class ClassMap(QWidget):
    """The class as small seats with the wall's shapes and colours; a click hops there."""

    COLUMNS, COLUMNS_MOST, GAP, HEIGHT = 7, 10, 8, 34
    GAP_NARROW, LEAST = 4, 22  # px; two letters still stand in a seat of that size
    ROWS_KEPT = 5  # whatever else stands above

    def __init__(self, focus: FocusPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._focus, self._theme = focus, theme
        self.setAccessibleName(say("The class"))
        self.setMouseTracking(True)

    def spots(self) -> list[tuple[Tile, QRectF]]:
        """Where each seat stands on the map."""
        tiles = self._focus.desk.wall.tiles()
        columns, high = self._grid(len(tiles))
        gap = self.GAP if columns == self.COLUMNS else self.GAP_NARROW
        wide = (self.width() - gap * (columns - 1)) / columns
        return [
            (
                tile,
                QRectF(
                    (at % columns) * (wide + gap) + 1,
                    (at // columns) * high + 1,
                    wide - 2,
                    high - (8 if high > self.HEIGHT else 4),
                ),
            )
            for at, tile in enumerate(tiles)
        ]

    def _grid(self, count: int) -> tuple[int, float]:
        """Return how many columns, and px from row to row, so that every seat can be seen.

        A large class in a low window stands closer, with more seats in a row.
        """
        columns, high = self.COLUMNS, 0.0
        for columns in range(self.COLUMNS, self.COLUMNS_MOST + 1):
            high = min(self.HEIGHT + 6.0, self.height() / max(1, ceil(count / columns)))
            if high >= self.LEAST + 6:
                break
        return columns, high

    def sizeHint(self) -> QSize:
        rows = ceil(len(self._focus.desk.wall.tiles()) / self.COLUMNS)
        return QSize(200, max(1, rows) * (self.HEIGHT + 6))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, min(self.sizeHint().height(), self.ROWS_KEPT * (self.HEIGHT + 6)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for tile, spot in self.spots():
            if spot.contains(event.position()):
                self._focus.desk.reveal(key_of(tile))
                return

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shorts = short_names(self._focus.desk.wall.tiles())
        for tile, spot in self.spots():
            self._seat(painter, tile, spot, shorts[key_of(tile)])

    def _seat(self, painter: QPainter, tile: Tile, spot: QRectF, short: str) -> None:
        fill, edge, ink = self._look(tile)
        pen = QPen(self._theme.colour(edge), 1.5)
        if tile.state in ABSENT:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(self._theme.colour(fill))
        radius = spot.height() / 2 if fill == "ask" else 6
        painter.drawRoundedRect(spot, radius, radius)
        icon = self._icon(tile)
        if icon and fill != "ink":
            drawn = self._theme.icon(icon, 16, ink, self.devicePixelRatioF())
            painter.drawPixmap(int(spot.center().x()) - 8, int(spot.center().y()) - 8, drawn)
            return
        painter.setPen(self._theme.colour(ink))
        painter.setFont(font(LETTERS_PX, SEMI))
        wide = painter.fontMetrics().horizontalAdvance(short)
        if wide > spot.width() - 6:
            painter.setFont(font(LETTERS_LEAST_PX, SEMI))
        painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, short)

    def _look(self, tile: Tile) -> tuple[str, str, str]:
        """Return the tokens of fill, edge and ink."""
        if key_of(tile) == self._focus.desk.focused:
            return "ink", "ink", "surface"
        if key_of(tile) in self._focus.desk.looked_at() and not (tile.wish or tile.claim):
            return "press", "ink", "ink"
        if tile.wish or tile.claim:
            return "ask", "on_ask", "on_ask"
        if tile.state in _FAILED:
            return "fail", "failline", "on_fail"
        if tile.state is State.LOCKED:
            return "held", "held", "on_held"
        if tile.state in ABSENT:
            return "off1", "line", "ink2"
        return "surface", "hair", "ink"

    def _icon(self, tile: Tile) -> str:
        if tile.wish or tile.claim:
            return wish_icon(tile)
        if tile.state in {*_FAILED, State.GONE, State.LOCKED}:
            return tile_words(tile, tile.since).icon
        return ""


class PupilWords(QScrollArea):
    """A pupil's words: all their lines where there is room, else they scroll."""

    KEPT = 66  # px, three lines

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.text = label("", 15, QFont.Weight.Medium)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWidget(self.text)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for ground in (self.viewport(), self.text):
            ground.setAutoFillBackground(False)

    def sizeHint(self) -> QSize:
        return QSize(0, self.maximumHeight())

    def show_words(self, words: str, width: int) -> None:
        """Show `words` in lines of `width` px, or nothing where there are none."""
        self.text.setText(words)
        needed = max(0, self.text.heightForWidth(width))  # -1: no words
        self.setMaximumHeight(needed)
        self.setMinimumHeight(min(needed, self.KEPT))
        self.setVisible(bool(words))


class FocusView(QWidget):
    def __init__(self, focus: FocusPresenter, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.presenter = focus
        self._focus, self._theme = focus, theme
        self.panes = Panes(focus, theme, self)
        self.side = QWidget(self)
        self.map = ClassMap(focus, theme, self.side)
        self._hand_card()
        self.claim = ClaimCard(focus, theme, self.side)
        self.control = ControlCard(focus.control, theme, self.side)
        self.control.take.clicked.connect(focus.drive)
        self._hands = [
            Hands(focus.control, look, look.spot, look.active) for look in self.panes.looks
        ]
        self.seat = flat("seat", "plain", self.side)
        self.seat.clicked.connect(self._ask_seat)
        self.again = flat("look-again", "main", self.side)
        self.again.clicked.connect(focus.look_again)
        self.keep = flat("keep-picture", "plain", self.side)
        self.keep.clicked.connect(focus.keep)
        self.alone = flat("only-this", "plain", self.side)
        self.alone.clicked.connect(focus.desk.turn_alone)
        self.check = flat("why-gone", "main", self.side)
        self.check.clicked.connect(self._ask_check)
        self.facts = label("", 14, SEMI, "second")
        self._screens()
        self._lay_out()
        for button in self.side.findChildren(QPushButton):
            # A click leaves the keyboard to the view: its arrows go on to the next seat.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        focus.changed.connect(self.refresh)

    @property
    def look(self) -> CloseLook:
        """The picture that keys, words and acts are about."""
        return next((each for each in self.panes.looks if each.active()), self.panes.looks[0])

    def _lay_out(self) -> None:
        column = QVBoxLayout(self.side)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(14)
        column.addWidget(self.claim)
        column.addWidget(self.hand)
        column.addWidget(self.screens)
        column.addWidget(self.facts)
        column.addWidget(self.control)
        column.addWidget(self.again)
        column.addWidget(self.keep)
        column.addWidget(self.alone)
        column.addWidget(self.check)
        column.addWidget(self.seat)
        column.addStretch(1)  # a card is as high as its words, however much room is left
        heading = QHBoxLayout()
        self.map_title = label("", 14, SEMI, "second")
        self.map_hint = label("", 13, SEMI, "second")
        for words in (self.map_title, self.map_hint):
            words.setWordWrap(False)
        heading.addWidget(self.map_title)
        heading.addStretch()
        heading.addWidget(self.map_hint)
        column.addLayout(heading)
        column.addWidget(self.map)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 16, 12)
        row.setSpacing(20)
        row.addWidget(self.panes, 1)
        row.addWidget(self.side)

    def _hand_card(self) -> None:
        self.hand = QFrame(self.side)
        self.hand.setObjectName("hand-card")
        self.hand_title = label("", 18, BOLD)
        self.hand_words = PupilWords(self.hand)
        self.reply = flat("reply", "main", self.hand)
        self.answered = flat("answered", "plain", self.hand)
        self.reply.clicked.connect(self._reply)
        self.answered.clicked.connect(self._answered)
        column = QVBoxLayout(self.hand)
        column.setContentsMargins(CARD_MARGIN, 14, CARD_MARGIN, 16)
        column.setSpacing(10)
        title = QHBoxLayout()
        title.setSpacing(10)
        self.hand_icon = QLabel(self.hand)
        self.hand_icon.setFixedWidth(26)
        title.addWidget(self.hand_icon)
        title.addWidget(self.hand_title, 1)
        column.addLayout(title)
        column.addWidget(self.hand_words)
        row = QHBoxLayout()
        row.addWidget(self.reply)
        row.addWidget(self.answered)
        column.addLayout(row)

    def _screens(self) -> None:
        self.screens = QWidget(self.side)
        self._chosen = QButtonGroup(self)
        self._screen_buttons: list[QPushButton] = []
        self._grid = QGridLayout(self.screens)
        self._grid.setContentsMargins(0, 0, 0, 0)
        for number in range(SCREENS_MAX):
            button = flat(f"screen-{number + 1}", "plain", self.screens)
            button.setCheckable(True)
            self._chosen.addButton(button, number)
            self._screen_buttons.append(button)
            self._grid.addWidget(button, *divmod(number, SCREENS_ACROSS))
        self._chosen.idClicked.connect(self._focus.choose_screen)

    @Slot()
    def _reply(self) -> None:
        self._focus.desk.ask("message")

    def _likely(self) -> None:
        """Press the main button of whatever this pupil wants; else show who is beside again."""
        for button in (self.claim.yes, self.reply, self.again, self.check):
            if button.isVisible():
                button.click()
                return
        self._focus.desk.turn_alone()

    @Slot()
    def keep_shown(self) -> None:
        """Press the button, where it can be seen."""
        if self.keep.isVisible():
            self.keep.click()

    @Slot()
    def drive(self) -> None:
        """Press the button, where it can be seen."""
        if self.control.take.isVisible():
            self.control.take.click()

    @Slot()
    def _ask_check(self) -> None:
        self._focus.desk.check(self._focus.desk.focused)

    @Slot()
    def _ask_seat(self) -> None:
        self._focus.desk.ask("seat")

    @Slot()
    def _answered(self) -> None:
        self._focus.desk.answer_hand(self._focus.desk.focused)

    @Slot()
    def refresh(self) -> None:
        if not self.isVisible():
            return
        self.side.setFixedWidth(SIDE if self.window().width() >= NARROW else SIDE_NARROW)
        tile, hidden = self._focus.tile(), self._focus.desk.wall.hidden
        title = self._focus.hand_title()
        self.hand.setVisible(bool(title))
        self.hand_title.setText(title)
        icon = wish_icon(tile) if tile and tile.wish else "hand"
        self.hand_icon.setPixmap(self._theme.icon(icon, 24, "on_ask", self.devicePixelRatioF()))
        text = tile.wish.text if tile and tile.wish and not hidden else ""
        words = say("“{text}”", text=foldable(text)) if text else ""
        self.hand_words.show_words(words, self.side.width() - 2 * (CARD_MARGIN + CARD_LINE))
        self.claim.refresh()
        self.control.refresh()
        self._refresh_acts(tile)
        self._refresh_screens()
        facts = "" if hidden else self._focus.facts()
        self.facts.setText(facts)
        self.facts.setVisible(bool(facts))
        self.map_title.setText(say("The class"))
        self.map_hint.setText("" if self._focus.control.on else say("← → next seat"))
        self.map.updateGeometry()
        self.map.update()
        self.panes.refresh()

    def _refresh_acts(self, tile: Tile | None) -> None:
        hidden = self._focus.desk.wall.hidden
        self.seat.setVisible(self._focus.can_seat())
        labelled(self.seat, self._theme, "user-plus", say("Who sits here…"))
        self.check.setVisible(tile is not None and tile.state in ABSENT)
        self.again.setVisible(self._focus.pane.over)
        self.keep.setVisible(self._focus.can_keep() and not hidden)
        labelled(self.keep, self._theme, "folder-down", say("Keep a picture"))
        self.keep.setToolTip(say("Ctrl+S: kept for this lesson; the screen there says so"))
        self.alone.setVisible(len(self._focus.desk.beside) > 1)
        if self._focus.several:
            labelled(self.alone, self._theme, "monitor", say("Only this one"))
        else:
            labelled(self.alone, self._theme, "layout-grid", say("Side by side again"))
        self.alone.setToolTip(say("Ctrl+Enter, or a double click on the picture"))
        labelled(self.again, self._theme, "eye", say("Look closely again"), "surface")
        labelled(self.check, self._theme, "wifi", say("Why not here?"), "surface")
        self.reply.setText(say("Reply"))
        self.answered.setText(say("Answered"))

    def _refresh_screens(self) -> None:
        self.screens.setVisible(self._focus.screens() > 1)
        for column in range(SCREENS_ACROSS):
            self._grid.setColumnStretch(column, column < self._focus.screens())
        for number, button in enumerate(self._screen_buttons):
            name = say("Screen {number}", number=number + 1)
            chosen = number == self._focus.pane.screen
            token = "surface" if chosen else "ink"
            labelled(button, self._theme, "monitor", str(number + 1), token)
            button.setAccessibleName(name)
            button.setToolTip(name)
            button.setVisible(number < self._focus.screens())
            button.setChecked(chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = STEPS_BESIDE if self._focus.several else STEPS
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._focus.desk.turn_alone() if self._focus.several else self._likely()
        elif by := steps.get(event.key()):
            self._focus.step(by)
        else:
            super().keyPressEvent(event)
