"""The indicator: shows the bar, proves that it can be seen, and passes on what the pupil does."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal, Slot

from device_bridge.agent.platform.x11_windows import X11Windows
from device_bridge.agent.seat.bar import IndicatorBar
from device_bridge.agent.seat.chooser import Chooser
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.seat import PupilActed, ShowIndicator

TRIES_SECONDS: Final = (0.02, 0.05, 0.1, 0.3)
OFF_SCREEN: Final = "the bar is not on any screen"
NOT_MAPPED: Final = "the bar is not shown"
COVERED: Final = "another window covers the bar"
STILL_MAPPED: Final = "the bar is still shown"


class XIndicator(QObject):
    """The `Indicator` of an X11 desktop. `ours` names windows that may lie over the bar.

    `hold_keys` has the pupil's keys for taking back, or gives them up; it returns whether it has.
    """

    shown = Signal(object)
    write_wanted = Signal()
    received_wanted = Signal(str)
    hand_in_wanted = Signal(str)
    seen_wanted = Signal()

    def __init__(
        self,
        words: Words,
        now: Callable[[], float],
        windows: X11Windows,
        ours: Callable[[], Collection[int]],
        hold_keys: Callable[[bool], bool] = lambda _: False,
    ) -> None:
        super().__init__()
        self._hold_keys = hold_keys
        self._now = now
        self._windows = windows
        self._ours = ours
        self._acted: Callable[[PupilActed], None] | None = None
        self._order = ShowIndicator(0, on=False)
        self._hand_up = False
        self._bar = IndicatorBar(words)
        self._chooser = Chooser(words)
        self._bar.hand_pressed.connect(self._hand_pressed)
        self._bar.write_pressed.connect(self.write_wanted)
        self._bar.received_pressed.connect(self._received_pressed)
        self._bar.hand_in_pressed.connect(self._hand_in_pressed)
        self._bar.seen_pressed.connect(self.seen_wanted)
        self._bar.private_pressed.connect(self._private_pressed)
        self._bar.take_back_pressed.connect(self._take_back_pressed)
        self._chooser.chosen.connect(self._chosen)

    def on_acted(self, acted: Callable[[PupilActed], None]) -> None:
        self._acted = acted

    async def show(self, order: ShowIndicator) -> str:
        """Map or unmap the bar; return why it is not as asked, or ""."""
        self._take(order)
        reason = self._proved()
        for pause in TRIES_SECONDS:
            if not reason:
                break
            await asyncio.sleep(pause)
            reason = self._proved()
        return reason

    @property
    def order(self) -> ShowIndicator:
        return self._order

    def raise_(self) -> None:
        """Stand above what was just shown."""
        if self._order.on:
            self._bar.raise_()

    @Slot(bool)
    def cover(self, covered: bool) -> None:  # noqa: FBT001 - a signal's own word
        """Hear whether a show covers the desktop: what opens a window would open it unseen."""
        self._bar.covered = covered
        if self._order.on:
            self._bar.show_order(self._order, self._now(), hand_up=self._hand_up)

    def close(self) -> None:
        self._bar.deleteLater()
        self._chooser.deleteLater()

    def _take(self, order: ShowIndicator) -> None:
        changed = order != self._order
        if order.hand_place or not order.on or self._order.hand_place:
            self._hand_up = False  # the teacher's app knows of the hand now, or has answered it
        self._order = order
        self._bar.keys_held = self._hold_keys(bool(order.drives))
        if order.on:
            if changed or not self._bar.isVisible():
                self._bar.show_order(order, self._now(), hand_up=self._hand_up)
            self._bar.show()
        else:
            self._bar.hide()
        self._chooser.offer(order.choices if order.on else (), order.asked)
        self.shown.emit(order)

    def _proved(self) -> str:
        window = int(self._bar.winId())
        mapped = self._windows.viewable(window) is not None
        if not self._order.on:
            return STILL_MAPPED if mapped else ""
        if not mapped:
            self._bar.hide()
            self._bar.show()
            return NOT_MAPPED
        if not self._windows.on_a_monitor(window):
            self._bar.place()
            return OFF_SCREEN
        ours = {int(self._chooser.winId()), *self._ours()}
        if not self._windows.above(window) - ours:
            return ""
        self._bar.raise_()
        return COVERED

    @Slot()
    def _hand_pressed(self) -> None:
        up = self._hand_up or self._order.hand_place > 0
        self.hand_is(up=not up)
        self._say(PupilActed("hand-down" if up else "hand-up"))

    def hand_is(self, *, up: bool) -> None:
        """Show the hand at once; its place follows with the next order."""
        self._hand_up = up
        if self._order.on:
            order = self._order if up else replace(self._order, hand_place=0)
            self._order = order
            self._bar.show_order(order, self._now(), hand_up=up)

    @Slot()
    def _received_pressed(self) -> None:
        self.received_wanted.emit(self._order.received_folder)

    @Slot()
    def _hand_in_pressed(self) -> None:
        self.hand_in_wanted.emit(self._order.hand_in_folder)

    @Slot()
    def _private_pressed(self) -> None:
        self._say(PupilActed("private-off" if self._order.private == "on" else "private-on"))

    @Slot()
    def _take_back_pressed(self) -> None:
        self._say(PupilActed("take-back"))

    @property
    def window(self) -> int:
        """The bar's own number at the X server."""
        return int(self._bar.winId())

    @Slot(str)
    def _chosen(self, pupil: str) -> None:
        self._say(PupilActed("seat", pupil))

    def _say(self, act: PupilActed) -> None:
        if self._acted is not None:
            self._acted(act)
