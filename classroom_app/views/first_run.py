"""The first page: sign in at the left, the connection check at the right."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import (
    QFocusEvent,
    QFont,
    QHideEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter
from classroom_app.presenters.words import LANGUAGES, later, say
from classroom_app.views.beneath import Beneath
from classroom_app.views.buttons import flat
from classroom_app.views.check import CheckCard
from classroom_app.views.factor import FactorCard
from classroom_app.views.founding import FoundingForm
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme, font

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
_LANGUAGE_NAMES = {"fr": "Français", "de": "Deutsch", "en": "English"}
_FIELDS = (
    ("server", later("School server")),
    ("school", later("School")),
    ("login", later("Your name there")),
    ("password", later("Password")),
    ("code", later("Code")),
)
_ROW_ICONS = {"ok": "circle-check", "failed": "triangle-alert"}
LEFT, BETWEEN = 470, 46
BAR = 16
"""Px that a scroll bar takes beside the left half."""
MARGIN = 32


class FirstRunView(QWidget):
    def __init__(
        self,
        first: FirstRunPresenter,
        desk: DeskPresenter,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._first, self._desk, self._theme = first, desk, theme
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.beneath = Beneath()
        first.wrong.connect(self._back_to)
        first.anew_begun.connect(self._fill_in)
        desk.page_changed.connect(self._turn_to)
        self._header()
        self._form()
        self._titles()
        self._address()
        self._aloud()
        self.card = CheckCard(first, theme, self)
        self.card.by_address.connect(self._to_address)
        self._lay_out()
        first.changed.connect(self.refresh)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(self.title)
        left.addWidget(self.under)
        left.addSpacing(16)
        left.addWidget(self.form)
        left.addWidget(self.somebody_else, alignment=Qt.AlignmentFlag.AlignLeft)
        left.addWidget(self.no_server, alignment=Qt.AlignmentFlag.AlignLeft)
        left.addWidget(self.restore, alignment=Qt.AlignmentFlag.AlignLeft)
        left.addWidget(self.founding)
        left.addWidget(self.address_box)
        left.addSpacing(12)
        left.addWidget(self.aloud_title)
        left.addWidget(self.aloud)
        left.addStretch()
        left.setContentsMargins(0, 8, 0, 0)
        body = QHBoxLayout()
        body.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        body.setSpacing(BETWEEN - BAR)
        body.addWidget(self._scrolling(left))
        right = QVBoxLayout()
        right.addWidget(self.factor)
        right.addWidget(self.card)
        right.addStretch()
        body.addLayout(right, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.bar)
        whole.addLayout(body, 1)

    def _scrolling(self, column: QVBoxLayout) -> QScrollArea:
        """Let the left half scroll where the window is too low for what is to be mended in it."""
        inner = QWidget(self)
        inner.setObjectName("rows")
        inner.setFixedWidth(LEFT)
        inner.setLayout(column)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFixedWidth(LEFT + BAR)
        area.setWidget(inner)
        return area

    def _header(self) -> None:
        self.bar = QWidget(self)
        self.bar.setObjectName("bar-a")
        self.bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.bar.setFixedHeight(72)
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(32, 0, 32, 0)
        row.setSpacing(8)
        name = label("Pupitre", 24, BOLD)
        self.class_words = label("", 15, MEDIUM, "second")
        for words in (name, self.class_words):
            words.setWordWrap(False)
            row.addWidget(words)
            row.addSpacing(8)
        row.addStretch()
        self.back = flat("back", "plain", self.bar)
        self.back.clicked.connect(self._desk.go_home)
        row.addWidget(self.back)
        row.addSpacing(16)
        self._languages = {code: flat(f"language-{code}", "plain", self.bar) for code in LANGUAGES}
        for code, button in self._languages.items():
            button.setText(_LANGUAGE_NAMES[code])
            button.setCheckable(True)
            button.setMinimumWidth(104)
            button.clicked.connect(self._speak)
            row.addWidget(button)

    @Slot()
    def _speak(self) -> None:
        for code, button in self._languages.items():
            if button is self.sender():
                self._first.speak(code)

    def _form(self) -> None:
        self.form = QFrame(self)
        self.form.setObjectName("card")
        lines = QGridLayout(self.form)
        lines.setContentsMargins(20, 18, 20, 20)
        lines.setVerticalSpacing(10)
        lines.setHorizontalSpacing(16)
        self.fields: dict[str, QLineEdit] = {}
        self._labels: dict[str, QLabel] = {}
        for at, (name, _) in enumerate(_FIELDS):
            field = QLineEdit(self.form)
            field.setObjectName(name)
            field.setFont(font(15))
            field.setMinimumHeight(36)
            field.setMaxLength(200)
            field.returnPressed.connect(self._sign_in)
            self._labels[name] = label("", 14, SEMI)
            self._labels[name].setBuddy(field)
            lines.addWidget(self._labels[name], 2 * at, 0)
            lines.addWidget(field, 2 * at, 1)
            lines.addWidget(self.beneath.add(name, field), 2 * at + 1, 1)
            self.fields[name] = field
        self.fields["password"].setEchoMode(QLineEdit.EchoMode.Password)
        self.fields["server"].setText(self._first.server)
        for name in ("server", "school", "login"):
            self.fields[name].textEdited.connect(self._first.another_person)
        self.sign_in = flat("sign-in", "main", self.form)
        self.sign_in.setFont(font(16, SEMI))
        self.sign_in.setMinimumHeight(44)
        self.sign_in.clicked.connect(self._sign_in)
        lines.addWidget(self.sign_in, 2 * len(_FIELDS), 0, 1, 2)
        lines.addWidget(self._account_button(), 2 * len(_FIELDS) + 1, 0, 1, 2)
        lines.setColumnStretch(1, 1)

    def _account_button(self) -> QPushButton:
        self.account = flat("account", "plain", self.form)
        self.account.clicked.connect(self._by_account)
        for name in ("server", "school"):
            self.fields[name].editingFinished.connect(self._look_for_account)
        return self.account

    def _titles(self) -> None:
        self.title = label("", 34, BOLD)
        self.under = label("", 16, MEDIUM, "second")
        self.no_server = flat("no-server", "quiet", self)
        self.no_server.clicked.connect(self._to_found)
        self.restore = flat("open-backup", "quiet", self)
        self.restore.clicked.connect(self._to_restore)
        self.factor = FactorCard(self)
        self.somebody_else = flat("somebody-else", "quiet", self)
        self.somebody_else.clicked.connect(self._first.another_person)
        self.founding = FoundingForm(self._first, self)
        self.founding.left.connect(self._to_sign_in)

    def _address(self) -> None:
        self.address_box = QFrame(self)
        self.address_box.setObjectName("card")
        box = QVBoxLayout(self.address_box)
        box.setContentsMargins(20, 16, 20, 20)
        box.setSpacing(2)
        self.address_title = label("", 18, SEMI)
        self.address_under = label("", 15, MEDIUM, "second")
        box.addWidget(self.address_title)
        box.addWidget(self.address_under)
        box.addSpacing(10)
        row = QHBoxLayout()
        row.setSpacing(8)
        box.addLayout(row)
        self.address = QLineEdit(self.address_box)
        self.address.setObjectName("address")
        self.address.setFont(font(15))
        self.address.setMinimumHeight(36)
        self.address.setMaxLength(253)
        self.address.returnPressed.connect(self._dial)
        self.dial = flat("dial", "plain", self.address_box)
        self.dial.clicked.connect(self._dial)
        row.addWidget(self.address, 1)
        row.addWidget(self.dial)
        box.addWidget(self.beneath.add("address", self.address))

    def _aloud(self) -> None:
        self.aloud_title = label("", 15, SEMI, "second")
        self.aloud = QFrame(self)
        self.aloud.setObjectName("read-aloud")
        inner = QVBoxLayout(self.aloud)
        inner.setContentsMargins(18, 2, 0, 2)
        self.aloud_text = label("", 21, MEDIUM)
        inner.addWidget(self.aloud_text)

    @Slot()
    def _sign_in(self) -> None:
        self._first.sign_in(*(self.fields[name].text() for name, _ in _FIELDS))

    @Slot()
    def _look_for_account(self) -> None:
        self._first.look_for_account(self.fields["server"].text(), self.fields["school"].text())

    @Slot()
    def _by_account(self) -> None:
        self._first.sign_in_by_account(self.fields["server"].text(), self.fields["school"].text())

    @Slot()
    def _to_found(self) -> None:
        self._first.found(founding=True)
        self.founding.fields["own-school"].setFocus()

    @Slot()
    def _to_restore(self) -> None:
        self._desk.go("safekeeping")

    @Slot()
    def _to_sign_in(self) -> None:
        self._first.found(founding=False)
        self.fields["server"].setFocus()

    @Slot(str)
    def _back_to(self, name: str) -> None:
        self.beneath.back_to(name)

    @Slot()
    def _fill_in(self) -> None:
        """Fill in all that is known of who signs in again."""
        known = self._first.anew
        if known is None:
            return
        for name in ("server", "school", "login"):
            self.fields[name].setText(str(getattr(known, name)))

    @Slot(str)
    def _turn_to(self, page: str) -> None:
        if page != "anew":
            self._first.leave_anew()

    @Slot()
    def _to_address(self) -> None:
        self.address.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _dial(self) -> None:
        self._first.dial(self.address.text())

    @Slot()
    def refresh(self) -> None:
        first = self._first
        self._words()
        for code, button in self._languages.items():
            button.setChecked(code == first.language)
        self.back.setVisible(self._desk.page in {"check", "anew"})
        self.form.setVisible(first.asks_who)
        for part in (self.no_server, self.restore):
            part.setVisible(not (first.signed_in or first.founding or first.half))
        self.founding.setVisible(not first.signed_in and first.founding)
        self.address_box.setVisible(first.signed_in and not first.anew)
        self.sign_in.setEnabled(not first.busy)
        for name, field in self.fields.items():
            for part in (field, self._labels[name]):
                part.setVisible(first.asks_code if name == "code" else not first.half)
        self.factor.show_factor(first.factor)
        self.card.setVisible(first.factor is None)
        self.somebody_else.setVisible(first.half and not first.signed_in)
        self.account.setVisible((bool(first.account) or first.in_browser) and not first.half)
        self.account.setEnabled(first.in_browser or not first.busy)
        self.class_words.setText(first.class_words())
        self.beneath.show(first.told)
        aloud = next((row.to_read for row in first.rows() if row.to_read), "")
        for part in (self.aloud_title, self.aloud):
            part.setVisible(bool(aloud) and first.factor is None)
        self.aloud_text.setText(say("“{text}”", text=aloud))
        self.card.refresh()

    def _words(self) -> None:
        first = self._first
        self.title.setText(first.title())
        self.under.setText(first.under())
        for name, words in _FIELDS:
            self._labels[name].setText(say(words))
            self.fields[name].setAccessibleName(say(words))
        self.fields["server"].setPlaceholderText("https://")
        self.sign_in.setText(say("One moment…") if first.busy else say("Sign in"))
        in_browser = say("Give up waiting for the browser")
        by_account = say("Sign in with the school's account")
        self.account.setText(in_browser if first.in_browser else by_account)
        self.account.setToolTip(first.account)
        self.address_title.setText(say("Type a device's address"))
        self.address_under.setText(say("if you know it: 10.12.0.41"))
        self.address.setAccessibleName(say("Type a device's address"))
        self.dial.setText(say("Try"))
        self.somebody_else.setText(say("Sign in as somebody else"))
        self.no_server.setText(say("No server? Start a school on this computer"))
        self.restore.setText(say("Open a school's backup"))
        self.restore.setToolTip(say("The same school here. Its devices notice nothing."))
        self.founding.refresh()
        self.aloud_title.setText(first.aloud_title())
        self.back.setText(say("Back") if first.anew else say("Back to the class"))

    def rows_seen(self) -> list[tuple[str, str, str]]:
        """Return the check's rows as they are shown: state, title, second line."""
        return [(row.state, row.title, row.second) for row in self._first.rows()]

    def retranslate(self) -> None:
        self.card.forget()
        self.refresh()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Give the keys to the first field that is still lacking."""
        super().focusInEvent(event)
        if self._first.asks_who:
            shown = [one for one in self.fields.values() if one.isVisible()]
            lacks = next((one for one in shown if not one.text()), self.sign_in)
            lacks.setFocus(Qt.FocusReason.OtherFocusReason)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.founding.forget()
        for name in ("password", "code"):
            self.fields[name].clear()  # nobody reads it when the page comes back
