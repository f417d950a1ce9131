"""A window no larger than its screen: old laptops have 1366 x 768, less what panels take."""

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

FRAME = QSize(16, 48)
"""What a title bar and borders may add; before a window is shown nobody can say how much."""


def show_fitted(window: QWidget, wanted: QSize) -> None:
    """Show `window` at `wanted`; where the screen has less room, as large as there is."""
    room = window.screen().availableSize()
    # An offscreen window is for its picture: it has the size asked for and no screen to fit.
    offscreen = QGuiApplication.platformName() == "offscreen"
    if offscreen or room.expandedTo(wanted + FRAME) == room:
        window.resize(wanted)
        window.show()
    else:
        window.resize(wanted.boundedTo(room - FRAME))
        window.showMaximized()
