"""A pupil's screens in the focus, as they come and go under the teacher's eyes."""

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton

from classroom_app.domain.tile import State
from tests.ui.conftest import Opens
from tests.ui.room import Room, live

pytestmark = pytest.mark.real_loop


def shows(room: Room, screens: int, state: State = State.LIVE) -> None:
    room.wall.show([live(0, "Lina", state, screens=screens)])
    room.settle()


def buttons(room: Room) -> list[str]:
    found = room.window.findChildren(QAbstractButton)
    return [one.text() for one in found if one.objectName()[:7] == "screen-" and one.isVisible()]


def test_a_screen_that_comes_gets_its_button_and_one_that_goes_gives_the_first_with_a_word(
    opened: Opens,
) -> None:
    room = opened()
    room.begin([live(0, "Lina")])
    room.desk.open("p0")
    room.settle()
    assert buttons(room) == []
    shows(room, 2)
    assert buttons(room) == [" 1", " 2"]
    room.button("screen-2").click()
    room.settle()
    assert room.focus.pane.screen == 1
    shows(room, 2, State.GONE)
    assert room.focus.pane.screen == 1, "a link that is lost pulls no monitor"
    shows(room, 1)
    assert room.focus.pane.screen == 0
    assert room.focus.age() == "live · screen 2 is gone, this is the first"
    assert buttons(room) == []
    shows(room, 3)
    room.focus.choose_screen(2)
    assert "gone" not in room.focus.age()


def test_the_wall_says_which_seats_have_more_than_one_screen(opened: Opens) -> None:
    room = opened()
    room.begin([live(0, "Lina"), replace(live(1, "Noah"), screens=2)])
    tips = [room.wall.index(row).data(Qt.ItemDataRole.ToolTipRole) for row in range(2)]
    assert tips == [None, "2 screens: open the seat to choose one"]
