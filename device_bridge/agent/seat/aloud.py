"""What a screen reader says of windows that never take the keyboard: the bar, a notice.

A reader is silent about a window until it is the active one. What is a notification to it, it reads
when that shows, wherever the pupil is. Debian 12's reader does not hear Qt's own announcements.
"""

from typing import Final

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleEvent, QAccessibleInterface
from PySide6.QtWidgets import QAccessibleWidget, QLabel

ALOUD: Final = "read-aloud"
"""The object name of a label whose accessible name is read when it shows."""


def hear_notifications() -> None:
    """Let the labels of this process that are named `ALOUD` be notifications."""
    QAccessible.installFactory(_notification)


def _notification(_: str, of: QObject) -> QAccessibleInterface | None:
    if isinstance(of, QLabel) and of.objectName() == ALOUD:
        return QAccessibleWidget(of, QAccessible.Role.Notification)
    return None


def read_aloud(label: QLabel, text: str, *, again: bool = False) -> None:
    """Give `label` what is read when it shows; `again`: it has news while it stands there."""
    label.setAccessibleName(text)
    if again and label.isVisible():
        QAccessible.updateAccessibility(QAccessibleEvent(label, QAccessible.Event.ObjectShow))
