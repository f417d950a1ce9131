import gc
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from classroom_app.presenters.words import Translator, speak
from tests.ui.room import Room

Opens = Callable[..., Room]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let a test's windows die here and now, and not in the thread of a later test."""
    gc.disable()
    yield
    gc.collect(1)
    gc.enable()


@pytest.fixture(autouse=True, scope="package")
def all_collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def opened(qtbot: QtBot) -> Iterator[Opens]:
    """Open rooms in a language and look; close them after the test."""
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
    QCoreApplication.sendPostedEvents()
