"""What moves and for how long, by a clock that is told: a picture at each moment, no waiting."""

from collections.abc import Sequence

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QPaintEvent, QRegion
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from classroom_app.domain.tile import State, Tile, Wish
from classroom_app.presenters.chips import News, chips
from classroom_app.views import motion
from classroom_app.views.buttons import ChipButton
from classroom_app.views.motion import Motion
from classroom_app.views.sheets import SLIDE_PX, Sheet
from classroom_app.views.wall import SWELL_PX
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, classroom, live, replace

pytestmark = pytest.mark.real_loop


@pytest.fixture
def room(opened: Opens) -> Room:
    made = opened()
    made.begin(classroom())
    return made


def later(room: Room, milliseconds: float) -> QImage:
    """Let time pass, with one frame at its end, and look."""
    room.now += (milliseconds + 0.001) / 1000  # beside a million seconds 0.15 is a little less
    room.window.motion.tick()
    return room.grab()


def turn(room: Room, tiles: Sequence[Tile]) -> QImage:
    room.wall.show(tiles)
    room.speak()
    return room.grab()


def corner(room: Room, row: int) -> QPoint:
    """Return a spot of the tile that a picture covers and the padlock does not."""
    return room.window.tiles_seen()[row].picture.topLeft() + QPoint(20, 40)


def between(one: QColor, two: QColor, part: float) -> QColor:
    return QColor(
        *(round(a + (b - a) * part) for a, b in zip(rgb(one), rgb(two), strict=True)),
    )


def rgb(colour: QColor) -> tuple[int, int, int]:
    return colour.red(), colour.green(), colour.blue()


def near(one: QColor, two: QColor) -> bool:
    return all(abs(a - b) <= 3 for a, b in zip(rgb(one), rgb(two), strict=True))


def test_a_tile_fades_from_its_picture_to_its_lock_in_150_ms(room: Room) -> None:
    spot, held = corner(room, 0), room.window.theme.colour("held")
    was = room.grab().pixelColor(spot)
    at_once = turn(room, classroom(state=State.LOCKED))
    assert near(at_once.pixelColor(spot), was)
    assert near(later(room, 75).pixelColor(spot), between(was, held, 0.5))
    assert later(room, 75).pixelColor(spot) == held
    assert not room.window.motion.moving()


def test_a_hundred_tiles_turn_on_one_timer_and_only_they_are_painted(
    opened: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = opened()
    tiles = classroom(100)
    room.begin(tiles, (1920, 1080))
    wall, painted = room.window.wall, set[int]()
    paint = type(wall).paintEvent

    def note(self: QWidget, event: QPaintEvent) -> None:
        region = event.region()
        rows = range(room.wall.rowCount())
        painted.update(
            row for row in rows if region.intersects(wall.visualRect(room.wall.index(row)))
        )
        paint(self, event)  # pyright: ignore[reportArgumentType] - it is the wall's own

    monkeypatch.setattr(type(wall), "paintEvent", note)
    turned = [3, 40, 97]
    for row in turned:
        tiles[row] = live(row, tiles[row].name, State.LOCKED)
    room.wall.show(tiles)
    room.speak()
    QTest.qWait(0)
    painted.clear()
    room.now += 0.075
    room.window.motion.tick()
    QTest.qWait(0)
    assert painted == set(turned)
    assert len(room.window.motion.findChildren(QTimer)) == 1


def test_a_picture_that_comes_while_a_tile_fades_is_there_at_once(room: Room) -> None:
    tiles = classroom()
    replace(tiles, "Adam", State.STALE, since=NOW - 9)
    turn(room, tiles)
    room.settle()
    spot, red = corner(room, 0), QImage(400, 225, QImage.Format.Format_RGB32)
    red.fill(0xFFCC0011)
    turn(room, classroom())
    later(room, 75)
    room.wall.picture(tiles[0].device, red)
    room.speak()
    shown = room.grab().pixelColor(spot)
    veiled = between(QColor(0xCC0011), room.window.theme.colour("surface"), 0.65)
    assert near(shown, between(veiled, QColor(0xCC0011), 0.5))


def test_a_tile_that_turns_again_while_it_fades_arrives_where_it_is_now(room: Room) -> None:
    tiles = classroom()
    turn(room, classroom(state=State.ASKED))
    later(room, 60)
    turn(room, classroom(state=State.LOCKED))
    later(room, 60)
    turn(room, tiles)
    ended = later(room, 150)
    assert not room.window.motion.moving()
    assert ended == room.grab()
    assert room.window.wall.tiles.fades == {}


def test_a_fade_ends_where_the_tiles_get_another_size(room: Room) -> None:
    turn(room, classroom(state=State.LOCKED))
    room.window.resize(1500, 900)
    held = room.window.theme.colour("held")
    assert room.grab().pixelColor(corner(room, 0)) == held


def test_pictures_that_are_hidden_do_not_fade_out(room: Room) -> None:
    red = QImage(400, 225, QImage.Format.Format_RGB32)
    red.fill(0xFFCC0011)
    room.wall.picture(room.wall.tiles()[0].device, red)
    tiles = classroom()
    replace(tiles, "Adam", State.ASKED)
    turn(room, tiles)
    spot = corner(room, 0)
    assert later(room, 30).pixelColor(spot) == QColor(0xCC0011)
    room.wall.set_hidden(True)
    assert room.grab().pixelColor(spot) == room.window.theme.colour("surface")


def test_with_less_motion_all_is_there_at_once_and_no_timer_runs(room: Room) -> None:
    room.window.motion.choose(less=True)
    held = room.window.theme.colour("held")
    tiles = classroom(state=State.LOCKED)
    tiles[0] = live(0, "Adam", State.LOCKED, wish=Wish("hand", NOW, 1))
    assert turn(room, tiles).pixelColor(corner(room, 1)) == held
    room.window.open_sheet("message")
    assert not room.window.motion.moving()
    assert room.window.wall.tiles.swells == {}


def hand_up(tiles: list[Tile], name: str, place: int = 1) -> list[Tile]:
    replace(tiles, name, State.LIVE, wish=Wish("hand", NOW, place))
    return tiles


def shown_chips(room: Room) -> list[ChipButton]:
    return [chip for chip in room.window.bar_b.chips if chip.isVisible()]


def test_a_new_chip_slides_in_in_200_ms_and_what_was_there_stays(room: Room) -> None:
    tiles = hand_up(classroom(), "Lina")
    turn(room, tiles)
    later(room, 500)
    turn(room, hand_up(tiles, "Noah", 2))
    lina, noah = shown_chips(room)
    ask = room.window.theme.colour("ask")

    def yellow(chip: ChipButton) -> int:
        """Return how many pixels of its middle line are its own."""
        seen = chip.grab().toImage()
        return sum(seen.pixelColor(x, 4) == ask for x in range(seen.width()))

    whole = yellow(lina)
    assert whole > 60
    assert yellow(noah) == 0
    later(room, 60)
    half = yellow(noah)
    later(room, 140)
    assert 0 < half < yellow(noah)
    assert yellow(lina) == whole
    assert room.window.motion.moving(), "its tile's frame still swells"
    later(room, 200)
    assert not room.window.motion.moving()


def test_the_frame_of_its_tile_swells_once(room: Room) -> None:
    def ink(seen: QImage) -> int:
        """Count the dark pixels left of the tile's left edge, in the middle of its height."""
        box = room.window.tiles_seen()[17].picture
        y, dark = box.center().y(), room.window.theme.colour("ink")
        return sum(seen.pixelColor(x, y) == dark for x in range(box.left() - 14, box.left()))

    started = turn(room, hand_up(classroom(), "Lina"))
    widths = [ink(started), *(ink(later(room, 100)) for _ in range(4))]
    assert widths == [3, 5, 6, 5, 0]


def test_a_swollen_frame_leaves_nothing_beside_its_tile(
    opened: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = opened()
    room.begin(classroom(), (1920, 1080))
    wall, painted = room.window.wall, QRegion()
    paint = type(wall).paintEvent

    def note(self: QWidget, event: QPaintEvent) -> None:
        nonlocal painted
        painted = painted.united(event.region())
        paint(self, event)  # pyright: ignore[reportArgumentType] - it is the wall's own

    monkeypatch.setattr(type(wall), "paintEvent", note)
    room.wall.show(hand_up(classroom(), "Lina"))
    room.speak()
    QTest.qWait(0)
    cell = QRectF(wall.visualRect(room.wall.index(17)))
    reach = 4 + SWELL_PX
    swollen = wall.tiles.tile_rect(cell).toRect().adjusted(-reach, -reach, reach, reach)
    assert not cell.toRect().contains(swollen), "else its cell is enough"
    painted = QRegion()
    room.now += 1
    room.window.motion.tick()
    QTest.qWait(0)
    assert QRegion(swollen).subtracted(painted).isEmpty()


def test_a_chip_that_only_counts_on_is_no_news() -> None:
    news, tiles = News(), hand_up(classroom(), "Lina")
    assert [chip.name for chip in news.of(chips(tiles, NOW))] == ["Lina"]
    assert news.of(chips(tiles, NOW + 60)) == []
    replace(tiles, "Tom", State.GONE, since=NOW + 60)
    assert [chip.name for chip in news.of(chips(tiles, NOW + 61))] == ["Tom"]
    assert news.of(chips(classroom(), NOW + 62)) == []
    assert [chip.name for chip in news.of(chips(tiles, NOW + 63))] == ["Lina", "Tom"]


def test_a_sheet_slides_from_its_button_and_may_be_closed_on_the_way(room: Room) -> None:
    room.window.open_sheet("message")
    sheet = next(each for each in room.window.findChildren(Sheet) if each.isVisible())
    at = [sheet.y()]
    for _ in range(2):
        later(room, motion.SHEET_MS / 2)
        at.append(sheet.y())
    assert at[2] - at[0] == SLIDE_PX
    assert 0 < at[2] - at[1] < SLIDE_PX / 2, "it slows down as it arrives"
    assert not room.window.motion.moving()
    room.window.open_sheet("more")
    room.window.close_sheet()
    assert not room.window.motion.moving()
    later(room, 200)


def test_less_motion_is_chosen_by_keyboard_and_told(room: Room) -> None:
    window = room.window
    window.activateWindow()
    window.wall.setFocus()
    told: list[bool] = []
    window.motion_chosen.connect(told.append)
    for less in (True, False):
        QTest.keyClick(
            window.focusWidget() or window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier
        )
        while (at := window.focusWidget()) and at.objectName() != "motion":
            QTest.keyClick(at, Qt.Key.Key_Tab)
        QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
        assert window.motion.less is less
    assert told == [True, False]


def test_the_system_may_ask_for_less(opened: Opens) -> None:
    steps: list[float] = []
    still = Motion(lambda: 0.0, system_less=lambda: True)
    still.start(motion.FADE_MS, steps.append)
    assert steps == [1.0]
    assert motion.system_asks_for_less() in {True, False}
    del opened


def test_nothing_moves_while_documents_are_on_their_way(opened: Opens) -> None:
    steps, carrying = list[float](), True
    moving = Motion(lambda: 0.0, busy=lambda: carrying)
    moving.start(motion.FADE_MS, steps.append)
    carrying = False
    moving.start(motion.FADE_MS, steps.append)
    assert steps == [1.0, 0.0]
    moving.finish()
    del opened


def test_a_real_timer_brings_it_to_its_end(qtbot: QtBot) -> None:
    """By Qt's own clock, as in the app: offscreen and in a real window alike."""
    now, steps = 0.0, list[float]()

    def clock() -> float:
        nonlocal now
        now += 0.05
        return now

    moving = Motion(clock)
    moving.start(motion.FADE_MS, steps.append)
    qtbot.waitUntil(lambda: not moving.moving())
    assert steps[0] == 0.0
    assert steps[-1] == 1.0
    assert steps == sorted(steps)
