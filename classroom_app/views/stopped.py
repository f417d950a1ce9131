"""The one window of an app that cannot start: it says why, and what to do."""

from collections.abc import Callable

from PySide6.QtWidgets import QMessageBox


def show_stopped(words: str, closed: Callable[[], None]) -> QMessageBox:
    """Show `words` until a person closes them; whoever holds the box keeps it open."""
    box = QMessageBox(QMessageBox.Icon.Warning, "Pupitre", words)

    def finished(_: int) -> None:
        closed()

    box.finished.connect(finished)
    box.open()
    return box
