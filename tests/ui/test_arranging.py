"""A teacher's own wall: seats as in the room, groups by keys, who needs them, what is the same."""

import pytest
from msgspec.structs import replace as but
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest

from classroom_app.domain.tile import State, Wish
from classroom_app.presenters.arranging import COLUMNS_MAX, Plan, read, with_all
from classroom_app.presenters.bars import UNDO_SECONDS
from classroom_app.views.groups import number_of
from tests.ui.conftest import Opens
from tests.ui.room import LESSON, NOW, Room, classroom, live, lively, replace

pytestmark = pytest.mark.real_loop
LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def room(opened: Opens) -> Room:
    """Open a class that keeps what is arranged; so does the next room with the same `kept`."""
    made = opened()
    keep(made, {})
    made.begin(classroom(28))
    return made


def keep(room: Room, kept: dict[str, str]) -> None:
    room.desk.seating.read = lambda name: kept.get(name, "")
    room.desk.seating.chosen.connect(kept.__setitem__)


def spot_of(room: Room, key: str) -> QPoint:
    return room.window.wall.visualRect(room.wall.index(room.wall.row(key))).center()


def drag(room: Room, key: str, to: QPoint) -> None:
    field, at = room.window.wall.viewport(), spot_of(room, key)
    QTest.mousePress(field, LEFT, pos=at)
    QTest.mouseMove(field, (at + to) / 2)
    QTest.mouseMove(field, to)
    QTest.mouseRelease(field, LEFT, pos=to)
    room.settle()


def test_a_seat_dragged_to_a_gap_stands_there_and_is_kept(opened: Opens, room: Room) -> None:
    kept: dict[str, str] = {}
    keep(room, kept)
    assert room.wall.columns_seen == 7
    room.desk.arrange()
    room.settle()
    assert room.window.bar_arrange.isVisible()
    assert not room.window.bar_d.isVisible()
    corner = room.wall.index(room.wall.rowCount() - 1)
    room.window.wall.scrollTo(corner)
    drag(room, "p0", room.window.wall.visualRect(corner).center())
    room.button("arrange-done").click()
    room.settle()
    assert room.wall.columns == 8
    assert room.wall.tile_at(0) is None
    assert room.window.bar_d.isVisible()
    assert room.wall.row("p0") == room.wall.rowCount() - 1
    assert room.wall.tiles()[0].seat == 1  # the number of the class list, wherever it stands

    again = opened()
    keep(again, kept)
    again.begin(classroom(28))
    assert [again.wall.key_at(row) for row in range(again.wall.rowCount())] == [
        room.wall.key_at(row) for row in range(room.wall.rowCount())
    ]
    rows = [tile.picture.top() for tile in again.window.tiles_seen()]
    assert len(again.window.tiles_seen()) == 28
    assert rows[-1] > rows[-2]


def test_a_seat_dragged_on_another_changes_places_with_it_and_undo_takes_it_back(
    room: Room,
) -> None:
    room.desk.arrange()
    room.settle()
    before = room.wall.row("p3"), room.wall.row("p9")
    drag(room, "p3", spot_of(room, "p9"))
    assert (room.wall.row("p9"), room.wall.row("p3")) == before
    assert room.acts.asked == []
    room.desk.undo()
    assert (room.wall.row("p3"), room.wall.row("p9")) == before
    room.desk.escape()
    assert not room.desk.seating.on


def test_control_and_an_arrow_move_the_seat_that_has_the_keys(room: Room) -> None:
    wall = room.window.wall
    room.desk.arrange()
    wall.make_current("p8")
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
        QTest.keyClick(wall, key, CTRL)
    assert room.wall.plan
    assert room.wall.plan.spots["p8"] == (2, 2)
    assert wall.currentIndex().data() == room.wall.tiles()[8].name
    assert room.wall.selected == frozenset()
    for _ in range(4):
        QTest.keyClick(wall, Qt.Key.Key_Left, CTRL)
    assert room.wall.plan.spots["p8"] == (0, 2)  # and no further


def test_gaps_are_nobody_for_keys_selection_and_pictures(room: Room) -> None:
    room.desk.arrange()
    room.desk.seating.place("p1", (9, 0))
    room.desk.seating.done()
    room.settle()
    room.window.wall.selectAll()
    assert len(room.wall.selected) == 28
    room.window.wall.invert()
    assert room.wall.selected == frozenset()
    room.window.wall.make_current("p0")
    QTest.keyClick(room.window.wall, Qt.Key.Key_Right)
    assert room.wall.selected == {"p2"}
    room.wall.show(classroom(30))  # two who are new stand behind the others
    room.settle()
    assert room.wall.row("p28") > room.wall.row("p27")
    room.wall.show(classroom(3))
    room.settle()
    assert len(room.window.tiles_seen()) == 3


def test_a_plan_that_makes_no_sense_hides_nobody() -> None:
    assert read("nonsense") is read('{"a":[99,0]}') is read('{"a":[-1,0]}') is None
    twice = read('{"a":[1,0],"b":[1,0],"gone":[3,3]}')
    assert twice
    whole = with_all(twice, ["a", "b", "c"])
    assert set(whole.spots) == {"a", "b", "c"}
    assert len(set(whole.spots.values())) == 3
    assert Plan({"a": (COLUMNS_MAX - 1, 0)}).columns == COLUMNS_MAX


def test_a_group_is_kept_by_its_keys_chosen_again_and_taken_back(room: Room) -> None:
    kept: dict[str, str] = {}
    keep(room, kept)
    room.wall.select({"p1", "p2", "p5"})
    QTest.keyClick(room.window.wall, Qt.Key.Key_3, CTRL | SHIFT)
    assert room.desk.said().text == "Group 3: Aïcha, Anouk, Chloé"
    room.wall.select(())
    room.wall.set_filter("lina")
    QTest.keyClick(room.window.wall, Qt.Key.Key_3, CTRL)
    assert room.wall.selected == {"p1", "p2", "p5"}
    assert room.desk.scope_words() == "3 pupils"
    room.desk.seating.enter("another class")
    assert room.desk.seating.groups() == {}
    room.desk.seating.enter(LESSON.class_id)
    assert room.desk.seating.groups() == {3: {"p1", "p2", "p5"}}
    room.wall.select({"p7"})
    room.desk.keep_group(3)
    room.desk.undo()
    assert room.desk.seating.groups() == {3: {"p1", "p2", "p5"}}
    menu = room.window.bar_d.groups
    menu.tell()
    assert [action.text() for action in menu.actions()] == [
        "Group 3: Aïcha, Anouk, Chloé\tCtrl+3",
        "Keep the chosen as group 1\tCtrl+Shift+1",
    ]
    room.now += UNDO_SECONDS
    room.desk.choose_group(9)
    assert "Ctrl+Shift+9" in room.desk.said().text


def test_digits_are_found_by_their_place_where_shift_types_them() -> None:
    """On a French keyboard the key of 1 types "&", and 1 only with Shift."""
    press = QEvent.Type.KeyPress
    assert number_of(QKeyEvent(press, Qt.Key.Key_Ampersand, CTRL, 10, 0, 0)) == 1
    assert number_of(QKeyEvent(press, Qt.Key.Key_1, CTRL | SHIFT, 18, 0, 0)) == 9
    assert number_of(QKeyEvent(press, Qt.Key.Key_4, CTRL)) == 4
    assert number_of(QKeyEvent(press, Qt.Key.Key_A, CTRL, 38, 0, 0)) == 0


def test_a_rubber_band_from_between_tiles_chooses_what_it_touches(room: Room) -> None:
    field = room.window.wall.viewport()
    start = QPoint(1, spot_of(room, "p8").y())
    QTest.mousePress(field, LEFT, pos=start)
    for to in (spot_of(room, "p8"), spot_of(room, "p16")):
        QTest.mouseMove(field, to)
    QTest.mouseRelease(field, LEFT, pos=spot_of(room, "p16"))
    assert room.wall.selected == {"p7", "p8", "p9", "p14", "p15", "p16"}


def test_only_who_needs_me_means_hands_errors_and_gone_and_never_activity(room: Room) -> None:
    tiles = lively()
    replace(tiles, "Adam", State.NOT_COVERED, reason="keyboard")
    room.wall.show(tiles)
    room.wall.set_order("needing")
    room.settle()
    names = [tile.tile.name for tile in room.window.tiles_seen()]
    assert names == ["Lina", "Noah", "Yara", "Adam", "Tom"]
    tiles[2] = but(tiles[2], wish=Wish("hand", NOW, 3))
    room.wall.show(tiles)
    assert room.wall.row("p2") < 0  # it comes when the wall is sorted anew, not under the pointer
    room.wall.resort()
    assert room.wall.row("p2") >= 0
    room.wall.show(classroom(28))
    room.wall.resort()
    room.settle()
    assert not room.window.tiles_seen()
    room.desk.escape()
    assert room.wall.order == "seats"


def test_how_long_a_picture_is_the_same_is_said_only_when_asked_for_and_sorts_nothing(
    room: Room,
) -> None:
    first = room.wall.tiles()[0]
    order = [room.wall.key_at(row) for row in range(28)]
    room.now += 8 * 60
    room.wall.picture(room.wall.tiles()[1].device, room.wall.image(first.device) or room.grab())
    assert room.wall.words(first).fact == ""
    room.desk.turn_unchanged()
    assert room.wall.words(first).fact == "Unchanged for 8 min"
    assert room.wall.words(room.wall.tiles()[1]).fact == ""
    said = str(room.wall.index(0).data(Qt.ItemDataRole.AccessibleTextRole))
    assert said == "Adam, seat 1. Unchanged for 8 min."
    for order_by in ("attention", "needing", "name", "seats"):
        room.wall.set_order(order_by)
        shown = [room.wall.key_at(row) for row in range(room.wall.rowCount())]
        assert shown == ([] if order_by == "needing" else order)
    assert room.desk.chips() == []
    room.wall.set_hidden(True)
    assert room.wall.words(first).fact == ""
    assert room.wall.words(live(0, "Adam", State.DARK)).fact == ""


def test_a_picture_told_anew_is_no_change_and_what_nobody_saw_is_not_called_unchanged(
    room: Room,
) -> None:
    first = room.wall.tiles()[0]
    shown = room.wall.image(first.device)
    assert shown
    room.desk.turn_unchanged()
    room.now += 8 * 60
    room.wall.picture(first.device, shown.copy())
    assert room.wall.words(first).fact == "Unchanged for 8 min"
    seen = dict(room.seen)
    room.wall.see({})
    room.wall.see(seen)
    assert room.wall.words(first).fact == ""
    room.wall.picture(first.device, shown.copy())
    room.now += 2 * 60
    assert room.wall.words(first).fact == "Unchanged for 2 min"
