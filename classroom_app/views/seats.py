"""Who sits where: the yes to a name chosen on a device, and the list to choose one oneself."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QFont, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.domain.tile import Tile
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.seats import Choice, Claim, choices, claims, seated_words
from classroom_app.presenters.sentences import name_of
from classroom_app.presenters.wall import folded
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import Sheet, label
from classroom_app.views.theme import Theme, font

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
ROW, ROWS_SEEN = 52, 6
NAME, NAMES_SEEN = 33, 9
PUPIL = Qt.ItemDataRole.UserRole


def answer(desk: DeskPresenter, *asked: Claim, yes: bool = True) -> None:
    """Say yes to names, or no to one: then the device offers its list again."""
    seats = [(claim.tile, claim.tile.claim if yes else "") for claim in asked]
    desk.seat(seats, seated_words(seats, desk.wall.tiles()))


class ClaimCard(QFrame):
    """In the close look: a name waits for the teacher's yes."""

    def __init__(self, focus: FocusPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("hand-card")
        self._focus, self._theme = focus, theme
        self._icon = QLabel(self)
        self._icon.setFixedWidth(26)
        self._title = label("", 18, BOLD)
        self.yes = flat("claim-yes", "main", self)
        self.no = flat("claim-no", "plain", self)
        self.yes.clicked.connect(self._yes)
        self.no.clicked.connect(self._no)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 16)
        column.setSpacing(12)
        title = QHBoxLayout()
        title.setSpacing(10)
        title.addWidget(self._icon)
        title.addWidget(self._title, 1)
        column.addLayout(title)
        row = QHBoxLayout()
        row.addWidget(self.yes, 1)
        row.addWidget(self.no, 1)
        column.addLayout(row)

    def refresh(self) -> None:
        claim = self._focus.claim()
        self.setVisible(claim is not None)
        if claim is None:
            return
        self._icon.setPixmap(self._theme.icon("user-plus", 24, "on_ask", self.devicePixelRatioF()))
        self._title.setText(say("“I am {name}.”", name=claim.name))
        self.yes.setText(say("Yes"))
        self.yes.setAccessibleName(say("Yes, {name} sits here", name=claim.name))
        self.no.setText(say("No"))
        self.no.setAccessibleName(say("No, not {name}", name=claim.name))

    @Slot()
    def _yes(self) -> None:
        self._answer(yes=True)

    @Slot()
    def _no(self) -> None:
        self._answer(yes=False)

    def _answer(self, *, yes: bool) -> None:
        claim = self._focus.claim()
        if claim is not None:
            answer(self._focus.desk, claim, yes=yes)


class ClaimRow(QWidget):
    """One name in the sheet, with its two answers; `alone`: its yes is the sheet's main button."""

    def __init__(self, claim: Claim, desk: DeskPresenter, parent: QWidget, *, alone: bool) -> None:
        super().__init__(parent)
        self.setFixedHeight(ROW)
        self.setObjectName("claim")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._claim, self._desk = claim, desk
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addStretch()
        for words, pixels, weight, kind in (
            (claim.name, 15, BOLD, ""),
            (say("at {device}", device=claim.device), 13, MEDIUM, "second"),
        ):
            line = label(words, pixels, weight, kind)
            line.setWordWrap(False)
            texts.addWidget(line)
        texts.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addLayout(texts, 1)
        self.yes = self._button(
            "row-yes",
            say("Yes"),
            say("Yes, {name} sits here", name=claim.name),
            "main" if alone else "plain",
        )
        self.no = self._button("row-no", say("No"), say("No, not {name}", name=claim.name))
        self.yes.clicked.connect(self._yes)
        self.no.clicked.connect(self._no)
        row.addWidget(self.yes)
        row.addWidget(self.no)

    def _button(self, name: str, words: str, spoken: str, kind: str = "plain") -> QPushButton:
        made = flat(name, kind, self)
        made.setText(words)
        made.setAccessibleName(spoken)
        return made

    @Slot()
    def _yes(self) -> None:
        answer(self._desk, self._claim)

    @Slot()
    def _no(self) -> None:
        answer(self._desk, self._claim, yes=False)


class SeatsSheet(Sheet):
    """All names that wait for a yes. Follows the room while it is open; empty, it closes."""

    WIDTH = 420

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        super().__init__(desk, say("Who sits where"), parent)
        hint = say("Chosen on the devices. Yes: it holds. No: the device asks again.")
        self.column.addWidget(label(hint, 14, MEDIUM, "second"))
        self._area = QScrollArea(self)
        self._area.setWidgetResizable(True)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.column.addWidget(self._area)
        self.main("claims-confirm", "", self._all)
        self._button = self.first
        self._claims: list[Claim] = []
        self.refresh()
        desk.changed.connect(self.refresh)

    @Slot()
    def refresh(self) -> None:
        found = claims(self.desk.wall.tiles())
        if not found and self._claims:
            self.close_sheet()
        if not found or found == self._claims:
            return
        self._claims = found
        rows = QWidget(self._area)
        rows.setObjectName("claims")
        column = QVBoxLayout(rows)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(0)
        held = any(one.hasFocus() for one in self.findChildren(QPushButton))
        lines = [ClaimRow(claim, self.desk, rows, alone=len(found) == 1) for claim in found]
        for line in lines:
            column.addWidget(line)
        self._area.setWidget(rows)
        self._offer(lines)
        if held:
            self.first.setFocus()
        self._area.viewport().setAutoFillBackground(False)
        self._area.setFixedHeight(ROW * min(len(found), ROWS_SEEN))
        self.adjustSize()

    def _offer(self, lines: Sequence[ClaimRow]) -> None:
        """Offer one yes for all where there are many; of one, its own yes is the button on Enter.

        Two buttons that do the same would ask which is which.
        """
        many = len(lines) > 1
        self._button.setVisible(many)
        if isinstance(self._button, QPushButton):
            self._button.setText(say("Yes to all {count}", count=len(lines)))
        self.first = self._button if many else lines[0].yes

    @Slot()
    def _all(self) -> None:
        answer(self.desk, *self._claims)


class SeatSheet(Sheet):
    """Whom the teacher seats at one device: type, choose, Enter."""

    WIDTH = 360

    def __init__(self, desk: DeskPresenter, parent: QWidget) -> None:
        self._tile = desk.one()
        title = say("Who sits here?")
        if self._tile is not None:
            title = say("Who sits here instead of {name}?", name=self._tile.name)
            if not self._tile.pupil:
                title = say("Who sits at {device}?", device=name_of(self._tile))
        super().__init__(desk, title, parent)
        self._choices = choices(desk.wall.tiles(), self._tile) if self._tile else []
        self._field = QLineEdit(self)
        self._field.setObjectName("seat-find")
        self._field.setFont(font(15))
        self._field.setPlaceholderText(say("Find a pupil"))
        self._field.setAccessibleName(say("Find a pupil"))
        self._field.textChanged.connect(self._fill)
        self._field.installEventFilter(self)
        self._list = QListWidget(self)
        self._list.setObjectName("seat-list")
        self._list.setFont(font(15, SEMI))
        self._list.setAccessibleName(title)
        self._list.itemActivated.connect(self._chosen)
        self._list.itemClicked.connect(self._chosen)
        self.column.addWidget(self._field)
        self.column.addWidget(self._list)
        self.first = self._field
        self._fill("")
        rows = min(len(self._choices), NAMES_SEEN)
        self._list.setFixedHeight(rows * max(self._list.sizeHintForRow(0), NAME) + 12)

    @Slot(str)
    def _fill(self, letters: str) -> None:
        self._list.clear()
        for choice in self._choices:
            if folded(letters.strip()) in folded(choice.name):
                item = QListWidgetItem(_line(choice), self._list)
                item.setData(PUPIL, choice.pupil)
        self._list.setCurrentRow(0)

    @Slot(QListWidgetItem)
    def _chosen(self, item: QListWidgetItem) -> None:
        tile, pupil = self._tile, str(item.data(PUPIL))
        self.close_sheet()
        if tile is not None:
            _seat(self.desk, tile, pupil)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let arrows walk the list and Enter choose while one types."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            item = self._list.currentItem()
            if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                if self._list.count():
                    self._chosen(item)
                return True
            if event.key() in {Qt.Key.Key_Up, Qt.Key.Key_Down} and self._list.count():
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                self._list.setCurrentRow((self._list.currentRow() + step) % self._list.count())
                return True
        return super().eventFilter(watched, event)


def _line(choice: Choice) -> str:
    return f"{choice.name}  ·  {choice.second}" if choice.second else choice.name


def _seat(desk: DeskPresenter, tile: Tile, pupil: str) -> None:
    seats = [(tile, pupil)]
    desk.seat(seats, seated_words(seats, desk.wall.tiles()))
