"""A show as it comes in at the seat: one frame at a time, and nothing after its end. No Qt."""

import asyncio
from collections.abc import Callable

from device_bridge.agent.capabilities import Showing
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import FromSeat, HideScreen, ScreenLate, ScreenShown, ShowScreen


class Receiving:
    """The guard hands over the next frame when the last one is answered: one is held."""

    def __init__(self, showing: Showing, say: Callable[[FromSeat], None]) -> None:
        self._showing, self._say = showing, say
        self._order: ShowScreen | None = None
        self._frame: Frame | None = None
        self._came = asyncio.Event()

    def told(self, message: ShowScreen | HideScreen | ScreenLate | Frame) -> None:
        match message:
            case ShowScreen():
                self._order, self._frame = message, None
                self._showing.show(message)
            case HideScreen():
                self._end(message)
            case ScreenLate(version, seconds):
                if self._order is not None and self._order.version == version:
                    self._showing.late(seconds)
            case Frame() if self._order is not None:
                self._frame = message
                self._came.set()
            case Frame():
                pass  # of a show that is over

    def alone(self) -> None:
        """Give the desktop back: the guard is gone, and with it whoever shows."""
        if self._order is not None:
            self._end(HideScreen(self._order.version, "lost"))

    def _end(self, order: HideScreen) -> None:
        self._order = self._frame = None
        self._showing.hide(order)

    async def run(self) -> None:
        """Show until cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            order, frame = self._order, self._frame
            self._frame = None
            if order is None or frame is None:
                continue
            reason = await self._showing.picture(frame)
            if self._order is order:
                self._say(ScreenShown(order.version, frame.number, reason[:200]))
