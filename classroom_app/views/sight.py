"""Whether anybody can see a window: what nobody sees is not asked of the pupils' devices.

Qt knows a window that is minimised or on another virtual desktop; under macOS also one that others
cover. Under X11 the server tells when a window is covered whole, and whether the screen is off
(`x11_sight`). Where a compositor paints (Wayland, many X11 desktops) nobody tells of covers: such
a window counts as seen.
"""

import sys
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

_HINTS = frozenset({QEvent.Type.Expose, QEvent.Type.Show, QEvent.Type.Hide})


class Sight(QObject):
    """Make it before the window is shown: an X server tells changes only."""

    changed = Signal(bool)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        told = _server_of(window, self)
        self._uncovered: Callable[[], bool] = told or (lambda: True)
        self._handle = window.windowHandle()
        self._handle.installEventFilter(self)
        self.seen = True

    @Slot()
    def look(self) -> None:
        exposed = self._handle.isExposed() and not self._window.isMinimized()
        seen = exposed and self._uncovered()
        if seen != self.seen:
            self.seen = seen
            self.changed.emit(seen)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in _HINTS:
            # The window itself takes the event first.
            QTimer.singleShot(0, self, self.look)
        return super().eventFilter(watched, event)


def _server_of(window: QWidget, sight: Sight) -> Callable[[], bool] | None:
    native = int(window.winId())  # makes the native window as well
    if sys.platform != "linux" or QGuiApplication.platformName() != "xcb":
        return None
    from classroom_app.views.x11_sight import X11Sight  # noqa: PLC0415 - Linux only

    told = X11Sight(native, sight)
    told.changed.connect(sight.look)
    return told.in_sight
