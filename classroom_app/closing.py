"""A word instead of a desk while the Pupitre before this one is still being closed."""

from pathlib import Path

from PySide6.QtWidgets import QMessageBox

from classroom_app.domain.errors import StoreClosing
from classroom_app.presenters.words import say, speak
from classroom_app.storage.keeping import Keeping, open_keeping
from classroom_app.views.stopped import show_stopped
from classroom_app.views.theme import Theme


async def opened(home: Path, language: str, theme: str) -> Keeping | None:
    """Open the store; None where the teacher does not wait until it has been closed.

    Raises NotKept.
    """
    still = StillClosing(language, theme)
    try:
        return await open_keeping(home, closing=still.goes_on)
    except StoreClosing:
        if still.given_up:
            return None
        raise
    finally:
        still.over()


class StillClosing:
    """Says what is waited for, from the first time that it is asked whether that goes on."""

    def __init__(self, language: str, theme: str) -> None:
        self._language, self._theme = language, theme
        self._box: QMessageBox | None = None
        self.given_up = False

    def goes_on(self) -> bool:
        """Say whether to wait on: no more once the teacher has closed the window."""
        if self._box is None:
            # The chosen language is in the store.
            translator = speak(self._language, None)
            words = say("Pupitre is still being closed on this computer. It opens by itself then.")
            self._box = show_stopped(words, Theme(self._theme), self._closed)
            translator.deleteLater()
        return not self.given_up

    def over(self) -> None:
        if self._box is not None:
            self._box.hide()
            self._box.deleteLater()

    def _closed(self, _: bool) -> None:  # noqa: FBT001 - as a box tells it
        self.given_up = True
