"""What a teacher can show of an X11 desktop: a monitor, a window, a region; with the pointer.

A window is its rectangle cut from the screen: what lies over it is seen as well.
"""

import threading
from typing import Final

from msgspec import Struct
from mss import MSS
from mss.exception import ScreenShotError
from Xlib import X, Xatom, display, error

from device_bridge.agent.capabilities import Area, Picture, Unseen

UNSEEN: Final = Unseen("failed", "cannot-see")
TITLE_MAX: Final = 60
WINDOWS_MAX: Final = 30


class OpenWindow(Struct, frozen=True):
    id: int
    title: str


class X11Shows:
    """One X connection a thread for pictures, as mss wants it; one more for questions.

    Raises `error.DisplayError` where no X server is.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self._display = display.Display(name)
        self._root = self._display.screen().root
        self._mine = threading.local()
        self._asking = threading.Lock()  # a connection of python-xlib is one thread's at a time

    def monitors(self) -> tuple[Area, ...]:
        """Return every active monitor, the main one first. Source: RandR 1.5, RRGetMonitors."""
        with self._asking:
            monitors = self._root.xrandr_get_monitors().monitors
        found = sorted(monitors, key=lambda m: not m.primary)
        return tuple(Area(m.x, m.y, m.width_in_pixels, m.height_in_pixels) for m in found)

    def windows(self) -> tuple[OpenWindow, ...]:
        """Return what a window manager lists, the newest first. Source: EWMH, _NET_CLIENT_LIST."""
        with self._asking:
            return self._listed()

    def _listed(self) -> tuple[OpenWindow, ...]:
        listed = self._root.get_full_property(self._atom("_NET_CLIENT_LIST"), X.AnyPropertyType)
        ids = list(listed.value)[::-1] if listed else []
        found = (OpenWindow(one, self._title(one)) for one in ids[:WINDOWS_MAX])
        return tuple(one for one in found if one.title)

    def area_of(self, window: int) -> Area | None:
        """Return where a window is seen now; None where it is not."""
        with self._asking:
            return self._seen(window)

    def _seen(self, window: int) -> Area | None:
        asked = self._display.create_resource_object("window", window)
        try:
            if asked.get_attributes().map_state != X.IsViewable:
                return None
            at, spot = asked.get_geometry(), asked.translate_coords(self._root, 0, 0)
        except error.XError:
            return None  # closed meanwhile
        return self._on_screen(Area(-spot.x, -spot.y, at.width, at.height))

    def cut(self, area: Area) -> Area | None:
        """Return what of an area is on the screen now; None where nothing is."""
        with self._asking:
            return self._on_screen(area)

    def grab(self, area: Area) -> Picture | Unseen:
        """Return what is seen there, the pointer with it. Blocks; any thread."""
        spot = {"left": area.x, "top": area.y, "width": area.width, "height": area.height}
        try:
            shot = self._eye().grab(spot)
        except ScreenShotError:
            self._mine.eye = None  # the outputs changed under the grab: the next one asks anew
            return UNSEEN
        return Picture(shot.width, shot.height, "BGRX", shot.raw)

    def close(self) -> None:
        self._display.close()

    def _on_screen(self, area: Area) -> Area | None:
        whole = self._root.get_geometry()
        left, top = max(0, area.x), max(0, area.y)
        right = min(whole.width, area.x + area.width)
        bottom = min(whole.height, area.y + area.height)
        if right <= left or bottom <= top:
            return None
        return Area(left, top, right - left, bottom - top)

    def _title(self, window: int) -> str:
        asked = self._display.create_resource_object("window", window)
        try:
            named = asked.get_full_property(self._atom("_NET_WM_NAME"), X.AnyPropertyType)
            older = None if named else asked.get_full_property(Xatom.WM_NAME, X.AnyPropertyType)
        except error.XError:
            return ""
        title = named or older
        raw = title.value if title else b""
        return raw.decode("utf-8", "replace")[:TITLE_MAX] if isinstance(raw, bytes) else ""

    def _atom(self, name: str) -> int:
        return self._display.intern_atom(name)

    def _eye(self) -> MSS:
        eye: MSS | None = getattr(self._mine, "eye", None)
        if eye is None:
            eye = self._mine.eye = MSS(display=self._name, with_cursor=True)
        return eye
