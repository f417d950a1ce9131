"""The one window of an app that cannot start: it says why, and what to do."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from classroom_app.presenters.words import say
from classroom_app.views.theme import Theme, font


def show_stopped(
    words: str, theme: Theme, closed: Callable[[bool], None], way: str = ""
) -> QMessageBox:
    """Show `words` until a person closes them; whoever holds the box keeps it open.

    `way`: what a second button says; `closed` hears whether it was that one. The words can be
    marked and copied: a command in them is for whoever looks after the computer.
    """
    box = QMessageBox(QMessageBox.Icon.Warning, "Pupitre", words)
    box.setObjectName("desk")
    box.setIconPixmap(theme.icon("triangle-alert", 30, "failline", box.devicePixelRatioF()))
    box.setFont(font(16))
    box.setTextFormat(Qt.TextFormat.PlainText)
    by_mouse = Qt.TextInteractionFlag.TextSelectableByMouse
    box.setTextInteractionFlags(by_mouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    close = box.addButton(say("Close"), QMessageBox.ButtonRole.AcceptRole)
    close.setProperty("kind", "main")
    box.setEscapeButton(close)
    box.setDefaultButton(close)
    on = box.addButton(way, QMessageBox.ButtonRole.ActionRole) if way else None
    box.setStyleSheet(theme.sheet())
    if layout := box.layout():
        layout.setContentsMargins(20, 20, 20, 20)

    def finished(_: int) -> None:
        closed(on is not None and box.clickedButton() is on)

    box.finished.connect(finished)
    box.open()
    return box
