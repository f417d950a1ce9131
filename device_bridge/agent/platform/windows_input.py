"""Keys and pointer on a Windows desktop by SendInput. Untested: no program has run there yet.

Source: learn.microsoft.com, "SendInput function", "INPUT", "KEYBDINPUT", "MOUSEINPUT",
"Virtual-Key Codes", "GetSystemMetrics", "EnumDisplayMonitors", "WindowFromPoint". Text
goes as UTF-16 units (KEYEVENTF_UNICODE), so no layout is asked.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_int32, c_uint32, c_void_p
from functools import partial
from typing import Any, Final

from device_bridge.protocol.control import (
    ButtonPressed,
    ControlEvent,
    KeyPressed,
    PointerMoved,
    TextTyped,
    WheelTurned,
)

NO_KEY: Final = "no such key here"
REFUSED: Final = "Windows refused it"
OVER_OURS: Final = "our own window"
_MOUSE, _KEYBOARD = 0, 1
_EXTENDED, _UP, _UNICODE = 0x0001, 0x0002, 0x0004
_MOVE, _WHEEL, _ACROSS, _DESKTOP, _ABSOLUTE = 0x0001, 0x0800, 0x1000, 0x4000, 0x8000
_VIRTUAL_SCREEN: Final = (76, 77, 78, 79)
"""SM_XVIRTUALSCREEN, then its top, width and height."""
_STEP: Final = 120
"""WHEEL_DELTA."""
_WHOLE: Final = 65535
"""The virtual desktop's width and height in absolute mouse coordinates."""
_BUTTONS: Final = {
    1: (0x0002, 0x0004, 0),
    2: (0x0020, 0x0040, 0),
    3: (0x0008, 0x0010, 0),
    8: (0x0080, 0x0100, 1),
    9: (0x0080, 0x0100, 2),
}
"""Down, up and mouse data of each button."""
_KEYS: Final = {
    "BackSpace": 0x08,
    "Tab": 0x09,
    "Return": 0x0D,
    "KP_Enter": 0x0D,
    "Pause": 0x13,
    "Escape": 0x1B,
    "Prior": 0x21,
    "Next": 0x22,
    "End": 0x23,
    "Home": 0x24,
    "Left": 0x25,
    "Up": 0x26,
    "Right": 0x27,
    "Down": 0x28,
    "Print": 0x2C,
    "Insert": 0x2D,
    "Delete": 0x2E,
    "Super_L": 0x5B,
    "Super_R": 0x5C,
    "Menu": 0x5D,
    "Shift_L": 0xA0,
    "Control_L": 0xA2,
    "Alt_L": 0xA4,
    **{f"F{number}": 0x6F + number for number in range(1, 13)},
}
_EXTENDED_KEYS: Final = frozenset((*range(0x21, 0x29), 0x2D, 0x2E, 0x5B, 0x5C, 0x5D))


class MouseInput(ctypes.Structure):
    """MOUSEINPUT."""

    _fields_ = (
        ("dx", ctypes.c_int32),
        ("dy", ctypes.c_int32),
        ("mouseData", ctypes.c_uint32),
        ("dwFlags", ctypes.c_uint32),
        ("time", ctypes.c_uint32),
        ("dwExtraInfo", ctypes.c_void_p),
    )


class KeyboardInput(ctypes.Structure):
    """KEYBDINPUT."""

    _fields_ = (
        ("wVk", ctypes.c_uint16),
        ("wScan", ctypes.c_uint16),
        ("dwFlags", ctypes.c_uint32),
        ("time", ctypes.c_uint32),
        ("dwExtraInfo", ctypes.c_void_p),
    )


class Rect(ctypes.Structure):
    """RECT."""

    _fields_ = (("left", c_int32), ("top", c_int32), ("right", c_int32), ("bottom", c_int32))


class Point(ctypes.Structure):
    """POINT."""

    _fields_ = (("x", c_int32), ("y", c_int32))


class _Either(ctypes.Union):
    _fields_ = (("mi", MouseInput), ("ki", KeyboardInput))


class Input(ctypes.Structure):
    """INPUT."""

    _anonymous_ = ("u",)
    _fields_ = (("type", ctypes.c_uint32), ("u", _Either))


Area = tuple[int, int, int, int]
"""Left, top, width, height."""


class WindowsInput:
    """`send` is SendInput: it returns how many were inserted.

    `areas` gives the virtual desktop and then each monitor, numbered as the pictures are; `ours`
    says whether a window of ours has the pointer, or with True the keyboard.
    """

    def __init__(
        self,
        send: Callable[[Sequence[Input]], int],
        areas: Callable[[], Sequence[Area]],
        ours: Callable[[bool], bool],
    ) -> None:
        self._send, self._areas, self._ours = send, areas, ours
        self._screen = 0
        self._held: dict[str, int] = {}
        self._buttons: set[int] = set()

    def begin(self, screen: int) -> str:
        self._screen = screen
        return ""

    def do(self, event: ControlEvent) -> str:
        match event:
            case PointerMoved(x, y):
                return self._told([_moved(self._areas(), self._screen, x, y)])
            case ButtonPressed(button, down):
                return self._button(button, down=down)
            case WheelTurned(across, down):
                if self._ours(False):  # noqa: FBT003 - the pointer
                    return OVER_OURS
                turns = [_mouse(_ACROSS, across * _STEP)] if across else []
                return self._told([*turns, _mouse(_WHEEL, -down * _STEP)] if down else turns)
            case KeyPressed(key, down):
                return self._key(key, down=down)
            case TextTyped(text):
                return OVER_OURS if self._ours(True) else self._told(typed(text))  # noqa: FBT003 - keys

    def release(self) -> str:
        ups = [_key(code, up=True) for code in reversed(self._held.values())]
        ups += [_mouse(_BUTTONS[button][1], _BUTTONS[button][2]) for button in self._buttons]
        self._held.clear()
        self._buttons.clear()
        return self._told(ups)

    def tidy(self) -> None:
        """Nothing is borrowed: text needs no key here."""

    def _button(self, button: int, *, down: bool) -> str:
        if down and self._ours(False):  # noqa: FBT003 - the pointer
            return OVER_OURS
        if not down and button not in self._buttons:
            return ""
        (self._buttons.add if down else self._buttons.discard)(button)
        pressed, released, data = _BUTTONS[button]
        return self._told([_mouse(pressed if down else released, data)])

    def _key(self, name: str, *, down: bool) -> str:
        if not down:
            code = self._held.pop(name, 0)
            return self._told([_key(code, up=True)]) if code else ""
        if self._ours(True):  # noqa: FBT003 - the keyboard
            return OVER_OURS
        if not (code := code_of(name)):
            return NO_KEY
        self._held[name] = code
        return self._told([_key(code, up=False)])

    def _told(self, inputs: Sequence[Input]) -> str:
        return "" if not inputs or self._send(inputs) == len(inputs) else REFUSED


def typed(text: str) -> list[Input]:
    """Return the inputs that write `text`: each UTF-16 unit down and up, Enter as its own key."""
    made: list[Input] = []
    for character in text:
        if character == "\n":
            made += [_key(_KEYS["Return"], up=False), _key(_KEYS["Return"], up=True)]
            continue
        raw = character.encode("utf-16-le")
        for at in range(0, len(raw), 2):
            unit = int.from_bytes(raw[at : at + 2], "little")
            made += [_keyboard(0, unit, _UNICODE), _keyboard(0, unit, _UNICODE | _UP)]
    return made


def code_of(name: str) -> int:
    """Return a key's virtual code; 0: none. Letters and digits have their own capitals' codes."""
    if name.startswith("U") and len(name) > 1:
        name = chr(int(name[1:], 16)) if all(one in "0123456789ABCDEF" for one in name[1:]) else ""
    single = len(name) == 1 and name.isascii() and name.isalnum()
    return ord(name.upper()) if single else _KEYS.get(name, 0)


def windows_input(user32: Any) -> WindowsInput:  # noqa: ANN401 - a library of C
    """Join it to this desktop."""
    return WindowsInput(
        partial(send_input, user32), partial(desktop_areas, user32), partial(is_ours, user32)
    )


def send_input(user32: Any, inputs: Sequence[Input]) -> int:  # noqa: ANN401 - as above
    """Insert them into the desktop's input; return how many were."""
    row = (Input * len(inputs))(*inputs)
    return int(user32.SendInput(len(inputs), row, ctypes.sizeof(Input)))


def desktop_areas(user32: Any) -> list[Area]:  # noqa: ANN401 - as above
    """Return the virtual desktop, then its monitors, the primary one (whose corner is 0, 0) first.

    Coordinates are pixels: a process with windows of Qt is aware of each monitor's scale.
    """
    found: list[Area] = []

    def add(monitor: int | None, context: int | None, at: Any, data: int) -> int:  # noqa: ANN401 - C's pointer
        del monitor, context, data
        rect = at.contents
        found.append((rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top))
        return 1  # go on

    kind = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p, POINTER(Rect), ctypes.c_ssize_t)
    user32.EnumDisplayMonitors(None, None, kind(add), ctypes.c_ssize_t(0))
    left, top, width, height = map(user32.GetSystemMetrics, _VIRTUAL_SCREEN)
    monitors = sorted(found, key=lambda area: area[:2] != (0, 0))
    return [(left, top, width, height), *(monitors or [(left, top, width, height)])]


def is_ours(user32: Any, keyboard: bool) -> bool:  # noqa: ANN401, FBT001 - as above; a port's only fact
    """Say whether the window with the keyboard, or under the pointer, is of this process."""
    owner = c_uint32()
    window: int | None
    if keyboard:
        user32.GetForegroundWindow.restype = c_void_p
        window = user32.GetForegroundWindow()
    else:
        at = Point()
        user32.GetCursorPos(byref(at))
        user32.WindowFromPoint.restype = c_void_p
        user32.WindowFromPoint.argtypes = (Point,)
        window = user32.WindowFromPoint(at)
    user32.GetWindowThreadProcessId(c_void_p(window), byref(owner))
    return bool(window) and owner.value == os.getpid()


def _moved(areas: Sequence[Area], screen: int, x: int, y: int) -> Input:
    whole, *monitors = areas
    left, top, width, height = monitors[screen if screen < len(monitors) else 0]
    across = left - whole[0] + min(x, width - 1)
    down = top - whole[1] + min(y, height - 1)
    made = _mouse(_MOVE | _ABSOLUTE | _DESKTOP)
    made.mi.dx = across * _WHOLE // max(1, whole[2] - 1)
    made.mi.dy = down * _WHOLE // max(1, whole[3] - 1)
    return made


def _mouse(flags: int, data: int = 0) -> Input:
    made = Input(type=_MOUSE)
    made.mi.dwFlags = flags
    made.mi.mouseData = data & 0xFFFFFFFF
    return made


def _key(code: int, *, up: bool) -> Input:
    extended = _EXTENDED if code in _EXTENDED_KEYS else 0
    return _keyboard(code, 0, extended | (_UP if up else 0))


def _keyboard(code: int, scan: int, flags: int) -> Input:
    made = Input(type=_KEYBOARD)
    made.ki.wVk, made.ki.wScan, made.ki.dwFlags = code, scan, flags
    return made
