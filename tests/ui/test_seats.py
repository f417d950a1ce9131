"""Who sits where: names chosen on devices get a yes, and anyone can be seated by hand."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from classroom_app.domain.lesson import DeviceId, PupilId
from classroom_app.domain.tile import State, Tile, Wish
from classroom_app.presenters.seats import choices, short_names
from classroom_app.views.seats import SeatSheet, SeatsSheet
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, classroom, live, replace
from tests.ui.test_desk import CTRL, click, press

pytestmark = pytest.mark.real_loop


def cart(*claimed: int, count: int = 6) -> list[Tile]:
    """Return a class whose devices know nobody; at `claimed` a name was chosen."""
    pupils = classroom(count, State.NOT_HERE)
    devices = [
        Tile(
            PupilId(""),
            DeviceId(f"d{at}"),
            f"Tablet {at + 1}",
            0,
            State.LIVE,
            claim=PupilId(f"p{at}") if at in claimed else PupilId(""),
        )
        for at in range(count)
    ]
    return [*pupils, *devices]


@pytest.mark.parametrize(
    ("names", "shorts"),
    [
        ("Adam Lina Noah", "Ad Li No"),
        ("Emre Emil Elif", "Emr Emi El"),
        ("Linus Lina Linda Li", "Lu La Ld Li"),
        ("Lina_M. Lina_B. Linus", "LiM LiB Li"),
        ("Adam Adam_B Aya_B Aïcha_B Aylin", "Ad AdB Aya Aï Ayl"),
        ("Lina Lina", "1 2"),
    ],
)
def test_no_two_seats_of_the_map_bear_the_same_letters(names: str, shorts: str) -> None:
    called = [name.replace("_", " ") for name in names.split()]
    tiles = [live(at, name) for at, name in enumerate(called)]
    tiles.append(Tile(PupilId(""), DeviceId("d9"), "Tablet 9", 0, State.LIVE))
    found = short_names(tiles)
    assert [found[key] for key in (*(f"p{at}" for at in range(len(called))), "d9")] == [
        *shorts.split(),
        "9",
    ]


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(cart(1))
    made.window.activateWindow()
    made.window.wall.setFocus()
    return made


def chips(room: Room) -> list[tuple[str, str]]:
    return [(chip.name, chip.words) for chip in room.desk.chips()]


def test_a_name_chosen_on_a_device_is_one_chip_that_asks_for_a_yes(room: Room) -> None:
    assert chips(room) == [("Aïcha", "at Tablet 2?")]
    click(room, "chip")
    sheet = next(one for one in room.window.findChildren(SeatsSheet) if one.isVisible())
    yes = [one.text() for one in sheet.findChildren(QPushButton) if one.isVisible()]
    assert yes == ["Yes", "No"], "two buttons for one yes would ask which is which"
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("seat", ("Tablet 2",), "p1")]
    assert room.desk.said().text == "Aïcha sits at Tablet 2"
    assert room.desk.said().undo


def test_a_device_where_nobody_sits_is_not_counted_among_the_pupils(room: Room) -> None:
    assert room.desk.scope_words() == "everybody", "six pupils and six tablets are not 12 pupils"
    room.wall.show(classroom(6))
    room.settle()
    assert room.desk.scope_words() == "all 6"


def test_thirty_names_are_one_chip_and_one_button(room: Room) -> None:
    room.wall.show(cart(0, 1, 2, 5))
    room.settle()
    assert chips(room) == [("4 names to confirm", "")]
    click(room, "chip")
    assert room.button("claims-confirm").text() == "Yes to all 4"
    press(room, Qt.Key.Key_Return)
    assert [pupil for _, _, pupil in room.acts.asked] == ["p0", "p1", "p2", "p5"]
    assert room.desk.said().text == "4 names confirmed"


def test_a_no_in_the_sheet_seats_nobody_and_leaves_the_others_waiting(room: Room) -> None:
    room.wall.show(cart(0, 1))
    room.settle()
    click(room, "chip")
    click(room, "row-no")
    assert room.acts.asked == [("seat", ("Tablet 1",), "")]
    room.wall.show(cart(1))
    room.settle()
    room.desk.changed.emit()
    assert room.window.focusWidget() is room.button("row-yes"), "Enter is where it was"
    click(room, "row-yes")
    assert room.acts.asked[1] == ("seat", ("Tablet 2",), "p1")
    room.wall.show(cart())
    room.settle()
    room.desk.changed.emit()
    assert not [sheet for sheet in room.window.findChildren(SeatsSheet) if sheet.isVisible()]


def test_by_keyboard_alone_f6_enter_and_yes(room: Room) -> None:
    press(room, Qt.Key.Key_F6)
    press(room, Qt.Key.Key_Return)
    assert (room.desk.page, room.desk.focused) == ("focus", "d1")
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("seat", ("Tablet 2",), "p1")]
    assert room.desk.focused == "p1"  # the look stays with the device, under its pupil's name


def test_a_no_in_the_close_look_asks_the_device_again(room: Room) -> None:
    room.desk.open("d1")
    click(room, "claim-no")
    assert room.acts.asked == [("seat", ("Tablet 2",), "")]
    assert room.desk.said().text == "Nobody yet at Tablet 2"
    assert room.desk.focused == "d1"


def test_a_claim_hides_no_raised_hand(room: Room) -> None:
    tiles = cart(1)
    at = next(at for at, tile in enumerate(tiles) if tile.device == "d1" and not tile.pupil)
    tiles[at] = Tile(
        PupilId(""),
        DeviceId("d1"),
        "Tablet 2",
        0,
        State.LIVE,
        claim=PupilId("p1"),
        wish=Wish("hand", NOW - 5, 1),
    )
    room.wall.show(tiles)
    assert chips(room) == [("Aïcha", "at Tablet 2?"), ("Tablet 2", "5 s")]


def test_a_claim_to_a_name_of_another_class_is_nobodys(room: Room) -> None:
    stranger = Tile(PupilId(""), DeviceId("d9"), "Tablet 9", 0, State.LIVE, claim=PupilId("x"))
    room.wall.show([*cart(), stranger])
    assert chips(room) == []


def test_the_teacher_seats_somebody_by_typing_a_name(room: Room) -> None:
    room.desk.open("d3")
    click(room, "seat")
    QTest.keyClicks(room.window.focusWidget(), "chl")
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("seat", ("Tablet 4",), "p5")]
    assert not [sheet for sheet in room.window.findChildren(SeatSheet) if sheet.isVisible()]


def test_after_a_sheet_the_keys_go_where_they_went_before(room: Room) -> None:
    room.desk.open("d3")
    click(room, "seat")
    press(room, Qt.Key.Key_Return)
    room.settle()
    press(room, Qt.Key.Key_Left)
    assert room.window.focusWidget() is room.window.focus
    room.desk.go_home()
    press(room, Qt.Key.Key_M, CTRL)
    press(room, Qt.Key.Key_Escape)
    assert room.window.focusWidget() is room.window.wall


def test_arrows_walk_the_list_while_one_types(room: Room) -> None:
    room.desk.open("d3")
    click(room, "seat")
    press(room, Qt.Key.Key_Down)
    press(room, Qt.Key.Key_Down)
    press(room, Qt.Key.Key_Up)
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("seat", ("Tablet 4",), "p1")]


def test_who_has_no_device_comes_first_and_nobody_is_a_choice_where_somebody_sits() -> None:
    tiles = classroom(4)
    replace(tiles, "Bilal", State.NOT_HERE)
    found = choices(tiles, tiles[0])
    assert [choice.pupil for choice in found] == ["p3", "p1", "p2", ""]
    nobody = Tile(PupilId(""), DeviceId("d9"), "Tablet 9", 0, State.LIVE)
    assert [choice.pupil for choice in choices(tiles, nobody)] == ["p3", "p0", "p1", "p2"]


def test_another_in_somebodys_place_is_said_with_both_names(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(4))
    room.desk.ask("seat", "p0")
    press(room, Qt.Key.Key_Return)
    assert room.acts.asked == [("seat", ("Adam",), "p1")]
    assert room.desk.said().text == "Aïcha sits where Adam sat"
    room.desk.undo()
    assert room.acts.asked[-1][0] == "undo"


def test_the_menu_of_a_seat_offers_what_can_be_done_there(room: Room) -> None:
    menu = room.window.wall.menu
    there, missing = room.wall.tile("d1"), room.wall.tile("p1")
    assert there
    assert missing
    menu.tell(there)
    shown = [action.text() for action in menu.actions() if action.isVisible()]
    assert shown == ["Look closely", "Who sits here…"]
    menu.tell(missing)
    shown = [action.text() for action in menu.actions() if action.isVisible()]
    assert shown == ["Look closely", "Why not here? Connection check"]


def test_a_screen_reader_hears_that_a_name_waits(room: Room) -> None:
    index = room.wall.index(room.wall.row("d1"))
    said = str(index.data(Qt.ItemDataRole.AccessibleTextRole))
    assert said == "Tablet 2. A name was chosen there and waits for your yes. Nobody yet."
