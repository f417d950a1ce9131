"""Show: two keys to the usual case, what is counted, and what hides by itself."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QRadioButton, QWidget

from classroom_app.presenters.showing import Choice
from classroom_app.views.picking import RegionPickers
from tests.ui.room import Room, classroom, lively

pytestmark = pytest.mark.real_loop
NewRoom = Callable[..., Room]


def press(made: Room, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
    QTest.keyClick(made.window.focusWidget() or made.window, key, held)
    made.settle()


def shown(made: Room) -> tuple[str, str]:
    bar = made.window.bar_b
    return bar.text.text(), bar.second.text()


@pytest.fixture
def active(opened: NewRoom) -> Room:
    """Give a window that has the keyboard by the time the test begins."""
    made = opened()
    made.begin(classroom(9))
    made.window.activateWindow()
    made.window.wall.setFocus()
    return made


def test_control_p_and_enter_show_this_screen_to_all(active: Room) -> None:
    made = active
    press(made, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    press(made, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    assert made.shows.asked == [(made.shows.offers[0], "full", 9)]
    assert shown(made) == ("Shown to 8 of 9", "my screen")
    made.button("show-pause").click()
    made.settle()
    assert shown(made)[1] == "my screen · stands still"
    assert made.button("show-pause").text().strip() == "Go on"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_chosen_can_be_told_from_what_is_not_in_either_colours(
    opened: NewRoom, theme: str
) -> None:
    made = opened("en", theme)
    made.begin(classroom(9))
    made.desk.ask("show")
    made.settle()
    chosen, other = (
        made.window.findChild(QRadioButton, name) for name in ("show-full", "show-window-mode")
    )
    assert chosen is not None
    assert other is not None
    assert chosen.isChecked()
    middles = [
        radio.grab().toImage().pixelColor(10, radio.height() // 2).lightness()
        for radio in (chosen, other)
    ]
    assert abs(middles[0] - middles[1]) > 120


def test_pictures_hide_while_the_screen_is_shown_that_pupitre_is_on_and_come_back(
    opened: NewRoom,
) -> None:
    made = opened()
    made.begin(classroom(9))
    made.showing.start(Choice("screen"), "full", everyone=True)
    assert made.wall.hidden
    made.settle()
    made.button("show-stop").click()
    made.desk.changed.emit()
    made.settle()
    assert not made.wall.hidden
    assert not made.showing.on()
    made.showing.start(Choice("screen", 1), "full", everyone=True)
    assert not made.wall.hidden, "another screen shows no pupil"
    made.wall.set_hidden(True)
    made.showing.start(Choice("screen"), "full", everyone=True)
    made.showing.stop()
    made.desk.changed.emit()
    assert made.wall.hidden, "by the teacher's own hand it stays so"


def test_a_window_to_whoever_is_chosen_in_a_window_that_they_may_leave(opened: NewRoom) -> None:
    made = opened()
    made.begin(classroom(9))
    made.wall.select({"p2", "p5"})
    made.window.open_sheet("show")
    made.settle()
    made.button("show-window").click()
    made.button("show-window-mode").click()
    made.button("show-now").click()
    assert made.shows.asked == [(made.shows.offers[3], "window", 2)]


def test_the_pupil_who_is_looked_at_closely_is_offered_first_and_shown_to_the_others(
    opened: NewRoom,
) -> None:
    made = opened()
    made.begin(lively())
    made.desk.open("p17")
    made.settle()
    made.window.open_sheet("show")
    made.settle()
    made.button("show-now").click()
    made.settle()
    assert made.shows.asked == [(Choice("pupil", name="Lina"), "full", 27)]
    assert shown(made) == ("Lina's screen is shown", "to 27 of 27")
    made.desk.open("p3")
    made.settle()
    assert shown(made)[1] == "Lina's screen is shown", "beside whom else one looks at"
    made.window.escape()
    made.settle()
    assert made.desk.page == "wall"
    assert shown(made) == ("Lina's screen is shown", "to 27 of 27")
    made.button("show-stop").click()
    made.settle()
    assert not made.showing.on()


def test_where_nothing_can_be_shown_the_sheet_says_so(opened: NewRoom) -> None:
    made = opened()
    made.begin(classroom(9))
    made.shows.offers = ()
    made.window.open_sheet("show")
    made.settle()
    assert not made.button("show-now").isEnabled()


def picking(opened: NewRoom) -> tuple[Room, QWidget]:
    """Ask to show a region; return the room, and what it is drawn on."""
    made = opened()
    made.begin(classroom(9))
    made.window.open_sheet("show")
    made.settle()
    made.button("show-region").click()
    made.button("show-now").click()
    pickers = made.showing.picker
    assert isinstance(pickers, RegionPickers)
    (picker,) = pickers.windows
    return made, picker


def test_a_region_is_drawn_on_the_screen_and_a_slip_of_the_hand_is_none(opened: NewRoom) -> None:
    made, picker = picking(opened)
    drag(picker, QPoint(100, 100), QPoint(110, 105))
    assert made.shows.asked == []
    drag(picker, QPoint(500, 400), QPoint(100, 120))
    ((choice, _, to),) = made.shows.asked
    assert (choice.kind, to) == ("region", 9)
    assert choice.area[:2] == (100, 120)


def test_a_region_is_chosen_by_keys_alone(opened: NewRoom) -> None:
    made, picker = picking(opened)
    whole = picker.rect()
    QTest.keyClick(picker, Qt.Key.Key_Return)
    assert made.shows.asked == [], "nothing is drawn yet"
    for _ in range(3):
        QTest.keyClick(picker, Qt.Key.Key_Right)
    for _ in range(400):
        QTest.keyClick(picker, Qt.Key.Key_Up)
        QTest.keyClick(picker, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(picker, Qt.Key.Key_Return)
    ((choice, _, _),) = made.shows.asked
    left, top, width, height = choice.area
    assert (left, width) == (whole.width() // 4 + 32, 64), "moved twice, then as narrow as may be"
    assert 0 <= top < 16
    assert height == whole.height() // 2


def test_what_is_drawn_on_the_still_is_shown_taken_back_and_gone_with_escape(
    opened: NewRoom,
) -> None:
    made = opened()
    made.begin(classroom(9))
    made.showing.start(Choice("screen", 1), "full", everyone=True)
    made.settle()
    made.button("show-draw").click()
    board = made.window.bar_b.shown.board
    assert board is not None
    assert made.shows.frozen
    drag(board, QPoint(200, 200), QPoint(300, 300))
    QTest.keyClick(board, Qt.Key.Key_A)
    drag(board, QPoint(300, 200), QPoint(400, 300))
    assert [tool for tool, _ in made.shows.strokes] == ["pen", "arrow"]
    assert all(0 < share < 1 for _, points in made.shows.strokes for at in points for share in at)
    QTest.keyClick(board, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [tool for tool, _ in made.shows.strokes] == ["pen"]
    QTest.keyClick(board, Qt.Key.Key_Escape)
    assert made.shows.strokes == ()
    assert not made.shows.frozen


def drag(picker: QWidget, start: QPoint, end: QPoint) -> None:
    left = Qt.MouseButton.LeftButton
    QTest.mousePress(picker, left, pos=start)
    QTest.mouseMove(picker, end)
    QTest.mouseRelease(picker, left, pos=end)
