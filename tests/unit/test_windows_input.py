"""What would be handed to SendInput, as far as that can be seen without Windows."""

import ctypes
import os
from collections.abc import Callable, Sequence
from typing import Any

from device_bridge.agent.platform.windows_input import (
    Input,
    Rect,
    WindowsInput,
    code_of,
    desktop_areas,
    is_ours,
    typed,
    windows_input,
)
from device_bridge.protocol.control import ButtonPressed, KeyPressed, PointerMoved, TextTyped

UNICODE, UP, EXTENDED = 4, 2, 1


def test_the_structures_are_as_long_as_the_64_bit_documentation_has_them() -> None:
    assert ctypes.sizeof(Input) == 40


def test_text_goes_as_utf_16_units_and_an_owl_as_two() -> None:
    assert [(one.ki.wVk, one.ki.wScan, one.ki.dwFlags) for one in typed("œ🦉")] == [
        *((0, 0x153, UNICODE), (0, 0x153, UNICODE | UP)),
        *((0, 0xD83E, UNICODE), (0, 0xD83E, UNICODE | UP)),
        *((0, 0xDD89, UNICODE), (0, 0xDD89, UNICODE | UP)),
    ]
    assert [one.ki.wVk for one in typed("\n")] == [0x0D, 0x0D]


def test_keys_have_the_documented_codes() -> None:
    assert [code_of(name) for name in ("U0063", "c", "F5", "Escape", "nothing", "Uxyz")] == [
        *(0x43, 0x43, 0x74, 0x1B, 0, 0)
    ]


def test_what_is_held_is_let_go_and_nothing_of_ours_is_pressed() -> None:
    sent: list[Input] = []
    ours = False

    def send(inputs: Sequence[Input]) -> int:
        sent.extend(inputs)
        return len(inputs)

    areas = [(-1920, 0, 3840, 1080), (-1920, 0, 1920, 1080), (0, 0, 1920, 1080)]
    hands = WindowsInput(send, lambda: areas, lambda _: ours)
    hands.begin(1)
    hands.do(PointerMoved(0, 0))
    assert (sent[-1].mi.dx, sent[-1].mi.dy) == (1920 * 65535 // 3839, 0)
    hands.do(KeyPressed("Delete", down=True))
    assert sent[-1].ki.dwFlags == EXTENDED
    hands.do(ButtonPressed(1, down=True))
    sent.clear()
    hands.release()
    assert [(one.type, one.ki.dwFlags if one.type else one.mi.dwFlags) for one in sent] == [
        *((1, EXTENDED | UP), (0, 0x0004))
    ]
    ours = True
    sent.clear()
    for event in (ButtonPressed(1, down=True), KeyPressed("c", down=True), TextTyped("x")):
        assert hands.do(event)
    assert sent == []


class Call:
    """A function of a library, which C's types may be told to."""

    def __init__(self, does: Callable[..., object]) -> None:
        self.restype = self.argtypes = None
        self.does = does

    def __call__(self, *given: object) -> object:
        return self.does(*given)


class User32:
    """Two monitors, the second one first, and one window; stands in for Windows' own."""

    def __init__(self) -> None:
        self.inserted = 0
        self.owner = os.getpid()
        self.window: int | None = 77
        self.GetForegroundWindow = Call(lambda: self.window)
        self.WindowFromPoint = Call(self._under)
        self.GetCursorPos = Call(bool)
        self.GetSystemMetrics = Call({76: -1920, 77: 0, 78: 3840, 79: 1080}.__getitem__)
        self.EnumDisplayMonitors = Call(self._monitors)
        self.GetWindowThreadProcessId = Call(self._owner)
        self.SendInput = Call(self._insert)

    def _monitors(self, context: object, clip: object, each: Any, data: object) -> int:  # noqa: ANN401 - a pointer
        del context, clip, data
        for left in (-1920, 0):
            each(None, None, ctypes.pointer(Rect(left, 0, left + 1920, 1080)), 0)
        return 1

    def _under(self, at: object) -> int | None:
        del at
        return self.window

    def _owner(self, window: ctypes.c_void_p, owner: Any) -> int:  # noqa: ANN401 - as above
        owner._obj.value = self.owner if window.value else 0
        return 1

    def _insert(self, count: int, row: object, size: int) -> int:
        del row
        assert size == 40
        self.inserted += count
        return count


def test_the_desktop_is_asked_for_its_monitors_the_primary_one_first() -> None:
    assert desktop_areas(User32()) == [
        *((-1920, 0, 3840, 1080), (0, 0, 1920, 1080), (-1920, 0, 1920, 1080))
    ]


def test_a_window_is_ours_by_its_process_and_no_window_is_not() -> None:
    library = User32()
    assert [is_ours(library, keyboard) for keyboard in (True, False)] == [True, True]
    library.owner += 1
    assert [is_ours(library, keyboard) for keyboard in (True, False)] == [False, False]
    library.window = None
    assert not is_ours(library, keyboard=True)


def test_it_is_joined_to_the_desktop_and_presses_nothing_of_ours_there() -> None:
    library = User32()
    hands = windows_input(library)
    assert (hands.begin(0), hands.do(PointerMoved(5, 5)), library.inserted) == ("", "", 1)
    assert hands.do(ButtonPressed(1, down=True))
    library.owner += 1
    assert (hands.do(ButtonPressed(1, down=True)), library.inserted) == ("", 2)
