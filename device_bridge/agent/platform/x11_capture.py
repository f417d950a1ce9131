"""Screens of an X11 desktop, by mss."""

import threading
from collections.abc import Callable
from typing import Final

from mss import MSS
from mss.exception import ScreenShotError

from device_bridge.agent.capabilities import Area, Picture, Unseen
from device_bridge.protocol.hello import Screen

UNSEEN: Final = Unseen("failed", "the screen cannot be seen")
FRESH_SECONDS: Final = 3.0
"""mss asks for the monitors once; a beamer plugged in is seen when it is made anew."""


class X11Capture:
    """One X connection a thread, as mss wants it. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float], display: str | None = None) -> None:
        self._clock = clock
        self._display = display
        self._mine = threading.local()

    def screens(self) -> tuple[Screen, ...]:
        try:
            monitors = self._eye().monitors[1:]
        except ScreenShotError:
            return ()
        return tuple(Screen(monitor["width"], monitor["height"]) for monitor in monitors)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        del screen
        return None

    def grab(self, screen: int) -> Picture | Unseen:
        """Return the pixels of monitor `screen`, of the first where it is gone."""
        try:
            eye = self._eye()
            monitors = eye.monitors[1:]
            if not monitors:
                return UNSEEN
            shot = eye.grab(monitors[screen if screen < len(monitors) else 0])
        except ScreenShotError:
            self.close()  # the outputs changed under the grab: the next one asks anew
            return UNSEEN
        return Picture(shot.width, shot.height, "BGRX", shot.raw)

    def close(self) -> None:
        """End this thread's connection."""
        eye: MSS | None = getattr(self._mine, "eye", None)
        if eye is not None:
            self._mine.eye = None
            eye.close()

    def _eye(self) -> MSS:
        now = self._clock()
        eye: MSS | None = getattr(self._mine, "eye", None)
        if eye is None or now - self._mine.made_at > FRESH_SECONDS:
            self.close()
            eye = self._mine.eye = MSS(display=self._display)
            self._mine.made_at = now
        return eye
