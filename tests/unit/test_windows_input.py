"""What would be handed to SendInput, as far as that can be seen without Windows."""

import ctypes
from collections.abc import Sequence

from device_bridge.agent.platform.windows_input import Input, WindowsInput, code_of, typed
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
