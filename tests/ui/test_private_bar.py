"""The bar: private time is offered and counted down there, and a close look's end is told."""

import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from device_bridge.agent.seat.bar import IndicatorBar
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.seat import ShowIndicator

CLOSE = ShowIndicator(1, on=True, teacher_name="Claire", look="close", close_seconds=230)


@pytest.fixture
def bar(qtbot: QtBot) -> IndicatorBar:
    made = IndicatorBar(Words("en"))
    qtbot.addWidget(made)
    return made


def test_a_close_look_is_told_apart_with_the_minutes_it_may_still_last(bar: IndicatorBar) -> None:
    bar.show_order(CLOSE, 0.0, hand_up=False)
    assert "Claire looks closely, for 4 min more at the most" in bar.accessibleName()
    bar.show_order(replace(CLOSE, look="overview", close_seconds=0), 0.0, hand_up=False)
    assert "Claire sees this screen" in bar.accessibleName()


def test_two_teachers_of_one_class_are_both_named_whoever_of_them_looks(bar: IndicatorBar) -> None:
    shared = replace(CLOSE, also=("Omar\u202e", ""))
    bar.show_order(shared, 0.0, hand_up=False)
    named = "Claire, Omar and Your teacher look closely, for 4 min more at the most"
    assert named in bar.accessibleName()
    bar.show_order(replace(shared, look="overview", also=("Omar",)), 0.0, hand_up=False)
    assert "Claire and Omar see this screen" in bar.accessibleName()


def test_private_is_offered_only_where_allowed_and_counts_down(bar: IndicatorBar) -> None:
    button = bar.private
    bar.show_order(CLOSE, 0.0, hand_up=False)
    assert button.isHidden()
    bar.show_order(replace(CLOSE, private="offered"), 0.0, hand_up=False)
    assert (button.isHidden(), button.accessibleName()) == (False, "Private")
    on = replace(CLOSE, look="none", private="on", private_seconds=125)
    bar.show_order(on, 0.0, hand_up=False)
    assert button.accessibleName() == "Stop: 2:05"
    assert "Private: nobody sees this screen" in bar.accessibleName()


def test_a_still_is_said_in_words_even_where_the_bar_was_folded_and_counted_afterwards(
    bar: IndicatorBar,
) -> None:
    bar.show_order(CLOSE, 0.0, hand_up=False)
    bar.findChildren(QPushButton)[-1].click()  # fold
    bar.show_order(CLOSE, 0.0, hand_up=False)
    assert bar.accessibleName().startswith("Claire,")
    bar.show_order(replace(CLOSE, stills=1, still_now=True), 0.0, hand_up=False)
    assert "Claire keeps a picture of your screen" in bar.accessibleName()
    bar.show_order(replace(CLOSE, stills=1), 0.0, hand_up=False)
    assert "Claire looks closely" in bar.accessibleName()
    assert bar.accessibleName().endswith("pictures kept: 1")


def test_however_long_the_names_the_bar_is_whole_on_its_screen(bar: IndicatorBar) -> None:
    names = ("Frau Schmidt-Rottluff-Berger", "Mr Llanfairpwllgwyngyll", "W" * 64)
    bar.show_order(replace(CLOSE, teacher_name="W" * 64, also=names), 0.0, hand_up=False)
    assert bar.width() <= bar.screen().geometry().width()
    assert "W" * 21 in bar.accessibleName()


def test_what_would_open_below_a_show_is_not_offered_and_the_hand_is(bar: IndicatorBar) -> None:
    order = replace(CLOSE, hand_in_folder="/home/lina/Hand in")
    bar.show_order(order, 0.0, hand_up=False)
    hand, *doors = bar.findChildren(QPushButton)[:5]
    assert not any(door.isHidden() for door in doors)
    bar.covered = True
    bar.show_order(order, 0.0, hand_up=False)
    fold = bar.findChildren(QPushButton)[-1]
    for _ in range(2):
        assert all(door.isHidden() for door in doors)
        fold.click()
    assert not hand.isHidden()
    bar.covered = False
    bar.show_order(replace(order, hand_in_folder=""), 0.0, hand_up=False)
    assert [door.isHidden() for door in doors] == [False, False, True, False]
