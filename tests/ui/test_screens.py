"""A pupil's screens in the focus, as they come and go under the teacher's eyes."""

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QAbstractButton

from classroom_app.domain.tile import State
from tests.ui.conftest import Opens
from tests.ui.room import Room, live, screen

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


def test_a_monitor_pulled_beside_others_gives_that_ones_first_screen_and_leaves_the_others(
    opened: Opens,
) -> None:
    room, names = opened(), ("Ada", "Bo", "Cy", "Di")

    def here(*screens: int) -> None:
        room.wall.show([live(at, names[at], screens=count) for at, count in enumerate(screens)])
        room.settle()

    here(1, 2, 2, 2)
    room.begin(room.wall.tiles())
    room.desk.open_together([f"p{at}" for at in range(4)])
    for at in (1, 2, 3):
        room.desk.turn_to(f"p{at}")
        room.focus.choose_screen(1)
    room.focus.look_ended(room.focus.panes[2].device)
    for at, pane in enumerate(room.focus.panes):
        room.focus.picture(pane.device, screen(at, QSize(640, 360)))
    asked = len(room.closely)
    here(1, 1, 1, 2)
    assert [(look.device, look.screen) for look in room.closely[-1]] == [
        *(("d0", 0), ("d1", 0), ("d3", 1))
    ], "whose time is up is not looked at again"
    assert len(room.closely) == asked + 1, "asked once for all that are gone"
    panes = room.focus.panes
    assert [pane.image is None for pane in panes] == [False, True, True, False]
    assert room.focus.state(panes[1]) == "live · screen 2 is gone, this is the first"
    assert room.focus.state(panes[2]) == "the time for a close look is up"
    assert [room.focus.state(panes[at]) for at in (0, 3)] == ["live", "live"]
