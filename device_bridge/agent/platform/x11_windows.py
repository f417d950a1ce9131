"""What the X server says of our windows: mapped, where, and what lies above them."""

from msgspec.structs import replace
from Xlib import X, display, error
from Xlib.ext import shape

from device_bridge.agent.capabilities import Area


class X11Windows:
    """Asks over a connection of its own, so an answer never comes from our toolkit's belief.

    Raises `error.DisplayError` where no X server is.
    """

    def __init__(self, name: str | None = None) -> None:
        self._display = display.Display(name)
        self._root = self._display.screen().root

    def close(self) -> None:
        self._display.close()

    def monitors(self) -> list[Area]:
        """Every active RandR monitor. Source: RandR 1.5, RRGetMonitors."""
        found = self._root.xrandr_get_monitors().monitors
        return [Area(m.x, m.y, m.width_in_pixels, m.height_in_pixels) for m in found]

    def viewable(self, window: int) -> Area | None:
        """Return where `window` is mapped, None where it is not."""
        asked = self._display.create_resource_object("window", window)
        try:
            if asked.get_attributes().map_state != X.IsViewable:
                return None
            at = asked.get_geometry()
        except error.XError:
            return None  # destroyed meanwhile
        border = 2 * at.border_width
        return Area(at.x, at.y, at.width + border, at.height + border)

    def above(self, window: int) -> set[int]:
        """Return the visible windows over `window`, which is a child of the root itself.

        An InputOnly window paints nothing but would take the clicks: it counts. Window managers
        keep theirs off the screen, so those do not meet ours.
        """
        mine = self.viewable(window)
        if mine is None:
            return set()
        found: set[int] = set()
        # Bottom to top: QueryTree, X protocol.
        for other in reversed(self._root.query_tree().children):
            if other.id == window:
                break
            at = self.viewable(other.id)
            if at is not None and at.meets(mine):
                found.add(other.id)
        return found

    def on_a_monitor(self, window: int) -> bool:
        """Whether `window` is mapped where somebody sees it: whole, or as wide as a monitor is."""
        at = self.viewable(window)
        if at is None:
            return False
        return any(m.holds(replace(at, width=min(at.width, m.width))) for m in self.monitors())

    def _has_holes(self, window: int) -> bool:
        """Whether its outline was cut, which any client may do. Source: SHAPE, QueryExtents."""
        asked = self._display.create_resource_object("window", window)
        try:
            extents = shape.query_extents(asked)  # pyright: ignore[reportArgumentType] - two stubs
            return bool(extents.bounding_shaped)
        except error.XError:
            return False  # destroyed meanwhile: not viewable either

    def uncovered(self, windows: list[int]) -> list[Area]:
        """Return the monitors that none of `windows` covers whole."""
        whole = [window for window in windows if not self._has_holes(window)]
        areas = [area for window in whole if (area := self.viewable(window)) is not None]
        return [m for m in self.monitors() if not any(area.holds(m) for area in areas)]
