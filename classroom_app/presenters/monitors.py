"""Where things are on a desktop of several monitors, in its real pixels.

Qt leaves each screen where the system has it, at the left of the main one below zero, and only
shrinks its size by the ratio. Source: Qt, qhighdpiscaling.cpp, fromNativeScreenGeometry.
"""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRect, QRectF

Side = Literal["", "here", "left", "right", "above", "below"]


def real(screen: QRect, ratio: float) -> QRect:
    """Return the real area of a screen that Qt knows by `screen`."""
    return QRect(
        screen.x(), screen.y(), round(screen.width() * ratio), round(screen.height() * ratio)
    )


def region(screen: QRect, ratio: float, drawn: QRectF) -> QRect:
    """Return what was drawn on that screen, from its corner on; no more than the screen has."""
    size = drawn.width() * ratio, drawn.height() * ratio
    scaled = QRectF(drawn.x() * ratio, drawn.y() * ratio, *size).toRect()
    return scaled.translated(screen.topLeft()) & real(screen, ratio)


def nearest(screens: Sequence[QRect], spot: QRect) -> int:
    """Return which of these holds most of `spot`; the first, where none does."""
    held = [screen & spot for screen in screens]
    most = [each.width() * each.height() if each.isValid() else 0 for each in held]
    return most.index(max(most))


def side(one: QRect, ours: QRect) -> Side:
    """Return where `one` is, seen from `ours`: by the longer way between their middles."""
    if one == ours:
        return "here"
    way = one.center() - ours.center()
    if abs(way.x()) >= abs(way.y()):
        return "right" if way.x() > 0 else "left"
    return "below" if way.y() > 0 else "above"
