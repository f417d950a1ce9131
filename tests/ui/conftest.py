from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from classroom_app.presenters.words import Translator, speak
from tests.ui.room import Room

Opens = Callable[..., Room]


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[Opens]:
    """Open rooms in a language and look; close them and the language after the test."""
    del qtbot
    rooms: list[Room] = []
    spoken: list[Translator] = []

    def open_(language: str = "en", theme: str = "light") -> Room:
        spoken.append(speak(language, spoken[-1] if spoken else None))
        rooms.append(Room(language, theme))
        return rooms[-1]

    yield open_
    for room in rooms:
        room.close()
    app = QCoreApplication.instance()
    if app and spoken:
        app.removeTranslator(spoken[-1])
    QCoreApplication.sendPostedEvents()
