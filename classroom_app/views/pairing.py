"""Adding devices: a page for the projector at the left, who asks at the right."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFont, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.pairing import Asks, PairingPresenter, listed, state_words
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import label
from classroom_app.views.theme import font

BOLD, SEMI, MEDIUM = QFont.Weight.Bold, QFont.Weight.DemiBold, QFont.Weight.Medium
QR_PX = 220
CODE_PX = 108
RIGHT = 520


class AskerRow(QFrame):
    """One device. What it calls itself is plain text, whoever wrote it."""

    def __init__(self, asks: Asks, pairing: PairingPresenter, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._label, self._pairing = asks.label, pairing
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 12)
        words = QVBoxLayout()
        words.addWidget(label(listed(asks), 18, SEMI))
        words.addWidget(label(state_words(asks), 14, MEDIUM, "second"))
        row.addLayout(words, 1)
        self.first: QWidget | None = None
        if asks.state == "asks":
            yes, no = flat("approve", "main", self), flat("refuse", "plain", self)
            for button, text in ((yes, say("Yes")), (no, say("No"))):
                button.setText(text)
                button.setAutoDefault(True)  # Enter presses the one that has the keyboard
                button.setAccessibleName(f"{text}, {listed(asks)}")
                row.addWidget(button)
            yes.clicked.connect(self._yes)
            no.clicked.connect(self._no)
            self.first = yes
        if asks.state in {"code", "wrong-code"}:
            self.code = QLineEdit(self)
            self.code.setObjectName("their-code")
            self.code.setFont(font(15))
            self.code.setMaxLength(12)
            self.code.setFixedWidth(120)
            self.code.setAccessibleName(state_words(asks))
            self.code.returnPressed.connect(self._typed)
            row.addWidget(self.code)
            self.first = self.code

    @Slot()
    def _yes(self) -> None:
        self._answer(yes=True)

    @Slot()
    def _no(self) -> None:
        self._answer(yes=False)

    def _answer(self, *, yes: bool) -> None:
        if self._pairing.window:
            self._pairing.window.answer(self._label, yes=yes)

    @Slot()
    def _typed(self) -> None:
        if self._pairing.window:
            self._pairing.window.try_code(self._label, self.code.text())


class PairingView(QWidget):
    def __init__(
        self, pairing: PairingPresenter, desk: DeskPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._pairing, self._desk = pairing, desk
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.title = label("", 34, BOLD)
        self.back = flat("back-to-classes", "plain", self)
        self.back.clicked.connect(desk.go_home)
        self.hint = label("", 18, MEDIUM, "second")
        self.code = label("", CODE_PX, BOLD)
        self.code.setWordWrap(False)
        self.left = label("", 22, SEMI)
        self.again = flat("new-code", "main", self)
        self.again.clicked.connect(pairing.again)
        self.qr = QLabel(self)
        self.qr_hint = label("", 15, MEDIUM, "second")
        self.passphrase = QLineEdit(self)
        self.passphrase.setObjectName("passphrase")
        self.passphrase.setFont(font(15))
        self.passphrase.setMinimumHeight(36)
        self.passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self.passphrase.returnPressed.connect(self._unlock)
        self.trouble = label("", 18, SEMI)
        self.trouble.setObjectName("trouble")
        self.progress = label("", 18, SEMI)
        self.nobody = label("", 16, MEDIUM, "second")
        self._shown: object = None
        self._lay_out()
        pairing.changed.connect(self.refresh)

    def _lay_out(self) -> None:  # noqa: PLR0915 - one line a part
        heading = QHBoxLayout()
        heading.addWidget(self.title, 1)
        heading.addWidget(self.back)
        left = QVBoxLayout()
        left.setSpacing(12)
        for part in (self.hint, self.code, self.left, self.trouble, self.passphrase):
            left.addWidget(part)
        left.addWidget(self.again, alignment=Qt.AlignmentFlag.AlignLeft)
        left.addSpacing(12)
        left.addWidget(self.qr)
        left.addWidget(self.qr_hint)
        left.addStretch()
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFixedWidth(RIGHT)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inner = QWidget(area)
        inner.setObjectName("page")
        self._rows = QVBoxLayout(inner)
        self._rows.setSpacing(10)
        area.setWidget(inner)
        right = QVBoxLayout()
        for part in (self.progress, self.nobody):
            right.addWidget(part)
        right.addWidget(area, 1)
        body = QHBoxLayout()
        body.setSpacing(46)
        body.addLayout(left, 1)
        body.addLayout(right)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(32, 32, 32, 32)
        whole.setSpacing(16)
        whole.addLayout(heading)
        whole.addLayout(body, 1)

    @Slot()
    def refresh(self) -> None:
        if not self.isVisible():
            return
        pairing = self._pairing
        window = pairing.window
        self.title.setText(say("Add devices to {name}", name=pairing.class_name))
        self.back.setText(say("Done"))
        self.hint.setText(say("On each device: pupitre-agent pair --code"))
        self.code.setText(pairing.code_words())
        self.left.setText(pairing.left_words())
        self.trouble.setText(pairing.trouble)
        self.trouble.setVisible(bool(pairing.trouble))
        self.passphrase.setVisible(window is None and bool(pairing.trouble))
        self.passphrase.setPlaceholderText(say("Passphrase"))
        self.passphrase.setAccessibleName(say("Passphrase"))
        self.again.setText(say("New code"))
        self.again.setVisible(window is not None and bool(window.over))
        image = pairing.qr()
        if not image.isNull():
            side = image.width() * (QR_PX // image.width())  # whole pixels: cameras read edges
            self.qr.setPixmap(QPixmap.fromImage(image.scaled(side, side)))
        self.qr_hint.setText(say("Or let the device's camera read this."))
        for part in (self.hint, self.code, self.qr, self.qr_hint):
            part.setVisible(not image.isNull())
        self.progress.setText(pairing.progress())
        self.nobody.setText(say("Say yes only to devices that you know."))
        self._show_rows()

    def _show_rows(self) -> None:
        rows = self._pairing.rows()
        now = [(one.label, one.state, one.name, state_words(one)) for one in rows]
        if now == self._shown:
            return  # a row made anew would lose the keyboard and what was typed
        self._shown = now
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()
        made = [AskerRow(one, self._pairing, self) for one in rows]
        for row in made:
            self._rows.addWidget(row)
        self._rows.addStretch()
        first = next((row.first for row in made if row.first), None)
        if first is not None:
            first.setFocus()

    @Slot()
    def _unlock(self) -> None:
        self._pairing.unlock(self.passphrase.text())
        self.passphrase.clear()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
