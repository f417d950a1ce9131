"""Bars A, B and D: acts, what happened, tools. They paint what the desk says."""

from html import escape

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QFont, QFontMetrics, QIcon, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.chips import News
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.sentences import name_of
from classroom_app.presenters.showing import ShowingPresenter
from classroom_app.presenters.wall import ORDERS, ZOOMS
from classroom_app.presenters.words import later, say
from classroom_app.views.buttons import (
    ActButton,
    ChipButton,
    ClassButton,
    GivingButton,
    HoldButton,
    MenuButton,
    flat,
    labelled,
)
from classroom_app.views.groups import GroupsMenu
from classroom_app.views.motion import CHIP_MS, Motion, eased
from classroom_app.views.showing import ShowButtons
from classroom_app.views.theme import Theme, font

BOLD, SEMI = QFont.Weight.Bold, QFont.Weight.DemiBold
NARROW, FACTS_FROM = 1200, 1600
ALL_ACTS_FROM, SECOND_FROM = 1280, 1366
"""Below it Message and Show stand behind the three dots; below that whom an act touches is said
of Lock and Free alone: the words of no language are cut.
"""
FIND, FIND_NARROW = 200, 160
SCOPE_PX = 80  # "tous les 100", "100 gewählt", "Camille only"
HEADLINE = 480
"""What happened, and how often, is read before the names beside it."""
_ORDER_WORDS = {
    "seats": later("Order: seats"),
    "name": later("Order: names"),
    "attention": later("Order: who needs me"),
    "needing": later("Only who needs me"),
}


class OneLine(QLabel):
    """A line that gives way: elided where the bar is full, never wider than its words.

    It gives way down to `keeps` pixels.
    """

    def __init__(
        self, pixels: int, weight: QFont.Weight, kind: str = "", *, keeps: int = 0
    ) -> None:
        super().__init__()
        self._keeps = keeps
        self.setFont(font(pixels, weight))
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("kind", kind)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), self._keeps), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideRight, self.width() + 1
        )
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, shown)


class BarA(QWidget):
    """Acts: each says whom it will touch, and never changes its place."""

    def __init__(self, desk: DeskPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("bar-a")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(72)
        self._desk, self._theme = desk, theme
        self.class_button = ClassButton(theme, self)
        self.left = MenuButton("time-left", theme, self)
        self.left.setFont(font(15, QFont.Weight.Medium))
        self.lock = HoldButton(theme, "lock", "lock", self)
        self.free = ActButton(theme, "free", "lock-open", self)
        self.hand_out = ActButton(theme, "hand-out", "send", self)
        self.collect = ActButton(theme, "collect", "inbox", self)
        self.message = ActButton(theme, "message", "message-square", self)
        self.show_screen = ActButton(theme, "show", "screen-share", self)
        self.more = ActButton(theme, "more", "ellipsis", self)
        self.end = ActButton(theme, "end", "flag", self)
        for act in (self.lock, self.free, self.hand_out, self.collect, self.message):
            act.room = SCOPE_PX
        self._lay_out()
        self.lock.clicked.connect(desk.lock)
        self.free.clicked.connect(desk.free)
        self.end.clicked.connect(desk.end)

    def _lay_out(self) -> None:
        column = QVBoxLayout()
        column.setSpacing(0)
        column.setContentsMargins(0, 9, 0, 10)
        column.addWidget(self.class_button, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.left, alignment=Qt.AlignmentFlag.AlignLeft)
        self._names = box = QWidget(self)
        box.setLayout(column)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(7)
        row.addWidget(box)
        row.addWidget(self.lock)
        row.addWidget(self.free)
        row.addSpacing(10)
        acts = (self.hand_out, self.collect, self.message, self.show_screen, self.more)
        for button in acts:
            row.addWidget(button)
        row.addStretch()
        row.addWidget(self.end)

    def _scope(self) -> str:
        """Return whom an act touches, in the room that a button has for it."""
        words, metrics = self._desk.scope_words(), QFontMetrics(font(13, SEMI))
        if metrics.horizontalAdvance(words) <= SCOPE_PX:
            return words
        scope = self._desk.scope()
        if len(scope) == 1:
            name = name_of(scope[0])
            return metrics.elidedText(name, Qt.TextElideMode.ElideRight, SCOPE_PX)
        return say("{n} pupils chosen", len(scope))

    def _lock_tip(self) -> str:
        """Say which sentence goes, and how to choose another. The first line is no rich text."""
        sentence = self._desk.sentence
        says = [say("Pupils read: “{text}”", text=sentence)] if sentence else []
        return "\n".join(["Ctrl+L", *says, say("Press and hold, or ↓: the sentence shown")])

    @Slot()
    def refresh(self) -> None:
        desk = self._desk
        scope, locks = self._scope(), desk.locks_next()
        wide = self.window().width() >= SECOND_FROM
        below = scope if wide else ""
        self._names.setMinimumWidth(172 if wide else 120)
        for act in (self.message, self.show_screen):
            act.setVisible(self.window().width() >= ALL_ACTS_FROM)
        if self.class_button.text() != desk.class_name():
            self.class_button.setText(desk.class_name())
            self.class_button.updateGeometry()
        self.class_button.setAccessibleName(say("Class {name}, change", name=desk.class_name()))
        self.left.setText(desk.time_left())
        self.left.setVisible(desk.lesson is not None)
        self.left.setAccessibleName(say("{left}, change the end", left=desk.time_left()))
        self.left.setToolTip(say("The lesson ends at {time}", time=desk.ends()))
        self.lock.say(say("Lock"), scope, "held" if locks else "wash", self._lock_tip())
        self.lock.setAccessibleDescription(self._lock_tip())
        free = "ink" if not locks else "plain" if desk.frees_somebody() else "quiet"
        self.free.say(say("Free"), scope, free, "Ctrl+Shift+L")
        self.hand_out.say(say("Hand out"), below, "plain", "Ctrl+D")
        self.collect.say(say("Collect"), below, "plain", "Ctrl+R")
        self.message.say(say("Message"), below, "plain", "Ctrl+M")
        shown = say("a screen") if desk.page == "focus" else say("my screen")
        self.show_screen.say(say("Show"), shown if below else "", "plain", "Ctrl+P")
        self.more.say(say("More") if wide else "", "", "plain", "Ctrl+K")
        self.more.setAccessibleName(say("More"))
        self.end.say(say("End"), say("the lesson"), "outline", "Ctrl+Shift+E")
        acts = (self.hand_out, self.collect, self.message, self.show_screen)
        for button in (self.lock, self.free, *acts, self.end):
            button.setEnabled(desk.enabled())
        self.end.setEnabled(desk.lesson is not None)


class BarB(QWidget):
    """What happened, with Undo, and who needs the teacher."""

    CHIPS, CHIPS_WIDE = 3, 5

    chips_came = Signal(object)  # frozenset[str]: the seats they are about

    def __init__(  # noqa: PLR0915 - makes one of each and lays them in a row
        self,
        desk: DeskPresenter,
        focus: FocusPresenter,
        showing: ShowingPresenter,
        theme: Theme,
        motion: Motion,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setFixedHeight(48)
        self._desk, self._focus, self._theme, self._motion = desk, focus, theme, motion
        self._showing = showing
        self._news, self._sliding = News(), dict[str, float]()
        self.home = flat("wall-button", "plain", self)
        self.home.clicked.connect(desk.go_home)
        self.text = OneLine(21, BOLD, keeps=HEADLINE)
        self.text.setObjectName("sentence")
        self.second = OneLine(15, QFont.Weight.Medium, "second")
        self.undo = flat("undo", "plain", self)
        self.undo.setFont(font(15, SEMI))
        self.undo.clicked.connect(desk.undo)
        self.stop = flat("stop-pictures", "plain", self)
        self.stop.setFont(font(15, SEMI))
        self.stop.clicked.connect(desk.stop_pictures)
        self.shown = ShowButtons(showing, theme, self)
        self.together = flat("side-by-side", "plain", self)
        self.together.clicked.connect(desk.look_closely)
        self.why = flat("why-missing", "flat", self)
        self.why.clicked.connect(self._ask_why)
        self.chips = [ChipButton(theme, self) for _ in range(self.CHIPS_WIDE)]
        self.rest = flat("more-chips", "flat", self)
        self.rest.clicked.connect(self._next)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(10)
        row.addWidget(self.home)
        row.addWidget(self.text)
        row.addWidget(self.second)
        row.addWidget(self.undo)
        row.addWidget(self.together)
        row.addWidget(self.stop)
        row.addWidget(self.shown)
        row.addWidget(self.why)
        row.addStretch(1)
        for chip in self.chips:
            row.addWidget(chip)
            chip.clicked.connect(self._go)
        row.addWidget(self.rest)

    @Slot()
    def _go(self) -> None:
        for button in self.chips:
            if button is self.sender() and button.chip:
                if button.chip.sheet:
                    self._desk.ask(button.chip.sheet)
                else:
                    self._desk.reveal(button.chip.key)
                return

    def chip_of(self, sheet: str) -> QWidget | None:
        """Return the chip that opens this sheet, where it is seen."""
        for button in self.chips:
            if button.isVisible() and button.chip and button.chip.sheet == sheet:
                return button
        return None

    @Slot()
    def _ask_why(self) -> None:
        absent = self._desk.said().absent
        self._desk.check(absent[0] if len(absent) == 1 else "")

    @Slot()
    def _next(self) -> None:
        self._desk.next_chip()

    @Slot()
    def refresh(self) -> None:
        in_focus = self._desk.page == "focus"
        said = self._desk.said()
        taken = self._focus.control.on or self._desk.alone  # Esc is the pupil's, or shows all again
        home = say("Wall") if taken else say("Wall (Esc)")
        labelled(self.home, self._theme, "layout-grid", home)
        self.home.setVisible(in_focus or self._desk.page == "journal")
        text, second = (said.text, said.second) if said.undo else self._told()
        self.text.setText(text)
        self.second.setText(second)
        self.text.setToolTip(f"<qt>{escape(text)}</qt>" if text else "")
        # Rich text that says it is: else Qt guesses by words that a device may have said.
        self.second.setToolTip(f"<qt>{escape(second)}</qt>" if second else "")
        self.shown.refresh()
        labelled(self.undo, self._theme, "undo-2", say("Undo"))
        self.undo.setVisible(said.undo)
        on_wall = self._desk.page == "wall" and not self._desk.seating.on
        fits = self._desk.fits_beside(len(self._desk.wall.selected))
        labelled(self.together, self._theme, "layout-grid", say("Side by side"))
        self.together.setToolTip(say("Ctrl+Enter, or a double click on one of them: look closely"))
        self.together.setVisible(on_wall and fits)
        labelled(self.stop, self._theme, "x", say("Stop"))
        self.stop.setVisible(said.stop)
        self.why.setText(say("Why?"))
        self.why.setAccessibleName(say("Why not here? Connection check"))
        asks = self._desk.page == "wall" and not self._showing.on()
        self.why.setVisible(bool(said.absent) and asks)
        self._show_chips()

    def _told(self) -> tuple[str, str]:
        """Return what the page is about: the show that is on, who is looked at, the class."""
        said, showing = self._desk.said(), self._showing
        if showing.on() and showing.of_another():
            return self._focus.name(), showing.words()
        if showing.on():
            parts = showing.second(), self._desk.news()
            return showing.words(), " · ".join(part for part in parts if part)
        if self._desk.page == "focus":
            return self._focus.name(), self._focus.beside_name()
        return said.text, said.second

    def _show_chips(self) -> None:
        found = self._desk.chips()
        if came := self._news.of(found):
            self._slide_in([chip.id for chip in came])
            self.chips_came.emit(frozenset(chip.key for chip in came))
        wide = self.window().width() >= FACTS_FROM
        # Whom it is that is shown must be read whole.
        room = self.CHIPS_WIDE if wide else self.CHIPS - self._showing.on()
        for at, button in enumerate(self.chips):
            shown = at < min(room, len(found))
            if shown:
                button.show_chip(found[at], self._desk.wall.hidden)
                button.slide(self._sliding.get(found[at].id, 1.0))
            button.setVisible(shown)
        more = len(found) - room
        self.rest.setVisible(more > 0)
        self.rest.setText(say("+{count}", count=more))
        self.rest.setAccessibleName(say("{n} more need you", max(0, more)))

    def _slide_in(self, came: list[str]) -> None:
        def step(done: float) -> None:
            self._sliding |= dict.fromkeys(came, eased(done))
            for button in self.chips:
                if button.chip and button.chip.id in came:
                    button.slide(self._sliding[button.chip.id])
            if done == 1.0:
                self._sliding = {k: at for k, at in self._sliding.items() if k not in came}

        self._motion.start(CHIP_MS, step)


class BarD(QWidget):
    """Tools, quiet: find, order, size, hide, facts, journal, school."""

    def __init__(self, desk: DeskPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("bar-d")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(40)
        self._desk, self._theme = desk, theme
        self.finder = QLineEdit(self)
        self.finder.setObjectName("find")
        self.finder.setFixedSize(FIND, 30)
        self.finder.setFont(font(14))
        self.finder.setMaxLength(40)
        self._glass = QAction(self)
        self.finder.addAction(self._glass, QLineEdit.ActionPosition.LeadingPosition)
        self.order = MenuButton("order", theme, self)
        self.orders = QMenu(self.order)
        self.order.setMenu(self.orders)
        self.smaller, self.larger = flat("smaller", "flat", self), flat("larger", "flat", self)
        self.sizes = QSlider(Qt.Orientation.Horizontal, self)
        self.sizes.setObjectName("size")
        self.sizes.setRange(0, len(ZOOMS) - 1)
        self.sizes.setFixedSize(96, 24)
        self.hide_pictures = flat("hide-pictures", "flat", self)
        self.hide_pictures.setCheckable(True)
        self.facts = OneLine(14, QFont.Weight.Medium, "second")
        self.warning = OneLine(14, SEMI)
        self.note = flat("note", "quiet", self)
        self.note.setFont(font(13, QFont.Weight.Medium))
        self.journal = flat("journal", "flat", self)
        self.school = GivingButton("sync-now", "flat", self)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 0, 8, 0)
        row.setSpacing(6)
        row.addWidget(self.finder)
        row.addSpacing(6)
        row.addWidget(self.order)
        for widget in (self.smaller, self.sizes, self.larger, self.hide_pictures):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.warning)
        row.addWidget(self.facts)
        row.addStretch(1)
        row.addWidget(self.note)
        row.addWidget(self.journal)
        row.addWidget(self.school)

    def _connect(self) -> None:
        self.finder.textChanged.connect(self._desk.wall.set_filter)
        self.sizes.valueChanged.connect(self._zoomed)
        self.hide_pictures.toggled.connect(self._desk.wall.set_hidden)
        self.journal.clicked.connect(self._journal)
        self.school.clicked.connect(self._desk.ask_standing)
        self.note.clicked.connect(self._ask_note)
        for order in ORDERS:
            action = QAction(order, self.orders)
            action.setData(order)
            action.setCheckable(True)
            self.orders.addAction(action)
        self.orders.addSeparator()
        self._arrange = self.orders.addAction("")
        self._arrange.triggered.connect(self._desk.arrange)
        self.groups = GroupsMenu(self._desk, self.orders)
        self.orders.addMenu(self.groups)
        self.orders.triggered.connect(self._ordered)
        self._desk.wall.looks_changed.connect(self.refresh)

    @Slot(QAction)
    def _ordered(self, action: QAction) -> None:
        if action.data() in ORDERS:
            self._desk.wall.set_order(str(action.data()))

    @Slot(int)
    def _zoomed(self, at: int) -> None:
        if ZOOMS[at] != self._desk.wall.zoom:
            self._desk.wall.set_zoom(ZOOMS[at])

    @Slot()
    def _ask_note(self) -> None:
        self._desk.ask("note")

    @Slot()
    def _journal(self) -> None:
        self._desk.go("journal") if self._desk.page != "journal" else self._desk.go_home()

    @Slot()
    def refresh(self) -> None:
        wall, narrow = self._desk.wall, self.window().width() < NARROW
        self.finder.setFixedWidth(FIND_NARROW if narrow else FIND)
        self.finder.setPlaceholderText(say("Find a pupil"))
        self.finder.setAccessibleName(say("Find a pupil"))
        self._glass.setIcon(QIcon(self._theme.icon("search", 18, "ink2")))
        if self.finder.text() != wall.filter:
            self.finder.setText(wall.filter)
        self.sizes.setValue(ZOOMS.index(wall.zoom) if wall.zoom in ZOOMS else 0)
        self.sizes.setAccessibleName(say("Size of the tiles"))
        self.hide_pictures.setChecked(wall.hidden)
        wide = self.window().width() >= FACTS_FROM
        told = self._desk.full or self._desk.warning
        tight = bool(told) and not wide  # a warning is read whole before a slider is needed
        for sizing in (self.smaller, self.sizes, self.larger):
            # In a narrow window the two buttons stay, and the keys.
            sizing.setVisible(not tight and not (narrow and sizing is self.sizes))
        hide = say("Show again") if wall.hidden else say("Hide pictures")
        icon = "eye" if wall.hidden else "eye-off"
        self._tool(self.hide_pictures, icon, "" if tight else hide, f"{hide} (Ctrl+H)")
        self.hide_pictures.setAccessibleName(hide)
        self._refresh_order()
        self._refresh_sizes()
        self._tool(self.journal, "history", say("Journal"), "")
        words, tip = self._desk.school_words(), say("Exchange now, and see how it stands")
        self._tool(self.school, "cloud", words, f"{words}\n{tip}", "ink2")
        facts = self._desk.facts() if wide else ""
        for line, words in ((self.facts, facts), (self.warning, told)):
            line.setText(words)
            line.setVisible(bool(words))  # else two gaps are left, and a word beside them is cut
        self.warning.setToolTip(told)
        self._refresh_note()

    def _refresh_order(self) -> None:
        wall = self._desk.wall
        self._tool(self.order, "layout-grid", say(_ORDER_WORDS[wall.order]), "")
        self._arrange.setText(say("Arrange the seats…"))
        self.groups.setTitle(say("Groups"))
        for action in self.orders.actions():
            if action.data() not in ORDERS:
                continue
            action.setText(say(_ORDER_WORDS[str(action.data())]))
            action.setChecked(action.data() == wall.order)

    def _refresh_sizes(self) -> None:
        self._tool(self.smaller, "minus", "", "Ctrl+-")
        self._tool(self.larger, "plus", "", "Ctrl++")
        self.smaller.setAccessibleName(say("Smaller tiles"))
        self.larger.setAccessibleName(say("Larger tiles"))

    def _refresh_note(self) -> None:
        note = self._desk.note()
        words = note if self.window().width() >= NARROW else ""
        icon = "users" if self._desk.accompanied_now else "circle-help"
        self._tool(self.note, icon, words, self._desk.note_more(), "ink2")
        self.note.setAccessibleName(note)
        self.note.setVisible(bool(note))

    def _tool(
        self,
        button: QPushButton,
        icon: str,
        words: str,
        tip: str,
        token: str = "ink",  # noqa: S107 - a colour
    ) -> None:
        if button.isChecked():
            token = "surface"  # noqa: S105 - a colour
        labelled(button, self._theme, icon, words, token)
        button.setToolTip(tip)
