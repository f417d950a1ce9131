"""Timers that live with whom they call."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, SignalInstance


def timer(
    parent: QObject,
    milliseconds: int,
    slot: SignalInstance | Callable[[], None],
    *,
    once: bool = False,
) -> QTimer:
    timer = QTimer(parent, singleShot=once, interval=milliseconds)
    timer.timeout.connect(slot)
    return timer
