"""Keys and pointer on an X11 desktop by XTEST, whatever its layout. Blocks; one thread calls it.

What the layout has is typed by its own key with the modifiers of its level; what it has not, by a
spare keycode that says this character for a while. A program that reads the map late still finds
it: a spare one says the same thing for as long as any other is free, and goes back only at rest.
Sources: X protocol (ChangeKeyboardMapping, MappingNotify), XTEST 2.2, XKB protocol 12.4 (which
levels and groups stand where in the core map).
"""

import re
import sys
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from mss import MSS
from Xlib import XK, X, display, error
from Xlib.ext import xtest

from device_bridge.agent.keysyms import character_of, keysym_of
from device_bridge.protocol.control import (
    ButtonPressed,
    ControlEvent,
    KeyPressed,
    PointerMoved,
    TextTyped,
    WheelTurned,
)

OVER_OURS: Final = "our own window"
NO_DESKTOP: Final = "no desktop"
NO_XTEST: Final = "this desktop takes no input from programs (XTEST)"
NO_KEY: Final = "no such key here"
TAKES_BACK: Final = "the pupil's own keys"
SETTLE_SECONDS: Final = 0.02
"""After a keycode has got another meaning: input methods hear of it beside the program."""
FRESH_SECONDS: Final = 0.4
"""For so long at least a spare keycode keeps the meaning with which it was last pressed."""
_MODIFIER_SHIFT, _MODIFIER_LEVEL3 = X.ShiftMask, X.Mod5Mask
_LEVEL3: Final = 0xFE03  # ISO_Level3_Shift
_CAPS: Final = 0xFFE5
_WHEEL: Final = {"up": 4, "down": 5, "left": 6, "right": 7}


class Place(NamedTuple):
    """A key of the map, and the modifiers of the level on which a symbol stands."""

    keycode: int
    modifiers: int


class Spare(NamedTuple):
    """A keycode that the layout leaves free, and what it says now."""

    keysym: int
    used_at: float


class X11Input:
    """`mine` is any window of our toolkit's connection; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], mine: int, name: str | None = None) -> None:
        self._clock, self._mine, self._name = clock, mine, name
        self._opened: display.Display | None = None
        self._area: tuple[int, int, int, int] | None = None
        self._held: dict[str, int] = {}
        self._buttons: set[int] = set()
        self._spares: dict[int, Spare] = {}
        self._map: list[list[int]] = []
        self._waits = threading.Event()

    def begin(self, screen: int) -> str:
        try:
            desk = self._desk()
            if not desk.has_extension(xtest.extname):
                return NO_XTEST
            eye = MSS(display=self._name)
            monitors = eye.monitors[1:]  # numbered as the pictures are
            eye.close()
            found = monitors[screen if screen < len(monitors) else 0]
        except (error.DisplayError, error.ConnectionClosedError, OSError, IndexError):
            return NO_DESKTOP
        self._area = (found["left"], found["top"], found["width"], found["height"])
        return ""

    def do(self, event: ControlEvent) -> str:
        match event:
            case PointerMoved(x, y):
                return self._move(x, y)
            case ButtonPressed(button, down):
                return self._button(button, down=down)
            case WheelTurned(across, down):
                return self._wheel(across, down)
            case KeyPressed(key, down):
                return self._key(key, down=down)
            case TextTyped(text):
                return next((why for one in text if (why := self._type(one))), "")

    def release(self) -> str:
        """Let go; where a seat before this one was killed, of what that has left down, too."""
        fresh = self._opened is None
        try:
            desk = self._desk()
            down = [*self._held.values(), *(_down(desk) if fresh else ())]
            for keycode in reversed(down):
                xtest.fake_input(desk, X.KeyRelease, keycode)
            for button in self._buttons or ({1, 2, 3} if fresh else set[int]()):
                xtest.fake_input(desk, X.ButtonRelease, button)
            desk.sync()
        except (error.DisplayError, error.ConnectionClosedError, OSError):
            return ""  # no desktop, no keys
        self._held.clear()
        self._buttons.clear()
        return ""

    def tidy(self) -> None:
        for keycode, spare in tuple(self._spares.items()):
            self._wait(spare.used_at + FRESH_SECONDS)
            self._says(keycode, X.NoSymbol)
            del self._spares[keycode]

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    # pointer

    def _move(self, x: int, y: int) -> str:
        if self._area is None:
            return NO_DESKTOP
        left, top, width, height = self._area
        self._fake(X.MotionNotify, 0, left + min(x, width - 1), top + min(y, height - 1))
        return ""

    def _button(self, button: int, *, down: bool) -> str:
        if down and self._over_ours():
            return OVER_OURS
        if not down and button not in self._buttons:
            return ""
        (self._buttons.add if down else self._buttons.discard)(button)
        self._fake(X.ButtonPress if down else X.ButtonRelease, button)
        return ""

    def _wheel(self, across: int, down: int) -> str:
        if self._over_ours():
            return OVER_OURS
        turns = [(_WHEEL["right" if across > 0 else "left"], abs(across))]
        turns.append((_WHEEL["down" if down > 0 else "up"], abs(down)))
        for button, steps in turns:
            for _ in range(steps):
                self._fake(X.ButtonPress, button)
                self._fake(X.ButtonRelease, button)
        return ""

    # keys

    def _key(self, name: str, *, down: bool) -> str:
        if not down:
            keycode = self._held.pop(name, 0)
            if keycode:
                self._fake(X.KeyRelease, keycode)
            return ""
        if name in self._held:
            return ""
        if self._typing_into_ours():
            return OVER_OURS
        keysym = _keysym(name)
        place = self._place(keysym) if keysym else None
        if place is None:
            return NO_KEY
        if self._takes_back(place):
            return TAKES_BACK
        lacks = place.modifiers & ~self._state()
        if self._is_space_bar(place):
            # A bar that a teacher holds down is one that the pupil cannot press.
            self._modified(lacks, lambda: self._tap(place.keycode))
            return ""
        self._held[name] = place.keycode
        self._modified(lacks, lambda: self._fake(X.KeyPress, place.keycode))
        return ""

    def _type(self, character: str) -> str:
        if self._typing_into_ours():
            return OVER_OURS
        keysym = keysym_of(character)
        place = self._place(keysym)
        if place is None:
            return NO_KEY
        state = self._state()
        if self._takes_back(place):
            return TAKES_BACK
        lifted = self._lift(place.modifiers)
        caps = self._place_in_map(_CAPS) if state & X.LockMask else None
        if caps:
            self._tap(caps.keycode)
        lacks = place.modifiers & ~self._state()
        self._modified(lacks, lambda: self._tap(place.keycode))
        if caps:
            self._tap(caps.keycode)
        for keycode in lifted:
            self._fake(X.KeyPress, keycode)
        return ""

    def _takes_back(self, place: Place) -> bool:
        """Whether to press it now would be the pupil's own keys, whatever else the key says."""
        return self._is_space_bar(place) and self._state() & _TAKE_BACK == _TAKE_BACK

    def _is_space_bar(self, place: Place) -> bool:
        return place.keycode == self._desk().keysym_to_keycode(XK.XK_space)

    def _lift(self, keep: int) -> list[int]:
        """Let go for a moment of modifiers that the teacher holds and the character has not."""
        mapping = self._desk().get_modifier_mapping()
        lifted: list[int] = []
        for keycode in self._held.values():
            bits = sum(1 << at for at, codes in enumerate(mapping) if keycode in codes)
            if bits & ~keep:
                self._fake(X.KeyRelease, keycode)
                lifted.append(keycode)
        return lifted

    def _modified(self, lacks: int, press: Callable[[], None]) -> None:
        """Do `press` with these modifiers, which are not down yet."""
        mapping = self._desk().get_modifier_mapping()
        needed: list[int] = []
        if lacks & _MODIFIER_SHIFT:
            needed += [code for code in mapping[X.ShiftMapIndex] if code][:1]
        if lacks & _MODIFIER_LEVEL3 and (level3 := self._place_in_map(_LEVEL3)):
            needed.append(level3.keycode)
        for keycode in needed:
            self._fake(X.KeyPress, keycode)
        press()
        for keycode in reversed(needed):
            self._fake(X.KeyRelease, keycode)

    def _tap(self, keycode: int) -> None:
        self._fake(X.KeyPress, keycode)
        self._fake(X.KeyRelease, keycode)

    # the map

    def _place(self, keysym: int) -> Place | None:
        """Find a key that says `keysym`, or make one."""
        self._read_map()
        return self._place_in_map(keysym) or self._borrow(keysym)

    def _place_in_map(self, keysym: int) -> Place | None:
        wanted = character_of(keysym)
        group = (self._state() >> 13) & 3
        best: Place | None = None
        for at, symbols in enumerate(self._map):
            for level, here in enumerate(_levels(symbols, group)):
                same = here == keysym or (wanted and character_of(here) == wanted)
                if here and same and (best is None or level < _level_of(best)):
                    best = Place(self._first() + at, _MODIFIERS[level])
        return best

    def _borrow(self, keysym: int) -> Place | None:
        """Let a free keycode say `keysym`: one never used, else the one longest at rest."""
        now = self._clock()
        for keycode, spare in self._spares.items():
            if spare.keysym == keysym:
                self._spares[keycode] = Spare(keysym, now)
                return Place(keycode, 0)
        empty = [self._first() + at for at, symbols in enumerate(self._map) if not any(symbols)]
        unused = [keycode for keycode in empty if keycode not in self._spares]
        if not unused and not self._spares:
            return None
        keycode = unused[0] if unused else min(self._spares, key=self._used_at)
        if keycode in self._spares:
            self._wait(self._spares[keycode].used_at + FRESH_SECONDS)
        self._says(keycode, keysym)
        self._spares[keycode] = Spare(keysym, self._clock())
        self._wait(self._clock() + SETTLE_SECONDS)
        return Place(keycode, 0)

    def _used_at(self, keycode: int) -> float:
        return self._spares[keycode].used_at

    def _says(self, keycode: int, keysym: int) -> None:
        desk = self._desk()
        # Twice: a lone small letter would get its capital beside it, and obey Caps Lock.
        desk.change_keyboard_mapping(keycode, [(keysym, keysym)])
        desk.sync()

    def _read_map(self) -> None:
        desk, changed = self._desk(), not self._map
        while desk.pending_events():
            changed = desk.next_event().type == X.MappingNotify or changed
        if changed:
            first, last = self._first(), desk.display.info.max_keycode
            rows = desk.get_keyboard_mapping(first, last - first + 1)
            self._map = [[int(symbol) for symbol in row] for row in rows]
            # Another layout was chosen meanwhile: what was borrowed says nothing, or is its own.
            self._spares = {
                keycode: spare
                for keycode, spare in self._spares.items()
                if spare.keysym in self._map[keycode - first]
            }

    def _first(self) -> int:
        return self._desk().display.info.min_keycode

    # the server

    def _over_ours(self) -> bool:
        window = self._desk().screen().root
        while child := window.query_pointer().child:
            if self._is_ours(child.id):
                return True
            window = child
        return False

    def _typing_into_ours(self) -> bool:
        focus = self._desk().get_input_focus().focus
        if isinstance(focus, int):  # none, or wherever the pointer is
            return self._over_ours()
        return self._is_ours(focus.id)

    def _is_ours(self, window: int) -> bool:
        """Whether our toolkit made it: the server gives each program numbers of its own."""
        mask = self._desk().display.info.resource_id_mask
        return window & ~mask == self._mine & ~mask

    def _state(self) -> int:
        return self._desk().screen().root.query_pointer().mask

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        desk = self._desk()
        xtest.fake_input(desk, kind, detail, x=x, y=y)
        desk.sync()

    def _desk(self) -> display.Display:
        if self._opened is None:
            self._opened = display.Display(self._name)
        return self._opened

    def _wait(self, until: float) -> None:
        self._waits.wait(max(0.0, until - self._clock()))


_TAKE_BACK: Final = X.ControlMask | X.Mod1Mask
"""With the space bar: the pupil's keys (`x11_take_back`), which no teacher presses."""
_MODIFIERS: Final = (
    0,
    _MODIFIER_SHIFT,
    _MODIFIER_LEVEL3,
    _MODIFIER_SHIFT | _MODIFIER_LEVEL3,
)


def _level_of(place: Place) -> int:
    return _MODIFIERS.index(place.modifiers)


def _levels(symbols: list[int], group: int) -> list[int]:
    """Return what a key says on its four levels in the group that holds.

    In the core map: both groups' first two levels, then both groups' next two.
    """
    if group > 1:
        return []
    row = [*symbols, *([0] * 8)]
    return [row[2 * group], row[2 * group + 1], row[4 + 2 * group], row[5 + 2 * group]]


def _keysym(name: str) -> int:
    if code := re.fullmatch(r"U([0-9A-F]{4,6})", name):
        character = int(code[1], 16)
        return keysym_of(chr(character)) if character <= sys.maxunicode else 0
    if name == "ISO_Level3_Shift":
        return _LEVEL3
    return XK.string_to_keysym(name)


def _down(desk: display.Display) -> list[int]:
    """Return the keycodes that are down, whoever presses them. Source: X protocol, QueryKeymap."""
    bits = desk.query_keymap()
    return [8 * at + bit for at, byte in enumerate(bits) for bit in range(8) if byte >> bit & 1]
