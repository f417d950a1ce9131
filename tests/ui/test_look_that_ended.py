"""A close look whose time is up goes on small, in the focus as well."""

from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from PySide6.QtCore import QObject

from classroom_app.domain.lesson import DeviceId
from classroom_app.pictures import TILE, Pictures
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.school import School
from classroom_app.tasks import Tasks
from tests.ui.conftest import Opens
from tests.ui.room import Room, classroom

pytestmark = pytest.mark.real_loop
SMALL = (TILE.width(), TILE.height())


class Watching:
    def __init__(self) -> None:
        self.asked: list[Mapping[DeviceId, tuple[int, int]]] = []

    def look(self, sizes: Mapping[DeviceId, tuple[int, int]]) -> None:
        self.asked.append(sizes)


class Showing:
    def source(self) -> None:
        return None


class NoLesson:
    lesson = None


class OpenSchool:
    def __init__(self) -> None:
        self.watching, self.showing, self.room = Watching(), Showing(), NoLesson()


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(classroom())
    return made


@pytest.fixture
def school() -> OpenSchool:
    return OpenSchool()


@pytest.fixture
def looking(room: Room, school: OpenSchool) -> Iterator[tuple[Pictures, FocusPresenter]]:
    holder = QObject()
    made = Pictures(Tasks(()), lambda: cast("School", school), holder)
    yield made, made.focus_of(room.desk)
    made.close()


def test_it_is_asked_for_small_until_it_is_taken_up_again_or_left(
    room: Room, school: OpenSchool, looking: tuple[Pictures, FocusPresenter]
) -> None:
    pictures, focus = looking
    room.desk.open("p3")
    room.settle()
    device = focus.pane.device
    for leave in (focus.look_again, room.desk.go_home):
        pictures.look_ended(device)
        assert school.watching.asked[-1] == {device: SMALL}
        asked = len(school.watching.asked)
        focus.changed.emit()
        assert len(school.watching.asked) == asked, "nothing is asked twice"
        leave()
        room.settle()
        assert school.watching.asked[-1] == {}
