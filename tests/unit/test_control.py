"""Remote control on the device: told first, one at a time, and over at once for every reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from device_bridge.agent.guard import kept
from device_bridge.agent.guard.driving import A_SECOND, AT_ONCE
from device_bridge.agent.guard.seen import seen
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.control import (
    CONTROL_LEASE_SECONDS,
    ControlAnswered,
    ControlDeclared,
    ControlEvent,
    ControlInput,
    ControlOrdered,
    KeyPressed,
    PointerMoved,
    TextTyped,
)
from device_bridge.protocol.hello import Report, Superseded
from device_bridge.protocol.presence import LessonDeclared
from device_bridge.protocol.seat import (
    FromSeat,
    IndicatorAnswered,
    PupilActed,
    ShowIndicator,
    ToSeat,
)
from device_bridge.protocol.watching import WatchingDeclared
from tests.guards import VERBS, FakeLink, FakeSeat, guard_in, lesson_on, link_to
from tests.unit.test_honest_looks import Looked
from tests.unit.test_sharing import Colleague

LEASE = CONTROL_LEASE_SECONDS
KEY = KeyPressed("a", down=True)


class Obedient(FakeSeat):
    """A seat that begins and stops as it is told to."""

    def tell(self, message: ToSeat) -> None:
        super().tell(message)
        if isinstance(message, ControlOrdered) and self.obeys:
            answer = ControlAnswered(message.version, "on" if message.on else "off")
            self.guard.seat_said(answer)


class Driven(Looked):
    """A device that its teacher looks at closely, has a picture of, and asks to drive."""

    def __init__(self, path: Path, *, asks: bool = True, look: str = "close") -> None:
        super().__init__(path, look=look)
        self.seat = Obedient(self.guard)
        self.seat.sit()
        self.picture()
        if asks:
            self.ask(1)

    def ask(self, version: int, *, on: bool = True, link: FakeLink | None = None) -> None:
        self.guard.told(link or self.link, ControlDeclared(version, LEASE, on))

    def do(self, *events: ControlEvent, version: int = 1, link: FakeLink | None = None) -> None:
        self.guard.told(link or self.link, ControlInput(version, events))

    def said(self, message: FromSeat) -> None:
        self.guard.seat_said(message)

    def pressed(self) -> list[ControlEvent]:
        """Everything that went to the seat, taken out."""
        return [one for batch in self.seat.heard(ControlInput) for one in batch.events]

    def drives(self) -> bool:
        """Whether the seat was last told to let the teacher drive."""
        orders = [one for one in self.seat.told if isinstance(one, ControlOrdered)]
        return bool(orders) and orders[-1].on

    def control(self, link: FakeLink | None = None) -> list[tuple[int, str, str]]:
        told = [one for one in (link or self.link).heard(Report) if one.feature == "control"]
        return [(one.version, one.state, one.reason) for one in told]


def test_the_bar_names_who_drives_before_the_seat_lets_a_key_through(tmp_path: Path) -> None:
    room = Driven(tmp_path, asks=False)
    room.seat.obeys = False
    room.ask(1)
    assert room.bar().drives == "Claire"
    room.do(KEY)
    assert (room.drives(), room.pressed()) == (False, [])
    room.seat.obeys = True
    bar = [one for one in room.seat.told if isinstance(one, ShowIndicator)][-1]
    room.control()
    room.said(IndicatorAnswered(bar.version))
    assert room.control() == [(1, "on", "")]
    room.do(KEY, PointerMoved(3, 4))
    assert room.pressed() == [KEY, PointerMoved(3, 4)]
    assert room.noted("control-on") == ["control-on"]


def test_a_bar_that_never_says_it_ends_the_asking(tmp_path: Path) -> None:
    room = Driven(tmp_path, asks=False)
    room.seat.obeys = False
    room.ask(1)
    room.later(3)
    assert room.control() == [(1, "failed", "no-indicator")]
    assert (room.drives(), room.bar().drives) == (False, "")


def private(room: Driven) -> None:
    room.press("private-on")


def locks(room: Driven) -> None:
    room.guard.told(room.link, LockDeclared(9, True, 600, "", "Claire"))  # noqa: FBT003 - its field


def looks_small(room: Driven) -> None:
    room.look(9, "overview")


def ends_the_lesson(room: Driven) -> None:
    room.guard.told(room.link, LessonDeclared(9, 0, "over", room.link.lesson, "5b", "5B", "Claire"))


def loses_the_seat(room: Driven) -> None:
    room.guard.detach()


def loses_the_verb(room: Driven) -> None:
    room.link.verbs = tuple(verb for verb in VERBS if verb != "control")
    room.guard.tick()


def keeps_silent(room: Driven) -> None:
    room.later(LEASE)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (private, "private"),
        (locks, "locked"),
        (looks_small, "not-close"),
        (ends_the_lesson, "lesson-ended"),
        (loses_the_seat, "no-seat"),
        (loses_the_verb, "verb"),
        (keeps_silent, "lease-ended"),
    ],
)
def test_it_is_over_at_once_and_not_begun_again_without_what_it_needs(
    tmp_path: Path, happens: Callable[[Driven], None], reason: str
) -> None:
    room = Driven(tmp_path)
    assert room.control() == [(1, "on", "")]
    room.do(KEY)
    assert room.pressed() == [KEY]
    happens(room)
    assert room.control() == [(1, "off", reason)]
    there = room.guard.seat is not None  # a seat that lost its guard lets go by itself
    assert room.drives() is not there, "the seat is told to let go of the key"
    assert room.guard.presence.held.bar.drives == ""
    room.do(KEY)
    assert room.pressed() == []
    assert room.noted("control-on", "control-off") == ["control-on", "control-off"]
    if happens is not keeps_silent:
        room.ask(2)
        assert room.control()[-1][:2] == (2, "failed")
        assert room.drives() is not there


def test_a_renewal_goes_on_and_a_used_up_number_begins_nothing(tmp_path: Path) -> None:
    room = Driven(tmp_path)
    room.later(LEASE - 1)
    room.ask(1)
    room.later(LEASE - 1)
    assert room.drives()
    room.ask(2, on=False)
    assert (room.drives(), room.control()[-1]) == (False, (2, "off", "given-back"))
    room.ask(1)
    room.ask(2)
    assert not room.drives(), "what a new link tells again is no new click"
    room.ask(3)
    assert room.drives()


def test_who_gives_back_under_the_number_they_drive_with_drives_no_more(tmp_path: Path) -> None:
    room = Driven(tmp_path)
    room.ask(1, on=False)
    assert (room.drives(), room.control()[-1]) == (False, (1, "off", "given-back"))
    room.ask(1)
    assert not room.drives()


def test_a_link_that_is_lost_in_the_middle_of_a_key_lets_go_of_it(tmp_path: Path) -> None:
    room = Driven(tmp_path)
    room.do(KEY)
    room.guard.lost(room.link)
    assert not room.drives()
    again = link_to(room.guard)
    room.ask(1, link=again)
    assert not room.drives()


@pytest.mark.parametrize("said", ["answer", "button"])
def test_a_pupil_who_takes_back_is_left_alone_for_ten_seconds_by_everybody(
    tmp_path: Path, said: str
) -> None:
    room = Driven(tmp_path)
    order = [one for one in room.seat.told if isinstance(one, ControlOrdered)][-1]
    button = PupilActed("take-back")
    room.said(ControlAnswered(order.version, "taken-back") if said == "answer" else button)
    assert room.control()[-1] == (1, "taken-back", "")
    assert room.noted("control-taken-back") == ["control-taken-back"]
    room.ask(1)
    room.ask(2)
    assert room.control()[-1] == (2, "failed", "too-soon")
    room.later(10)
    assert not room.drives(), "nobody begins by waiting"
    room.ask(3)
    assert room.drives()


def test_of_two_who_share_the_newest_drives_and_the_other_hears_by_whom(tmp_path: Path) -> None:
    room = Driven(tmp_path, asks=False)
    shared = LessonDeclared(
        5, 600, "on", room.link.lesson, "5b", "5B", "Claire", pupil="pupil-1", shared=True
    )
    room.guard.told(room.link, shared)
    room.ask(7)
    omar = link_to(room.guard, Colleague("Omar", "lesson-2", "mandate-2", key="2"))
    lesson_on(room.guard, omar, 1)
    room.ask(1, link=omar)
    assert room.control(omar) == [(1, "failed", "not-close")], "who does not look does not drive"
    assert room.drives()
    room.guard.told(omar, WatchingDeclared(2, 600, "close", 1920, 1080, 5.0))
    room.picture()
    room.ask(2, link=omar)
    assert room.control(omar) == [(2, "on", "")]
    assert room.link.heard(Superseded)[-1] == Superseded("control", 2, "Omar")
    assert room.bar().drives == "Omar"
    room.do(KEY, version=7)
    assert room.pressed() == []
    room.do(KEY, version=2, link=omar)
    assert room.pressed() == [KEY]


def test_input_of_nobody_who_drives_is_dropped_and_answered_once(tmp_path: Path) -> None:
    room = Driven(tmp_path, asks=False)
    room.do(KEY)
    room.do(KEY)
    assert room.control() == [(1, "off", "not-driving")]
    room.ask(2)
    room.do(KEY, version=1)
    assert room.pressed() == []


def test_more_than_hands_can_do_ends_it(tmp_path: Path) -> None:
    room = Driven(tmp_path)
    for _ in range(AT_ONCE // 200 - 1):
        room.do(TextTyped("x" * 200))
    assert room.drives()
    for _ in range(A_SECOND // 200 + 1):
        room.do(TextTyped("x" * 200))
    assert not room.drives()
    assert (1, "failed", "too-fast") in room.control()


def test_a_guard_that_was_killed_while_somebody_drove_writes_the_end_and_begins_nothing(
    tmp_path: Path,
) -> None:
    room = Driven(tmp_path)
    room.guard.voice.notes.clear()
    kept.write(room.guard.folder, room.guard.held)
    again = guard_in(tmp_path, room.hands)
    assert [(one.kind, one.words) for one in again.voice.notes] == [("control-off", "Claire")]
    assert again.control.held.driver is None


async def test_the_pupils_page_says_who_drove_from_when_to_when(tmp_path: Path) -> None:
    room = Driven(tmp_path)
    room.hands.wall_seconds += 90
    room.ask(2, on=False)
    await room.guard.write_notes()
    [drove] = [one for one in seen(room.guard.folder) if one.what == "seen-control"]
    assert (drove.who, drove.until - drove.at) == ("Claire", 90)
