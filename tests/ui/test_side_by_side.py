"""Two to four pupils side by side: how they are opened, which one is meant, and the way back."""

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtTest import QTest

from classroom_app.domain.tile import State
from classroom_app.views.panes import laid_out
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, classroom, replace, screen

pytestmark = pytest.mark.real_loop
CTRL = Qt.KeyboardModifier.ControlModifier
PLAIN = Qt.KeyboardModifier.NoModifier
LEFT = Qt.MouseButton.LeftButton
FOUR = ("p3", "p17", "p20", "p22")
SIZE = QSize(640, 360)


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(classroom())
    made.window.activateWindow()
    made.window.wall.setFocus()
    return made


def press(room: Room, key: Qt.Key, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.keyClick(room.window.focusWidget() or room.window, key, modifiers)
    room.settle()


def together(room: Room, *keys: str) -> None:
    """Choose these, open them by the keyboard, and let each have its first picture."""
    room.wall.select(keys)
    press(room, Qt.Key.Key_Return, CTRL)
    room.focus.ask()
    for at, pane in enumerate(room.focus.panes):
        room.focus.picture(pane.device, screen(at, SIZE))
    room.settle()


def double_click(room: Room, key: str) -> None:
    wall = room.window.wall
    spot = wall.visualRect(room.wall.index(room.wall.row(key))).center()
    QTest.mouseClick(wall.viewport(), LEFT, PLAIN, spot)
    QTest.mouseDClick(wall.viewport(), LEFT, PLAIN, spot)


def looked_at(room: Room) -> list[str]:
    return [look.device for look in room.closely[-1]] if room.closely else []


@pytest.mark.parametrize("keys", [FOUR[:2], FOUR])
def test_who_is_chosen_is_asked_at_the_very_size_of_its_pane(
    room: Room, keys: tuple[str, ...]
) -> None:
    together(room, *keys)
    assert len(room.closely) == 1, "asked once, when all is laid out"
    looks, panes = room.closely[0], room.window.focus.panes.looks[: len(keys)]
    assert looked_at(room) == [f"d{key[1:]}" for key in keys]
    ratio = room.window.devicePixelRatioF()
    for look, pane in zip(looks, panes, strict=True):
        spot = pane.spot().size() * ratio
        assert abs(spot.width() - look.width) < 2 or abs(spot.height() - look.height) < 2
        assert spot.width() > 300
    grown = look_at_widths(room)
    room.window.resize(1920, 1080)
    room.settle()
    room.focus.ask()
    assert all(now > before for now, before in zip(look_at_widths(room), grown, strict=True))


def look_at_widths(room: Room) -> list[int]:
    return [look.width for look in room.closely[-1]]


def test_a_double_click_on_one_of_the_chosen_opens_all_of_them(room: Room) -> None:
    room.wall.select(FOUR)
    double_click(room, "p20")
    assert (room.desk.page, room.desk.looked_at()) == ("focus", FOUR)
    press(room, Qt.Key.Key_Escape)
    assert (room.desk.page, room.wall.selected) == ("wall", frozenset(FOUR))
    double_click(room, "p0")
    assert room.desk.looked_at() == ("p0",), "who was not among them is opened alone"


def test_enter_the_menu_and_a_button_open_them_too_and_five_are_too_many(room: Room) -> None:
    room.wall.select(FOUR)
    room.window.wall.make_current("p17")
    press(room, Qt.Key.Key_Return)
    assert room.desk.looked_at() == FOUR
    press(room, Qt.Key.Key_Escape)
    room.button("side-by-side").click()
    assert room.desk.looked_at() == FOUR
    press(room, Qt.Key.Key_Escape)
    tile = room.wall.tile("p3")
    assert tile
    room.window.wall.menu.tell(tile)
    by_text = {each.text(): each for each in room.window.wall.menu.actions() if each.isVisible()}
    by_text["Look closely, side by side"].trigger()
    assert room.desk.looked_at() == FOUR
    press(room, Qt.Key.Key_Escape)
    room.wall.select([*FOUR, "p1"])
    press(room, Qt.Key.Key_Return, CTRL)
    assert room.desk.page == "wall"
    assert room.desk.said().text == "Choose two to four pupils to see them side by side."
    room.wall.select(["p1"])
    press(room, Qt.Key.Key_Return, CTRL)
    assert room.desk.looked_at() == ("p1",)


def test_arrows_and_clicks_say_which_one_is_meant_and_no_picture_is_asked_anew(room: Room) -> None:
    together(room, *FOUR)
    asked = len(room.closely)
    meant: list[str] = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up):
        press(room, key)
        meant.append(room.desk.focused)
    assert meant == ["p17", "p22", "p20", "p3"]
    QTest.mouseClick(room.window.focus.panes.looks[1], LEFT, PLAIN, QPoint(60, 60))
    room.settle()
    assert room.desk.scope_words() == "Lina only"
    press(room, Qt.Key.Key_S, CTRL)
    assert room.acts.asked == [("keep-picture", ("Lina",), "")]
    assert len(room.closely) == asked


def test_one_is_made_the_only_one_and_the_others_rest_until_all_are_back(room: Room) -> None:
    together(room, *FOUR)
    look = room.window.focus.panes.looks[2]
    QTest.mouseClick(look, LEFT, PLAIN, QPoint(60, 60))
    QTest.mouseDClick(look, LEFT, PLAIN, QPoint(60, 60))
    room.settle()
    assert looked_at(room) == ["d20"]
    assert room.closely[-1][0].width > 1920, "at the screen's own size"
    assert [each.isVisible() for each in room.window.focus.panes.looks] == [True] + 3 * [False]
    press(room, Qt.Key.Key_Escape)
    room.focus.ask()
    assert looked_at(room) == ["d3", "d17", "d20", "d22"]
    assert room.desk.focused == "p20"
    press(room, Qt.Key.Key_Return)
    assert looked_at(room) == ["d20"]
    press(room, Qt.Key.Key_Return)
    press(room, Qt.Key.Key_Escape)
    assert (room.desk.page, looked_at(room)) == ("wall", [])


def test_each_says_in_words_what_its_picture_is_worth_and_the_others_go_on(room: Room) -> None:
    together(room, *FOUR)
    tiles = classroom()
    replace(tiles, "Lina", State.PRIVATE, reason="password")
    replace(tiles, "Mehdi", State.STALE, since=NOW - 12)
    replace(tiles, "Noah", State.GONE, since=NOW - 185)
    room.wall.show(tiles)
    room.focus.look_ended(room.focus.panes[0].device)
    room.settle()
    names = [look.accessibleName() for look in room.window.focus.panes.looks]
    assert names == [
        "Bilal, the time for a close look is up",
        "Lina, Private",
        "Mehdi, Picture 12 s old",
        "Noah, Gone 3 min",
    ]
    assert [look.spot().isEmpty() for look in room.window.focus.panes.looks] == [
        *(False, True, False, True)
    ]
    asked = len(room.closely)
    room.focus.picture(room.focus.panes[2].device, screen(4, SIZE))
    room.focus.ask()
    assert len(room.closely) == asked, "whose time is up is not asked again without a click"
    room.button("look-again").click()
    assert looked_at(room) == ["d3", "d17", "d20", "d22"]


def test_panes_fill_the_room_and_none_lies_over_another() -> None:
    for size in ((1040, 590), (1560, 900), (600, 900), (40, 30)):
        whole = QRect(0, 0, *size)
        for count in (1, 2, 3, 4):
            spots = laid_out(count, whole)
            assert len(spots) == count
            for at, spot in enumerate(spots):
                assert whole.contains(spot)
                assert not any(spot.intersects(other) for other in spots[at + 1 :])
