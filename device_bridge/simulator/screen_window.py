"""A behaving screen on a real X11 display, behind the pupil's windows.

`pupitre-agent screen --device ID [--seed N] [--behaviour NAME]`: real agents on Xvfb then have
something to be seen, with the same code as simulated screens. It paints the root window, so no
window manager can move it and nothing it does can take the keyboard.
"""

import select
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

from Xlib import X, display
from Xlib.error import ConnectionClosedError, DisplayError

from device_bridge.simulator.screens import BehavingScreen, Behaviour

FRAME_SECONDS: Final = 0.5
_STRIP_BYTES: Final = 200_000  # below the 262,140 bytes of a core request


class Backdrop:
    """The root window's picture."""

    def __init__(
        self,
        shown: display.Display,
        device: str,
        seed: int,
        behaviour: Behaviour,
        now: Callable[[], float],
    ) -> None:
        self._display = shown
        screen = shown.screen()
        self._root, self._depth = screen.root, screen.root_depth
        size = screen.width_in_pixels, screen.height_in_pixels
        self._screen = BehavingScreen(device, seed, behaviour, now, size)
        self._pixmap = self._root.create_pixmap(*size, self._depth)
        self._pen = self._pixmap.create_gc()

    def draw(self) -> None:
        """Bring the backdrop up to now, in strips that fit a request."""
        image = self._screen.picture()
        pixels = image.tobytes("raw", "BGRX")
        row = image.width * 4
        rows = max(1, _STRIP_BYTES // row)
        for top in range(0, image.height, rows):
            high = min(rows, image.height - top)
            strip = pixels[top * row : (top + high) * row]
            shape = (0, top, image.width, high)
            self._pixmap.put_image(self._pen, *shape, X.ZPixmap, self._depth, 0, strip)
        self._root.change_attributes(background_pixmap=self._pixmap)
        self._root.clear_area()
        self._display.sync()


class Ending:
    """Set by SIGTERM or SIGINT; `rest` ends early then."""

    def __init__(self) -> None:
        self.told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._tell)

    def _tell(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.told = True

    def rest(self, seconds: float) -> None:
        """Wait. A signal that comes just before is seen after the pause at the latest."""
        if not self.told:
            select.select([], [], [], max(0.0, seconds))


def paint(device: str, seed: int, behaviour: Behaviour) -> int:
    """Draw until told to end or the display is gone; return the exit code."""
    ending = Ending()
    try:
        shown = display.Display()
        backdrop = Backdrop(shown, device, seed, behaviour, time.time)
        while not ending.told:
            began = time.monotonic()
            backdrop.draw()
            ending.rest(FRAME_SECONDS - (time.monotonic() - began))
    except (DisplayError, ConnectionClosedError, OSError) as error:
        sys.stderr.write(f"no display: {error}\n")
        return 1
    return 0
