"""The pupil's own keys to take keyboard and pointer back, on a connection of their own.

Ctrl+Alt+Space: while somebody drives they belong to us, whatever program has the keyboard;
`x11_input` never presses them, so they are always the pupil's.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Final

from Xlib import XK, X, display, error

_MODIFIERS: Final = X.ControlMask | X.Mod1Mask
_OTHERS: Final = (*(X.ShiftMask, X.LockMask, X.Mod2Mask), *(X.Mod3Mask, X.Mod4Mask, X.Mod5Mask))
_BESIDE: Final = tuple(
    sum(chosen) for many in range(len(_OTHERS) + 1) for chosen in combinations(_OTHERS, many)
)
"""A grab is for exactly its modifiers: a lock that is on, or a key that the teacher holds, must
not take the pupil's keys away."""


class X11TakeBack:
    """`pressed` hears it. Raises `error.DisplayError` where there is no X server."""

    def __init__(self, pressed: Callable[[], None], name: str | None = None) -> None:
        self._pressed = pressed
        self._display = display.Display(name)
        self._root = self._display.screen().root
        self._held = False

    def fileno(self) -> int:
        """Return what to watch: when it can be read, call `look`."""
        return self._display.fileno()

    def hold(self, *, on: bool) -> bool:
        """Take the keys, or give them back; return whether they are ours."""
        if on == self._held:
            return self._held
        failed = error.CatchError(error.BadAccess)
        space = self._display.keysym_to_keycode(XK.XK_space)
        for beside in _BESIDE:
            if on:
                self._root.grab_key(
                    space,
                    _MODIFIERS | beside,
                    False,  # noqa: FBT003 - python-xlib takes places only
                    X.GrabModeAsync,
                    X.GrabModeAsync,
                    onerror=failed,
                )
            else:
                self._root.ungrab_key(space, _MODIFIERS | beside, onerror=failed)
        self._display.sync()
        self._held = on and failed.get_error() is None
        return self._held

    def look(self) -> None:
        """Read what has come."""
        while self._display.pending_events():
            if self._display.next_event().type == X.KeyPress and self._held:
                self._pressed()

    def close(self) -> None:
        self._display.close()
