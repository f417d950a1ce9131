"""What an X server tells of a window, on a connection of its own: Qt does not pass it on."""

import logging

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal, Slot
from Xlib import X
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XError

log = logging.getLogger(__name__)
SCREEN_MS = 1000
POWER_ON = 0  # of the DPMS extension: standby, suspended and off follow


class X11Sight(QObject):
    changed = Signal()

    def __init__(self, window: int, parent: QObject) -> None:
        super().__init__(parent)
        self._covered = self._off = False
        self._display: Display | None = None
        try:
            self._display = opened = Display()
        except (DisplayError, OSError) as error:
            log.info("not told what covers the window", extra={"why": type(error).__name__})
            return
        opened.set_error_handler(lambda *_: None)  # a window may go at any time
        asked = opened.create_resource_object("window", window)
        asked.change_attributes(event_mask=X.VisibilityChangeMask)
        opened.flush()
        self._came = QSocketNotifier(opened.fileno(), QSocketNotifier.Type.Read, self)
        self._came.activated.connect(self._take)
        if opened.has_extension("DPMS"):
            screen = QTimer(self, interval=SCREEN_MS)
            screen.timeout.connect(self._ask_screen)
            screen.start()

    def in_sight(self) -> bool:
        return not self._covered and not self._off

    @Slot()
    def _take(self) -> None:
        try:
            while self._display and self._display.pending_events():
                event = self._display.next_event()
                if event.type == X.VisibilityNotify:
                    self._covered = event.state == X.VisibilityFullyObscured
        except ConnectionClosedError:
            self._lose()
        self.changed.emit()

    @Slot()
    def _ask_screen(self) -> None:
        if self._display is None:
            return
        try:
            told = self._display.dpms_info()
        except (ConnectionClosedError, XError):
            self._lose()
        else:
            self._off = bool(told.state) and told.power_level != POWER_ON
        self._take()  # what came before the answer wakes nobody any more

    def _lose(self) -> None:
        self._came.setEnabled(False)
        self._display, self._covered, self._off = None, False, False
