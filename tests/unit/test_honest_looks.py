"""What bounds a look on the device itself: a pupil's private time, and the end of a close look."""

from pathlib import Path

import pytest

from central_mdm.contract.grants import Assignment
from device_bridge.agent.guard import kept
from device_bridge.agent.guard.guard import Guard
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.hello import Report
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.seat import (
    Look,
    LookAnswered,
    PupilActed,
    RaiseCurtain,
    ShowIndicator,
)
from device_bridge.protocol.watching import CLOSE_ENDED, WatchingDeclared
from tests.guards import FakeLink, FakeSeat, Hands, guard_in, lesson_on, link_to

PRIVATE, CLOSE = 300, 400


class Looked:
    """A device whose teacher looks closely at 1920 x 1080, and whose school allows private time."""

    def __init__(self, path: Path, private: int = PRIVATE, look: str = "close") -> None:
        self.hands, self.path = Hands(), path
        self.guard: Guard = guard_in(path, self.hands)
        self.guard.ground.assign(
            Assignment("d", "s", 1, ("5b",), 0, private_seconds=private, close_seconds=CLOSE)
        )
        self.seat = FakeSeat(self.guard).sit()
        self.link: FakeLink = link_to(self.guard)
        lesson_on(self.guard, self.link)
        self.look(1, look)

    def look(self, version: int, look: str) -> None:
        assert look in {"overview", "close"}
        asked = WatchingDeclared(version, 3600, look, 1920, 1080, 5.0)  # pyright: ignore[reportArgumentType]
        self.guard.told(self.link, asked)

    def press(self, kind: str) -> None:
        assert kind in {"private-on", "private-off"}
        self.guard.seat_said(PupilActed(kind))  # pyright: ignore[reportArgumentType]

    def later(self, seconds: float) -> None:
        self.hands.boot_seconds += seconds
        self.guard.tick()

    def picture(self) -> int:
        """Have the seat hand a picture of its newest look; return how many have gone out."""
        look = [order for order in self.seat.told if isinstance(order, Look)][-1]
        frame = Frame(1, look.version, 320, 180, 1920, 1080, covering(b"x", 320, 180))
        self.guard.seat_said(frame)
        return len(self.link.frames)

    def newest(self) -> Look:
        return [order for order in self.seat.told if isinstance(order, Look)][-1]

    def bar(self) -> ShowIndicator:
        return [order for order in self.seat.told if isinstance(order, ShowIndicator)][-1]

    def reports(self) -> list[tuple[str, str]]:
        told = [one for one in self.link.heard(Report) if one.feature == "watching"]
        return [(one.state, one.reason) for one in told]

    def noted(self, *kinds: str) -> list[str]:
        return [note.kind for note in self.guard.voice.notes if note.kind in kinds]


@pytest.mark.parametrize("look", ["close", "overview"])
def test_private_stops_small_and_close_pictures_at_once_and_the_teacher_is_told(
    tmp_path: Path, look: str
) -> None:
    room = Looked(tmp_path, look=look)
    sent = room.picture()
    late = Frame(2, room.newest().version, 320, 180, 1920, 1080, covering(b"x", 320, 180))
    answer = LookAnswered(room.newest().version, "on")
    room.reports()
    room.press("private-on")
    assert room.newest().look == "none"
    assert room.link.forgotten == 1, "nor may one leave that still waits"
    room.guard.seat_said(late)
    room.guard.seat_said(answer)
    assert len(room.link.frames) == sent
    assert room.reports() == [("private", "")]
    assert (room.bar().private, room.bar().private_seconds, room.bar().look) == ("on", 300, "none")
    assert room.noted("private-on", "private-off") == ["private-on"]


def test_a_seat_that_was_told_to_stop_hands_nothing_over_whatever_it_says(tmp_path: Path) -> None:
    room = Looked(tmp_path)
    room.press("private-on")
    assert room.newest().look == "none"
    assert room.picture() == 0, "under the number of the order to stop"


def test_private_ends_by_itself_and_what_is_used_up_does_not_come_again_in_this_lesson(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path)
    room.press("private-on")
    room.later(PRIVATE - 1)
    assert room.newest().look == "none"
    room.later(1)
    assert (room.newest().look, room.bar().private) == ("close", "")
    room.press("private-on")
    assert room.newest().look == "close"
    assert room.noted("private-on", "private-off") == ["private-on", "private-off"]
    assert room.picture() == 1
    assert room.reports()[-1] == ("on", "")


def test_private_ended_early_leaves_the_rest_for_later_and_with_the_lesson_it_is_over(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path)
    room.press("private-on")
    room.later(100)
    room.press("private-off")
    assert (room.newest().look, room.bar().private) == ("close", "offered")
    room.press("private-on")
    assert room.bar().private_seconds == PRIVATE - 100
    room.look(2, "overview")
    assert room.newest().look == "none", "a new declaration opens nothing"
    assert room.reports()[-1] == ("private", "")


def test_another_lesson_opens_no_screen_that_is_private_and_gives_no_time_anew(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path)
    room.press("private-on")
    room.later(100)
    room.link = link_to(room.guard, FakeLink("Omar", "lesson-2", "mandate-2"))
    lesson_on(room.guard, room.link, 2)
    room.look(2, "close")
    assert (room.newest().look, room.bar().private_seconds) == ("none", PRIVATE - 100)
    assert room.reports()[-1] == ("private", "")
    assert room.noted("private-on", "private-off") == ["private-on"]
    room.later(PRIVATE - 100)
    assert (room.newest().look, room.bar().private) == ("close", "")


@pytest.mark.parametrize("private", [0, PRIVATE])
def test_a_lock_holds_in_private_and_a_school_that_allows_none_offers_none(
    tmp_path: Path, private: int
) -> None:
    room = Looked(tmp_path, private)
    assert room.bar().private == ("offered" if private else "")
    room.press("private-on")
    assert room.newest().look == ("none" if private else "close")
    room.guard.told(room.link, LockDeclared(1, True, 600, "", "Claire"))  # noqa: FBT003 - its field
    assert any(isinstance(order, RaiseCurtain) for order in room.seat.told)
    assert Report("attention", 1, "locked") in room.link.sent


def test_a_guard_that_was_killed_keeps_private_and_the_end_of_a_close_look(tmp_path: Path) -> None:
    room = Looked(tmp_path)
    room.later(200)
    room.press("private-on")
    room.later(100)
    kept.write(room.guard.folder, room.guard.held)
    room.hands.boot_seconds, room.hands.boot_id = 5.0, "boot-2"
    again = guard_in(tmp_path, room.hands)
    assert again.held.private.ends_at == 205.0
    assert again.held.watching.close_ends_at == 105.0


def test_a_close_look_ends_on_the_device_and_goes_on_small(tmp_path: Path) -> None:
    room = Looked(tmp_path)
    assert (room.bar().look, room.bar().close_seconds) == ("close", CLOSE)
    room.later(100)
    room.look(2, "close")  # a new size, say: it gains no time
    assert room.bar().close_seconds == CLOSE - 100
    room.later(CLOSE - 100)
    small = room.newest()
    assert (small.look, small.width, small.height, small.pace) == ("overview", 960, 600, 1.25)
    room.picture()
    assert room.reports()[-1] == ("on", CLOSE_ENDED)
    room.look(3, "close")
    assert room.newest().look == "overview", "saying it again is not a click"


def test_a_close_look_is_taken_up_again_only_after_the_small_one_and_noted_anew(
    tmp_path: Path,
) -> None:
    room = Looked(tmp_path)
    room.later(CLOSE)
    room.look(2, "overview")
    room.look(3, "close")
    assert (room.newest().look, room.bar().close_seconds) == ("close", CLOSE)
    assert room.noted("look-close", "look-overview") == [
        *("look-close", "look-overview", "look-close")
    ]


def test_no_picture_larger_than_a_tile_goes_out_as_an_overview(tmp_path: Path) -> None:
    room = Looked(tmp_path, look="overview")
    assert (room.newest().width, room.newest().height) == (960, 600)
