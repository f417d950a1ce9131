"""What was drawn on an X11 screen, by the DAMAGE and XFIXES extensions.

The server gathers it in one region and says once that it is no longer empty: nothing piles up
there while nobody looks. Source: damageproto 1.1, fixesproto 5.0 (regions are in no library).
"""

from typing import Any, Final

from Xlib import X, display
from Xlib.ext import damage
from Xlib.protocol import rq, structs

from device_bridge.agent.capabilities import Area

_REGIONS: Final = "XFIXES"


class X11Damage:
    """A connection of its own. Raises `DisplayError` and `OSError` where the server is not."""

    def __init__(self, name: str | None = None) -> None:
        self._display = display.Display(name)
        try:
            self._begin()
        except BaseException:
            self._display.close()
            raise

    def _begin(self) -> None:
        shown = self._display
        self._able = all(map(shown.has_extension, (damage.extname, _REGIONS)))
        if not self._able:
            return
        shown.damage_query_version()
        shown.xfixes_query_version()  # without it the server takes no request about regions
        self._damage = shown.screen().root.damage_create(damage.DamageReportNonEmpty)
        self._region = shown.display.allocate_resource_id()
        _CreateRegion(display=shown.display, opcode=self._xfixes(), region=self._region)
        shown.sync()

    def drawn(self) -> list[Area] | None:
        """Return what was drawn on since the last call, on the X screen; None: it is not told."""
        if not self._able:
            return None
        shown, news = self._display, False
        while shown.pending_events():
            news |= shown.next_event().type == shown.extension_event.DamageNotify
        if not news:
            return []
        self._display.damage_subtract(self._damage, X.NONE, self._region)
        told = _FetchRegion(
            display=self._display.display, opcode=self._xfixes(), region=self._region
        )
        return [Area(one.x, one.y, one.width, one.height) for one in told.rectangles]

    def fileno(self) -> int | None:
        """Return what can be read once something is drawn; None: it is not told."""
        return self._display.fileno() if self._able else None

    def close(self) -> None:
        self._display.close()

    def _xfixes(self) -> int:
        return self._display.display.get_extension_major(_REGIONS)


class _CreateRegion(rq.Request):
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(5),
        rq.RequestLength(),
        rq.Card32("region"),
    )


class _FetchRegion(rq.ReplyRequest):
    rectangles: list[Any]
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(19),
        rq.RequestLength(),
        rq.Card32("region"),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Object("extents", structs.Rectangle),
        rq.Pad(16),
        rq.List("rectangles", structs.Rectangle),
    )
