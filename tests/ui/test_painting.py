"""What a person sees: colours of every state, no elided button, and references that stay whole."""

import sys
from itertools import pairwise

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEvent, QSize, QTimerEvent
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QPushButton

from classroom_app.domain.tile import State, Wish
from classroom_app.views.buttons import ActButton
from classroom_app.views.sheets import Sheet
from tests.ui.conftest import Opens
from tests.ui.room import NOW, Room, classroom, live, lively, locked, screen

pytestmark = pytest.mark.real_loop
LOOKS = ("light", "dark")
LANGUAGES = ("en", "fr", "de")


def share(room: Room, image: QImage, row: int, token: str) -> float:
    """Return which part of a tile is painted in exactly that colour."""
    wall = room.window.wall
    spot = wall.picture_rect(row)
    spot.translate(wall.mapTo(room.window, wall.rect().topLeft()))
    spot.adjust(-8, -8, 8, room.window.wall.tiles.grid.caption + 4)
    colour = room.window.theme.colour(token).rgb()
    points = [
        (x, y) for x in range(spot.left(), spot.right()) for y in range(spot.top(), spot.bottom())
    ]
    found = sum(image.pixel(x, y) == colour for x, y in points[::3])
    return found / len(points[::3])


@pytest.mark.parametrize("theme", LOOKS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_is_painted_by_its_own_family(opened: Opens, theme: str, language: str) -> None:
    room = opened(language, theme)
    tiles = [live(at, state.value, state, since=NOW - 9) for at, state in enumerate(State)]
    tiles.append(live(20, "wish", wish=Wish("hand", NOW - 3, 1)))
    room.begin(tiles)
    image = room.grab()
    at = {state: row for row, state in enumerate(State)}
    assert share(room, image, at[State.LOCKED], "held") > 0.6
    for state in (State.NOT_COVERED, State.TWIN, State.CLOCK):
        assert share(room, image, at[state], "fail") > 0.12, state
    for state in (State.NOT_HERE, State.GONE, State.DARK, State.PRIVATE, State.WAITING):
        assert share(room, image, at[state], "off2") > 0.1, state
    for state in (State.LIVE, State.STALE, State.GONE):
        assert share(room, image, at[state], "held") == 0, state
    assert 0.02 < share(room, image, at[State.ASKED], "held") < 0.4
    assert share(room, image, len(tiles) - 1, "ask") > 0.01
    assert share(room, image, at[State.LIVE], "ask") == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1366, 1280, 1279, 1024])
def test_no_button_is_cut(opened: Opens, language: str, width: int) -> None:
    room = opened(language)
    room.begin(lively(), (width, 768))
    room.wall.select({"p1", "p2", "p3", "p4"})
    room.settle()
    for button in room.window.bar_a.findChildren(ActButton):
        if not button.isVisible():
            continue
        assert button.width() >= button.sizeHint().width(), button.text()
        assert button.geometry().right() <= room.window.bar_a.width(), button.text()
    for button in room.window.bar_d.findChildren(QPushButton):
        if button.isVisible():
            assert button.width() >= button.minimumSizeHint().width(), button.text()
    edges = sorted(
        (b.geometry().left(), b.geometry().right())
        for b in room.window.bar_a.findChildren(ActButton)
        if b.isVisible()
    )
    assert all(one[1] < two[0] for one, two in pairwise(edges))


def test_a_locked_tile_shows_no_picture_and_hidden_pictures_are_hidden(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(9))
    red = QImage(QSize(400, 225), QImage.Format.Format_RGB32)
    red.fill(0xFFCC0011)
    room.wall.picture(room.wall.tiles()[0].device, red)
    room.settle()
    middle = room.window.tiles_seen()[0].picture.center()
    assert room.grab().pixelColor(middle).red() > 190
    room.wall.set_hidden(True)
    room.settle()
    assert room.grab().pixelColor(middle).name() != "#cc0011"
    room.wall.set_hidden(False)
    room.wall.show([live(0, "Adam", State.LOCKED), *classroom(9)[1:]])
    room.settle()
    assert room.grab().pixelColor(middle).name() != "#cc0011"


def test_the_window_tells_where_each_picture_stands(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(28), (1920, 1080))
    seen = room.window.tiles_seen()
    assert len({tile.picture.topLeft().toTuple() for tile in seen}) == 28
    assert all(room.window.rect().contains(tile.picture) for tile in seen)
    assert {pixels.width() for pixels in room.seen.values()} == {seen[0].picture.width()}


def test_sixty_tiles_are_all_visible_at_1920_by_1080(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(60), (1920, 1080))
    assert all(not tile.picture.isEmpty() for tile in room.window.tiles_seen())
    assert len(room.seen) == 60


def test_a_wall_nobody_sees_asks_for_no_picture(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(9))
    room.desk.go("journal")
    room.window.wall.look()
    assert room.seen == {}


def test_a_thousand_updates_leave_none_and_true_whole(opened: Opens) -> None:
    """PySide6 6.12.0 lost a reference to None or True at each of these (DESIGN, section 6)."""
    room = opened()
    room.begin(classroom(9))
    before = sys.getrefcount(None), sys.getrefcount(True)  # noqa: FBT003 - its references
    for number in range(1000):
        state = State.LIVE if number % 2 else State.STALE
        room.wall.show([live(0, "Adam", state), *classroom(9)[1:]])
        room.wall.flush()
        QCoreApplication.sendEvent(room.wall, QTimerEvent(1))
    after = sys.getrefcount(None), sys.getrefcount(True)  # noqa: FBT003
    assert all(late > early - 200 for early, late in zip(before, after, strict=True))


def test_both_looks_and_a_new_language_repaint_all(opened: Opens) -> None:
    room = opened("de", "dark")
    room.begin(locked())
    dark = room.grab()
    room.window.turn("light")
    room.settle()
    assert room.grab() != dark
    QCoreApplication.sendEvent(room.window, QEvent(QEvent.Type.LanguageChange))
    assert room.window.bar_a.lock.text() == "Sperren"


def test_the_close_picture_is_drawn_whole(opened: Opens) -> None:
    room = opened()
    room.begin(classroom(9), (1920, 1080))
    room.desk.open("p3")
    room.focus.picture(room.wall.tiles()[3].device, screen(0, QSize(1280, 720)))
    assert room.focus.pane.frames == 1
    room.settle()
    assert room.grab().pixelColor(100, 160).name() == "#2b579a"


def test_long_words_of_a_pupil_scroll_and_leave_the_class_map_in_view(opened: Opens) -> None:
    room = opened("fr")
    tiles = classroom(30)
    tiles[3] = replace(tiles[3], wish=Wish("hand", NOW - 20, 1, "Je ne sais pas. " * 31))
    room.begin(tiles)
    room.desk.open("p3")
    room.settle()
    view = room.window.focus
    below = view.map.mapTo(view, view.map.rect().bottomLeft()).y()
    assert below <= view.height()
    assert view.map.height() >= view.map.sizeHint().height()
    words = view.hand_words
    assert 0 < words.height() < words.text.height() == words.maximumHeight()


def test_sixty_seats_are_all_in_view_beside_long_words_in_a_small_window(opened: Opens) -> None:
    room = opened("de")
    tiles = classroom(60)
    tiles[3] = replace(tiles[3], wish=Wish("hand", NOW - 20, 1, "Ich weiß es nicht. " * 25))
    room.begin(tiles)
    room.desk.open("p3")
    room.settle()
    map_ = room.window.focus.map
    spots = [spot for _, spot in map_.spots()]
    assert len(spots) == 60
    assert all(map_.rect().contains(spot.toAlignedRect()) for spot in spots)
    assert min(min(spot.width(), spot.height()) for spot in spots) >= 22


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_button_moves_with_whom_it_would_touch_nor_with_a_sheet(
    opened: Opens, language: str
) -> None:
    room = opened(language)
    tiles = classroom(28)
    tiles[3] = live(3, "Maximiliane")
    room.begin(tiles)

    def stand() -> list[tuple[int, int]]:
        room.settle()
        return [(b.x(), b.width()) for b in room.window.bar_a.findChildren(ActButton)]

    before = stand()
    for keys in ({"p3"}, {"p11", "p4"}, {f"p{at}" for at in range(20)}):
        room.wall.select(keys)
        assert stand() == before, keys
    room.window.open_sheet("hand-out")
    assert stand() == before


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sheet", ["lock", "length", "message", "more"])
def test_no_button_of_a_sheet_is_cut(opened: Opens, language: str, sheet: str) -> None:
    room = opened(language)
    room.begin(lively())
    room.window.open_sheet(sheet)
    room.settle()
    buttons = [b for b in room.window.findChildren(QPushButton) if isinstance(b.parent(), Sheet)]
    assert buttons
    for button in buttons:
        assert button.width() >= button.sizeHint().width(), button.text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_time_left_is_not_cut(opened: Opens, language: str) -> None:
    room = opened(language)
    room.begin(lively(), (1024, 768))
    left = room.window.bar_a.left
    assert left.width() >= left.sizeHint().width()
    assert left.geometry().bottom() <= 72
