"""Driving from the focus: what hands do on the picture, in order, and the ways out of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QInputMethodEvent, QKeyEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from classroom_app.domain.lesson import DeviceId
from device_bridge.protocol.control import (
    EVENTS_MAX,
    TEXT_MAX,
    ButtonPressed,
    ControlEvent,
    ControlInput,
    KeyPressed,
    PointerMoved,
    TextTyped,
    WheelTurned,
)
from device_bridge.protocol.messages import decode_from_app, encode
from tests.ui.room import Room, classroom, screen

ADAM = DeviceId("d0")
SIZE = QSize(1920, 1080)
CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@dataclass
class FakeDrives:
    """Keeps what was asked and sent."""

    allowed: bool = True
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    batches: list[list[ControlEvent]] = field(default_factory=list[list[ControlEvent]])

    def may(self) -> bool:
        return self.allowed

    def drive(self, device: DeviceId, screen: int) -> None:
        self.asked.append((device, screen))

    def give_back(self) -> None:
        self.asked.append(("back", 0))

    def send(self, events: Sequence[ControlEvent]) -> None:
        self.batches.append(list(events))

    def sent(self) -> list[ControlEvent]:
        """Everything that was sent, taken out."""
        batches, self.batches = self.batches, []
        return [event for batch in batches for event in batch]


class Driving:
    """A window in whose focus Adam's screen is shown, full HD."""

    def __init__(self) -> None:
        self.room, self.drives = Room(), FakeDrives()
        self.control = self.room.focus.control
        self.control.drives = self.drives
        self.room.begin(classroom())
        self.room.desk.open("p0")
        self.room.focus.picture(ADAM, screen(1, SIZE))
        self.room.focus.screen_is(ADAM, SIZE)
        self.room.settle()
        self.look = self.room.window.focus.look

    def begin(self) -> None:
        self.room.button("take-mouse").click()
        assert self.drives.asked == [(ADAM, 0)]
        self.control.said(ADAM, "on", "")
        self.room.settle()

    def pace(self) -> None:
        """Let as much time pass as sending needs."""
        while self.control.waits:
            self.control.flush()

    def flush(self) -> list[ControlEvent]:
        """Let it all be sent; return and take out what was."""
        self.pace()
        return self.drives.sent()

    def at(self, across: float, down: float) -> QPoint:
        """Where this part of the pupil's screen stands in the view."""
        spot = self.look.spot()
        at = QPointF(spot.left() + across * spot.width(), spot.top() + down * spot.height())
        return at.toPoint()


@pytest.fixture
def driving(qapp: QApplication) -> Iterator[Driving]:
    del qapp
    made = Driving()
    yield made
    made.room.close()


def test_hands_on_the_picture_reach_the_pupils_own_pixels(driving: Driving) -> None:
    driving.drives.allowed = False
    driving.room.settle()
    assert not driving.room.window.focus.control.take.isVisible(), "without the right no act"
    driving.drives.allowed = True
    driving.room.settle()
    driving.begin()
    QTest.mouseClick(driving.look, Qt.MouseButton.RightButton, pos=driving.at(0.5, 0.5))
    moved, *rest = driving.flush()
    assert isinstance(moved, PointerMoved)
    assert abs(moved.x - 960) <= 2
    assert abs(moved.y - 540) <= 2
    clicks = [one for one in rest if isinstance(one, ButtonPressed)]
    assert clicks == [ButtonPressed(3, down=True), ButtonPressed(3, down=False)]
    turn = QWheelEvent(
        QPointF(driving.at(0.5, 0.5)),
        QPointF(),
        QPoint(),
        QPoint(-120, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,  # noqa: FBT003 - Qt's places
    )
    QCoreApplication.sendEvent(driving.look, turn)
    assert driving.flush() == [WheelTurned(1, -2)]


def test_a_finger_on_the_picture_is_the_pointer_and_its_left_button(driving: Driving) -> None:
    driving.begin()
    finger, window = QTest.createTouchDevice(), driving.room.window
    first, last = (driving.look.mapTo(window, driving.at(across, 0.5)) for across in (0.25, 0.5))
    QTest.touchEvent(window, finger).press(0, first)
    QTest.touchEvent(window, finger).move(0, last)
    QTest.touchEvent(window, finger).release(0, last)
    told = driving.flush()
    places = [one.x for one in told if isinstance(one, PointerMoved)]
    assert [round(at / 480) for at in (places[0], places[-1])] == [1, 2]
    buttons = [one for one in told if isinstance(one, ButtonPressed)]
    assert buttons == [ButtonPressed(1, down=True), ButtonPressed(1, down=False)]
    assert isinstance(told[0], PointerMoved), "first there, then pressed"


def test_moves_are_gathered_and_clicks_and_keys_are_never_dropped(driving: Driving) -> None:
    driving.begin()
    for at in range(100):
        driving.control.pointer(at / 100, 0.5)
    driving.control.button(1, down=True)
    driving.control.pointer(0.2, 0.5)
    driving.control.button(1, down=False)
    kinds = [type(one).__name__ for one in driving.flush()]
    assert kinds == [
        "PointerMoved",
        "PointerMoved",
        "ButtonPressed",
        "PointerMoved",
        "ButtonPressed",
    ]


def test_text_keys_and_shortcuts_go_as_what_they_are(driving: Driving) -> None:
    driving.begin()
    for letter in "à B":
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            typed_by = QKeyEvent(kind, 0, Qt.KeyboardModifier.NoModifier, letter)
            QCoreApplication.sendEvent(driving.look, typed_by)
    committed = QInputMethodEvent()
    committed.setCommitString("œ")
    QCoreApplication.sendEvent(driving.look, committed)
    typed = [one.text for one in driving.flush() if isinstance(one, TextTyped)]
    assert "".join(typed) == "à Bœ"
    QTest.keyClick(driving.look, Qt.Key.Key_Escape)
    QTest.keyClick(driving.look, Qt.Key.Key_Tab)
    QTest.keyClick(driving.look, Qt.Key.Key_L, CTRL)
    assert driving.flush() == [
        *(KeyPressed("Escape", down=True), KeyPressed("Escape", down=False)),
        *(KeyPressed("Tab", down=True), KeyPressed("Tab", down=False)),
        KeyPressed("Control_L", down=True),
        *(KeyPressed("U006C", down=True), KeyPressed("U006C", down=False)),
        KeyPressed("Control_L", down=False),
    ]
    assert (driving.room.desk.page, driving.room.acts.asked) == ("focus", [])


def test_the_way_out_gives_back_and_esc_is_the_windows_again(driving: Driving) -> None:
    driving.begin()
    QTest.keyClick(driving.look, Qt.Key.Key_Escape, CTRL | ALT | SHIFT)
    assert driving.drives.asked[-1] == ("back", 0)
    driving.room.settle()
    QTest.keyClick(driving.room.window.focus, Qt.Key.Key_Escape)
    assert driving.room.desk.page == "wall"


def test_a_window_that_loses_the_keyboard_lets_go_of_what_is_down(driving: Driving) -> None:
    driving.begin()
    driving.control.key("Control_L", down=True)
    driving.control.button(1, down=True)
    driving.control.let_go()
    assert driving.flush()[2:] == [
        KeyPressed("Control_L", down=False),
        ButtonPressed(1, down=False),
    ]


def test_a_pupil_who_takes_back_is_said_and_so_is_who_drives_there_now(driving: Driving) -> None:
    driving.begin()
    driving.control.said(ADAM, "taken-back", "")
    driving.room.settle()
    words = driving.room.window.focus.control.words
    assert words.text() == "Adam has taken mouse and keyboard back."
    QTest.keyClicks(driving.look, "late")
    assert driving.flush() == []
    driving.control.take(0)
    driving.control.said(ADAM, "superseded", "Omar")
    driving.room.settle()
    assert words.text() == "Omar drives there now."


def test_to_look_at_another_pupil_gives_back(driving: Driving) -> None:
    driving.begin()
    driving.room.focus.step(1)
    assert driving.drives.asked[-1] == ("back", 0)


def test_beside_others_only_the_meant_one_is_driven_and_a_click_on_another_gives_back(
    driving: Driving,
) -> None:
    room = driving.room
    room.desk.go_home()
    assert room.desk.open_together(["p0", "p1"])
    room.focus.picture(ADAM, screen(1, SIZE))
    room.focus.screen_is(ADAM, SIZE)
    room.settle()
    driving.look, other = room.window.focus.panes.looks[:2]
    driving.begin()
    QTest.keyClicks(other, "x")
    QTest.mouseMove(other, QPoint(50, 90))
    assert driving.flush() == []
    QTest.keyClicks(driving.look, "x")
    assert driving.flush() == [TextTyped("x")]
    QTest.mouseClick(other, Qt.MouseButton.LeftButton, pos=QPoint(60, 60))
    assert driving.drives.asked[-1] == ("back", 0)
    room.settle()
    assert room.desk.focused == "p1"
    assert room.window.focusWidget() is room.window.focus, "the arrows are the window's again"


def test_however_much_is_pasted_each_message_is_one_that_a_device_takes(driving: Driving) -> None:
    driving.begin()
    driving.control.text("ß" * 1000)
    for _ in range(EVENTS_MAX * 2):
        driving.control.key("Left", down=True)
        driving.control.key("Left", down=False)
    driving.pace()
    for batch in driving.drives.batches:
        told = ControlInput(1, tuple(batch))
        assert decode_from_app(encode(told)) == told
    sent = driving.drives.sent()
    assert "".join(one.text for one in sent if isinstance(one, TextTyped)) == "ß" * 1000
    assert max(len(one.text) for one in sent if isinstance(one, TextTyped)) == TEXT_MAX
