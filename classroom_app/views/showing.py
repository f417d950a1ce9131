"""The sheet of Show, and what stands in bar B while something is shown."""

from typing import Final

from PySide6.QtCore import QRect, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QWidget

from classroom_app.presenters.monitors import Side
from classroom_app.presenters.showing import Choice, Mode, ShowingPresenter
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import flat, labelled
from classroom_app.views.drawing import DrawingBoard
from classroom_app.views.picking import RegionPickers
from classroom_app.views.sheets import Sheet, label
from classroom_app.views.theme import Theme, font

SHOWN_MOST = 6
"""Choices that a low window has room for; the newest windows come first."""


class ShowSheet(Sheet):
    """Enter shows: this screen, or the pupil's who is looked at closely, over all of theirs."""

    WIDTH = 480

    def __init__(self, showing: ShowingPresenter, parent: QWidget) -> None:
        desk = showing.desk
        everyone = desk.page == "focus" or not desk.wall.selected
        scope = desk.everyone_words() if everyone else desk.scope_words()
        super().__init__(desk, say("Show to {scope}", scope=scope), parent)
        self._showing, self._everyone = showing, everyone
        self._choices = showing.choices()[:SHOWN_MOST]
        self._whats, self._hows = QButtonGroup(self), QButtonGroup(self)
        for at, choice in enumerate(self._choices):
            self._whats.addButton(self._radio(f"show-{choice.kind}", _words(choice)), at)
        first = self._likely(showing.last)
        if self._choices:
            self._whats.button(first).setChecked(True)
        else:
            told = say("The screen of this computer cannot be shown.")
            self.column.addWidget(label(told, 15, QFont.Weight.Medium))
        over = say("A window is shown as it stands on the screen, with what lies over it.")
        if any(choice.kind == "window" for choice in self._choices):
            self.column.addWidget(label(over, 13, QFont.Weight.Medium, "second"))
        self.column.addSpacing(4)
        self._hows.addButton(self._radio("show-full", say("Over the whole screen")), 0)
        in_window = say("In a window that pupils may leave")
        self._hows.addButton(self._radio("show-window-mode", in_window), 1)
        self._hows.button(0).setChecked(True)
        self.main("show-now", say("Show"), self._go)
        self.first.setEnabled(bool(self._choices))

    def _likely(self, last: Choice) -> int:
        """Return what Enter shows: the pupil who is looked at, else what was shown last."""
        for at, choice in enumerate(self._choices):
            if choice.kind == "pupil" or (choice.kind, choice.id) == (last.kind, last.id):
                return at
        return 0

    def _radio(self, name: str, words: str) -> QRadioButton:
        made = QRadioButton(words, self)
        made.setObjectName(name)
        made.setFont(font(15))
        self.column.addWidget(made)
        return made

    @Slot()
    def _go(self) -> None:
        at = self._whats.checkedId()
        if 0 <= at < len(self._choices):
            mode: Mode = "window" if self._hows.checkedId() else "full"
            choice = self._choices[at]
            if choice.kind == "region":
                self._pick(mode)
            else:
                self._showing.start(choice, mode, everyone=self._everyone)

    def _pick(self, mode: Mode) -> None:
        """Have a region drawn first, on a still without this sheet."""
        self.window().repaint()
        showing, everyone = self._showing, self._everyone
        pickers = RegionPickers()

        def picked(spot: QRect) -> None:
            area = spot.x(), spot.y(), spot.width(), spot.height()
            showing.start(Choice("region", area=area), mode, everyone=everyone)

        pickers.picked.connect(picked)
        pickers.show()
        showing.picker = pickers


class ShowButtons(QWidget):
    """Pause and Stop, beside the words of bar B."""

    def __init__(self, showing: ShowingPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._showing, self._theme = showing, theme
        self.board: DrawingBoard | None = None
        self.draw = flat("show-draw", "plain", self)
        self.pause = flat("show-pause", "plain", self)
        self.stop = flat("show-stop", "main", self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.draw)
        row.addWidget(self.pause)
        row.addWidget(self.stop)
        self.draw.clicked.connect(showing.draw)
        showing.drawing.connect(self._open_board)
        self.pause.clicked.connect(showing.pause)
        self.stop.clicked.connect(showing.stop)

    @Slot()
    def _open_board(self) -> None:
        self.board = DrawingBoard(self._showing, self._theme)
        self.board.showFullScreen()

    def refresh(self) -> None:
        on, paused = self._showing.on(), self._showing.paused()
        self.setVisible(on)
        if on:
            words = say("Go on") if paused else say("Pause")
            labelled(self.pause, self._theme, "play" if paused else "pause", words)
            labelled(self.draw, self._theme, "pencil", say("Draw"))
            self.draw.setToolTip(say("Pen, arrow, spotlight and zoom; the picture stands still"))
            self.pause.setToolTip("" if paused else say("Pupils go on seeing the picture of now"))
            self.stop.setToolTip(say("Gives all screens back"))
            self.draw.setVisible(self._showing.can_draw() and not paused)
            self.stop.setText(say("Stop showing"))
            self.stop.setAccessibleName(f"{say('Stop showing')}, {self._showing.words()}")


_SIDES: Final[dict[Side, str]] = {
    "": later("Screen {number}"),
    "here": later("My screen"),
    "left": later("Screen {number}, to the left"),
    "right": later("Screen {number}, to the right"),
    "above": later("Screen {number}, above"),
    "below": later("Screen {number}, below"),
}


def _words(choice: Choice) -> str:
    match choice.kind:
        case "pupil":
            return say("{name}'s screen, as you see it now", name=choice.name)
        case "screen":
            return say(_SIDES[choice.side], number=choice.id + 1)
        case "region":
            return say("A region of a screen…")
        case "window":
            return say("Window: {title}", title=choice.name)
