"""A form's words about one of its fields, beneath that field: where the eye and the keys are."""

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QLabel, QLineEdit, QScrollArea, QWidget

from classroom_app.presenters.not_signed_in import Told
from classroom_app.views.sheets import label

FIELD = 56
"""Px that a field and the gap to its words take."""


class Beneath:
    """Keeps a line for each field that `add` was told of; one of them is seen at a time."""

    def __init__(self) -> None:
        self.lines: dict[str, QLabel] = {}
        self._fields: dict[str, QWidget] = {}

    def add(self, name: str, field: QWidget) -> QLabel:
        """Return the line to lay out below `field`."""
        line = label("", 14, QFont.Weight.DemiBold)
        line.setObjectName(f"beneath-{name}")
        line.hide()
        self.lines[name], self._fields[name] = line, field
        return line

    def show(self, told: Told) -> None:
        """Show what is told of one field, also to a screen reader that comes to the field."""
        for name, line in self.lines.items():
            here = name == told.about and bool(told.words)
            field, wrong = self._fields[name], here and told.wrong
            line.setText(told.words if here else "")
            line.setVisible(here)
            if here:
                field.setAccessibleName(f"{field.accessibleName()}. {told.words}")
            for part in (field, line):
                mark(part, "wrong", "yes" if wrong else "")

    def back_to(self, name: str) -> None:
        """Give the keys to the field that is to be mended: what is typed next takes its place."""
        field = self._fields.get(name)
        if field is None or not field.isVisible():
            return
        field.setFocus()
        if area := _scrolling(field):
            # The words have no room yet: that is given first.
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
            area.ensureWidgetVisible(self.lines[name], 0, FIELD)
        if isinstance(field, QLineEdit):
            field.selectAll()


def _scrolling(widget: QWidget) -> QScrollArea | None:
    """Return what scrolls with `widget` in it: keys that are given do not bring it into sight."""
    held: QWidget | None = widget
    while held and not isinstance(held, QScrollArea):
        held = held.parentWidget()
    return held


def mark(widget: QWidget, name: str, value: str) -> None:
    """Let the style sheet see it: it looks at a property once, unless it is told to look anew."""
    if (widget.property(name) or "") != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
