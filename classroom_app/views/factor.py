"""Choosing a second factor: what an authenticator app reads, and the codes for when it is lost."""

from urllib.parse import parse_qs, urlsplit

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFont, QGuiApplication, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from central_mdm.contract.second_factor import FactorMade
from classroom_app.presenters.qr import qr_of
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat
from classroom_app.views.sheets import label

QR_PX = 220
GROUP = 4
CODES_A_ROW = 2
SEMI, MEDIUM = QFont.Weight.DemiBold, QFont.Weight.Medium


class FactorCard(QFrame):
    """Shows a factor that was just made; `show_factor(None)` forgets it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._made: FactorMade | None = None
        self.title = label("", 22, SEMI)
        self.how = label("", 16, MEDIUM, "second")
        self.qr = QLabel(self)
        self.key = label("", 17, SEMI)
        self.apart = label("", 16, MEDIUM, "second")
        self.codes = label("", 15, SEMI)
        self.copy = flat("copy-recovery", "plain", self)
        self.copy.clicked.connect(self._copy)
        self.codes.setWordWrap(False)
        beside = QVBoxLayout()
        beside.setSpacing(10)
        for part in (self.how, self.key):
            beside.addWidget(part)
        beside.addStretch()
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(self.qr)
        row.addLayout(beside, 1)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(28, 22, 28, 26)
        lines.setSpacing(14)
        lines.addWidget(self.title)
        lines.addLayout(row)
        for part in (self.apart, self.codes):
            lines.addWidget(part)
        lines.addWidget(self.copy, alignment=Qt.AlignmentFlag.AlignLeft)

    def show_factor(self, made: FactorMade | None) -> None:
        """Show it in the language of now; nothing is left of it where there is none."""
        self.setVisible(made is not None)
        self._made = made
        if made is None:
            self.qr.clear()
            self.key.clear()
            self.codes.clear()
            return
        image = qr_of(made.uri)
        side = image.width() * max(1, QR_PX // image.width())  # whole pixels: cameras read edges
        self.qr.setFixedSize(side, side)
        self.qr.setPixmap(QPixmap.fromImage(image.scaled(side, side)))
        self.qr.setAccessibleName(say("Choose your second factor"))
        self.title.setText(say("Choose your second factor"))
        self.how.setText(say("Let an authenticator app on your telephone read this, or type:"))
        self.key.setText(_in_groups(_secret_of(made.uri)))
        told = say("If that telephone is lost, each of these is good once. On paper, apart:")
        self.apart.setText(told)
        codes = [_in_groups(one) for one in made.recovery]
        rows = [codes[at : at + CODES_A_ROW] for at in range(0, len(codes), CODES_A_ROW)]
        self.codes.setText("\n".join("    ".join(row) for row in rows))
        self.copy.setText(say("Copy these codes"))

    @Slot()
    def _copy(self) -> None:
        if self._made is not None:
            codes = map(_in_groups, self._made.recovery)
            QGuiApplication.clipboard().setText("\n".join(codes))
            self.copy.setText(say("Copied"))


def _secret_of(uri: str) -> str:
    """Return the key in base32 of an `otpauth:` address."""
    return next(iter(parse_qs(urlsplit(uri).query).get("secret", ())), "")


def _in_groups(text: str) -> str:
    return " ".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))
