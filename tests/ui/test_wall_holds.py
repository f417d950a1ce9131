"""Whatever happens to the window or the class: no tile is blank, and nothing is painted in vain."""

import time

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from classroom_app.domain.tile import State
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, classroom, live
from tests.ui.test_layout import TABLE

pytestmark = pytest.mark.real_loop
COUNTS = (1, 9, 24, 28, 40, 100)


def blank(room: Room, image: QImage) -> list[str]:
    """Return the visible tiles whose place shows nothing but the ground they stand on."""
    ground = room.window.theme.colour("bg").rgb()
    found: list[str] = []
    for seen in room.window.tiles_seen():
        spot = seen.picture
        points = [
            (x, y)
            for x in range(spot.left(), spot.right(), 7)
            for y in range(spot.top(), spot.bottom() + 20, 7)
        ]
        if not spot.isEmpty() and all(image.pixel(x, y) == ground for x, y in points):
            found.append(seen.tile.name)
    return found


class Paints(QObject):
    """Counts how often a widget is asked to paint itself."""

    count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Paint:
            self.count += 1
        return super().eventFilter(watched, event)


@pytest.mark.parametrize(("size", "expected"), TABLE.items())
def test_the_window_lays_tiles_out_as_the_table_says(
    opened: Opens, size: tuple[int, int], expected: list[str]
) -> None:
    room = opened()
    room.begin(classroom(1), size)
    laid: list[str] = []
    for count in COUNTS:
        room.wall.show(classroom(count))
        room.settle()
        made = room.window.wall.tiles.grid
        laid.append(f"{int(made.width)}x{made.columns}")
        spots = [seen.picture for seen in room.window.tiles_seen() if not seen.picture.isEmpty()]
        # In the first row are as many as the table says: Qt has wrapped none of them.
        assert len([s for s in spots if s.top() == spots[0].top()]) == min(count, made.columns)
    assert laid == expected


def test_no_tile_is_blank_in_the_middle_of_resizing_or_of_another_look_or_language(
    opened: Opens,
) -> None:
    room = opened()
    room.begin(classroom(28))
    longest = 0.0
    for turn in range(8):
        began = time.perf_counter()
        room.window.resize(1024 + 90 * turn, 600 + 40 * turn)
        if turn % 3 == 1:
            room.window.turn("dark" if turn % 2 else "light")
        if turn % 3 == 2:
            QCoreApplication.sendEvent(room.window, QEvent(QEvent.Type.LanguageChange))
        QCoreApplication.sendPostedEvents()
        longest = max(longest, time.perf_counter() - began)
        assert blank(room, room.grab()) == []
    print(f"longest turn {longest * 1000:.0f} ms")


def test_a_hundred_devices_that_leave_at_once_never_blank_a_tile(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(100), (1920, 1080))
    paints = Paints()
    room.window.wall.viewport().installEventFilter(paints)
    gone = [live(at, tile.name, State.GONE, since=NOW) for at, tile in enumerate(classroom(100))]
    began = time.perf_counter()
    for at in range(1, 101):
        room.wall.show([*gone[:at], *classroom(100)[at:]])
    took = time.perf_counter() - began
    assert paints.count == 0  # nothing is painted before all has been said
    began = time.perf_counter()
    room.wall.flush()
    assert blank(room, room.grab()) == []
    print(
        f"100 words {took * 1000:.0f} ms, their picture {(time.perf_counter() - began) * 1000:.0f}"
    )
    room.settle()
    assert blank(room, room.grab()) == []
    assert paints.count <= 4


def test_the_frame_of_the_keys_is_there_only_while_keys_walk_the_wall(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(9))
    wall = room.window.wall
    at = wall.picture_rect(4).center() - wall.viewport().pos()
    assert not wall.tiles.ring
    QTest.keyClick(wall, Qt.Key.Key_Escape)
    assert not wall.tiles.ring
    QTest.keyClick(wall, Qt.Key.Key_Right)
    assert wall.tiles.ring
    QTest.mouseClick(wall.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert not wall.tiles.ring
    room.desk.reveal("p2")
    assert wall.tiles.ring


def test_a_wall_stays_where_it_is_scrolled_to_whoever_comes_or_moves(
    opened: Opens, qtbot: QtBot
) -> None:
    room = opened()
    room.begin(classroom(40))
    room.wall.set_zoom(2.5)
    bar = room.window.wall.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 3 * bar.singleStep())
    there = 3 * bar.singleStep()
    bar.setValue(there)
    room.wall.show(classroom(41))
    assert bar.value() == there
    room.wall.set_order("attention")
    room.wall.resort()
    room.settle()
    assert bar.value() == there
    room.wall.show([])
    room.settle()
    assert not bar.isVisible(), "nobody is here, so there is nothing to scroll"


def test_keys_go_on_choosing_a_range_while_seats_are_sorted_and_told_anew(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(9))
    room.wall.set_order("attention")
    wall = room.window.wall
    QTest.keyClick(wall, Qt.Key.Key_Home)
    QTest.keyClick(wall, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    room.wall.resort()
    room.wall.show([*classroom(8), live(8, "Zoé")])
    room.settle()
    QTest.keyClick(wall, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert len(room.wall.selected) == 3


def turn(room: Room, down: int, held: Qt.KeyboardModifier, across: int = 0) -> None:
    """Turn the wheel on the wall by so many eighths of a degree."""
    event = QWheelEvent(
        QPointF(200, 200),
        QPointF(),
        QPoint(),
        QPoint(across, down),
        Qt.MouseButton.NoButton,
        held,
        Qt.ScrollPhase.NoScrollPhase,
        False,  # noqa: FBT003 - Qt's places
    )
    QCoreApplication.sendEvent(room.window.wall.viewport(), event)


def test_a_touchpad_zooms_and_scrolls_by_the_steps_of_a_wheel(opened: Opens, qtbot: QtBot) -> None:
    room = opened()
    room.begin(classroom(40))
    plain, held = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
    for _ in range(10):
        turn(room, 12, held)
    turn(room, 0, held, across=120)
    assert room.wall.zoom == 1.15
    turn(room, 120, held)
    assert room.wall.zoom == 1.3
    room.wall.set_zoom(2.5)
    bar = room.window.wall.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    for _ in range(10):
        turn(room, -12, plain)
    assert bar.value() == bar.singleStep()
    turn(room, -120, plain)
    assert bar.value() == 2 * bar.singleStep()


def test_one_row_of_tiles_hangs_in_the_middle(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(1), (1920, 1080))
    wall = room.window.wall
    free = wall.height() - wall.picture_rect(0).bottom(), wall.picture_rect(0).top()
    assert abs(free[0] - free[1]) < 80, "the caption is below"
    assert wall.picture_rect(0).bottom() < wall.height()
