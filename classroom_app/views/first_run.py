"""The first page: sign in at the left, the connection check at the right."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import (
    QFont,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QPixmap,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.first_run import FirstRunPresenter, Row
from classroom_app.presenters.words import LANGUAGES, later, say
from classroom_app.views.buttons import flat, labelled
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme, font

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
_LANGUAGE_NAMES = {"fr": "Français", "de": "Deutsch", "en": "English"}
_FIELDS = (
    ("server", later("School server")),
    ("school", later("School")),
    ("login", later("Your name there")),
    ("password", later("Password")),
)
_ROW_ICONS = {"ok": "circle-check", "failed": "triangle-alert"}
LEFT = 470


class CheckRow(QFrame):
    """A row of the check; a failing one is opened with what to do."""

    def __init__(self, row: Row, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        opened = bool(row.to_copy or row.to_read)
        self.setObjectName("failing" if row.state == "failed" else "row")
        self._copy = row.to_copy
        self.strip: QFrame | None = None
        icon = QLabel(self)
        token = "failline" if row.state == "failed" else "ink"
        drawn: QPixmap = theme.icon(
            _ROW_ICONS.get(row.state, "minus"), 30, token, self.devicePixelRatioF()
        )
        icon.setPixmap(drawn)
        icon.setFixedWidth(46)
        icon.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        texts = QVBoxLayout()
        texts.setSpacing(3)
        texts.addWidget(label(row.title, 18, SEMI))
        texts.addWidget(label(row.second, 15, MEDIUM, "second"))
        if opened and row.to_copy:
            self._to_copy(texts, row, theme)
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 14, 20, 14)
        line.setSpacing(10)
        if row.state == "failed":
            self.strip = QFrame(self)
            self.strip.setObjectName("strip")
        line.addWidget(icon)
        line.addLayout(texts, 1)

    def _to_copy(self, texts: QVBoxLayout, row: Row, theme: Theme) -> None:
        box = QFrame(self)
        box.setObjectName("to-copy")
        inner = QVBoxLayout(box)
        inner.setContentsMargins(16, 12, 16, 12)
        inner.addWidget(label(say("To the administrator: “{text}”", text=row.to_copy), 14, MEDIUM))
        texts.addSpacing(8)
        texts.addWidget(box)
        copy = flat("copy-sentence", "main", self)
        labelled(copy, theme, "copy", say("Copy the sentence"), "surface")
        copy.clicked.connect(self._copied)
        texts.addSpacing(4)
        texts.addWidget(copy, alignment=Qt.AlignmentFlag.AlignLeft)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.strip is not None:
            self.strip.setGeometry(2, 2, 8, self.height() - 4)

    @Slot()
    def _copied(self) -> None:
        QGuiApplication.clipboard().setText(self._copy)


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
        self._rows: list[Row] | None = None
        self._header()
        self._form()
        self._address()
        self._check()
        self._lay_out()
        first.changed.connect(self.refresh)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addWidget(self.title)
        left.addWidget(self.under)
        left.addSpacing(16)
        left.addWidget(self.form)
        left.addWidget(self.trouble)
        left.addSpacing(6)
        left.addWidget(self.address_box)
        left.addSpacing(12)
        left.addWidget(self.aloud_title)
        left.addWidget(self.aloud)
        left.addStretch()
        column = QWidget(self)
        column.setFixedWidth(LEFT)
        column.setLayout(left)
        left.setContentsMargins(0, 8, 0, 0)
        body = QHBoxLayout()
        body.setContentsMargins(32, 32, 32, 32)
        body.setSpacing(46)
        body.addWidget(column)
        body.addWidget(self.card, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.bar)
        whole.addLayout(body, 1)

    def _header(self) -> None:
        self.bar = QWidget(self)
        self.bar.setObjectName("bar-a")
        self.bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.bar.setFixedHeight(72)
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(32, 0, 32, 0)
        row.setSpacing(8)
        name = label("Pupitre", 24, BOLD)
        name.setWordWrap(False)
        row.addWidget(name)
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
            lines.addWidget(self._labels[name], at, 0)
            lines.addWidget(field, at, 1)
            self.fields[name] = field
        self.fields["password"].setEchoMode(QLineEdit.EchoMode.Password)
        self.fields["server"].setText(self._first.server)
        self.sign_in = flat("sign-in", "main", self.form)
        self.sign_in.setFont(font(16, SEMI))
        self.sign_in.setMinimumHeight(44)
        self.sign_in.clicked.connect(self._sign_in)
        lines.addWidget(self.sign_in, len(_FIELDS), 0, 1, 2)
        lines.setColumnStretch(1, 1)
        self.trouble = label("", 15, SEMI)
        self.trouble.setObjectName("trouble")

    def _address(self) -> None:
        self.title = label("", 34, BOLD)
        self.under = label("", 16, MEDIUM, "second")
        self.address_box = QWidget(self)
        row = QHBoxLayout(self.address_box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
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
        self.aloud_title = label("", 15, SEMI, "second")
        self.aloud = QFrame(self)
        self.aloud.setObjectName("read-aloud")
        inner = QVBoxLayout(self.aloud)
        inner.setContentsMargins(18, 2, 0, 2)
        self.aloud_text = label("", 21, MEDIUM)
        inner.addWidget(self.aloud_text)

    def _check(self) -> None:
        self.card = QFrame(self)
        self.card.setObjectName("card")
        column = QVBoxLayout(self.card)
        column.setContentsMargins(14, 24, 14, 14)
        column.setSpacing(4)
        heading = QHBoxLayout()
        heading.setContentsMargins(14, 0, 14, 10)
        self.check_title = label("", 22, BOLD)
        self.check_title.setWordWrap(False)
        self.again = label("", 14, SEMI, "second")
        self.again.setWordWrap(False)
        heading.addWidget(self.check_title)
        heading.addStretch()
        heading.addWidget(self.again)
        column.addLayout(heading)
        area = QScrollArea(self.card)
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._inner = inner = QWidget(area)
        inner.setObjectName("rows")
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(2)
        area.setWidget(inner)
        column.addWidget(area, 1)

    @Slot()
    def _sign_in(self) -> None:
        self._first.sign_in(*(self.fields[name].text() for name, _ in _FIELDS))

    @Slot()
    def _dial(self) -> None:
        self._first.dial(self.address.text())

    @Slot()
    def refresh(self) -> None:
        first = self._first
        self._words()
        for code, button in self._languages.items():
            button.setChecked(code == first.language)
        self.back.setVisible(self._desk.page == "check")
        self.form.setVisible(not first.signed_in)
        self.sign_in.setEnabled(not first.busy)
        self.trouble.setText(first.trouble)
        self.trouble.setVisible(bool(first.trouble))
        rows = first.rows()
        aloud = next((row.to_read for row in rows if row.to_read), "")
        for part in (self.aloud_title, self.aloud):
            part.setVisible(bool(aloud))
        self.aloud_text.setText(say("“{text}”", text=aloud))
        if rows != self._rows:
            self._rows = rows
            self._fill(rows)

    def _words(self) -> None:
        first = self._first
        title = say("No pupils yet") if first.signed_in else say("Sign in")
        under = (
            say("The class appears by itself as soon as a device answers.")
            if first.signed_in
            else say("Once, with the internet. After that Pupitre works without it.")
        )
        self.title.setText(title)
        self.under.setText(under)
        for name, words in _FIELDS:
            self._labels[name].setText(say(words))
            self.fields[name].setAccessibleName(say(words))
        self.fields["server"].setPlaceholderText("https://")
        self.sign_in.setText(say("One moment…") if first.busy else say("Sign in"))
        self.address.setPlaceholderText(say("A device's address, if you know it"))
        self.address.setAccessibleName(say("A device's address, if you know it"))
        self.dial.setText(say("Try"))
        self.aloud_title.setText(say("To read to the class"))
        self.check_title.setText(say("Connection check"))
        self.again.setText(say("again every 5 s"))
        self.back.setText(say("Back to the class"))

    def retranslate(self) -> None:
        self._rows = None
        self.refresh()

    def _fill(self, rows: list[Row]) -> None:
        while (item := self._list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        parent = self._inner
        for at, row in enumerate(rows):
            if at and row.state != "failed" and rows[at - 1].state != "failed":
                rule = QFrame(parent)
                rule.setObjectName("rule")
                rule.setFixedHeight(1)
                self._list.addWidget(rule)
            self._list.addWidget(CheckRow(row, self._theme, parent))
        self._list.addStretch()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F5:
            self._first.check_again()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.fields["password"].clear()  # nobody reads it when the page comes back
