"""While the teacher drives: the picture takes keyboard and pointer, and a card says so."""

from collections.abc import Callable
from typing import Final, Literal

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Slot
from PySide6.QtGui import (
    QFont,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QMouseEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from classroom_app.presenters.control import ControlPresenter
from classroom_app.presenters.words import say
from classroom_app.views.buttons import flat, labelled
from classroom_app.views.sheets import label
from classroom_app.views.theme import Theme

WHEEL_STEP: Final = 120
"""Eighths of a degree: one step of a wheel. Source: Qt, QWheelEvent."""
LATIN_1: Final = 0xFF
Button = Literal[1, 2, 3, 8, 9]
_BUTTONS: Final[dict[Qt.MouseButton, Button]] = {
    Qt.MouseButton.LeftButton: 1,
    Qt.MouseButton.MiddleButton: 2,
    Qt.MouseButton.RightButton: 3,
    Qt.MouseButton.BackButton: 8,
    Qt.MouseButton.ForwardButton: 9,
}
_KEYS: Final[dict[int, str]] = {
    Qt.Key.Key_Escape: "Escape",
    Qt.Key.Key_Tab: "Tab",
    Qt.Key.Key_Backtab: "Tab",
    Qt.Key.Key_Backspace: "BackSpace",
    Qt.Key.Key_Return: "Return",
    Qt.Key.Key_Enter: "KP_Enter",
    Qt.Key.Key_Insert: "Insert",
    Qt.Key.Key_Delete: "Delete",
    Qt.Key.Key_Pause: "Pause",
    Qt.Key.Key_Print: "Print",
    Qt.Key.Key_Home: "Home",
    Qt.Key.Key_End: "End",
    Qt.Key.Key_Left: "Left",
    Qt.Key.Key_Up: "Up",
    Qt.Key.Key_Right: "Right",
    Qt.Key.Key_Down: "Down",
    Qt.Key.Key_PageUp: "Prior",
    Qt.Key.Key_PageDown: "Next",
    Qt.Key.Key_Shift: "Shift_L",
    Qt.Key.Key_Control: "Control_L",
    Qt.Key.Key_Meta: "Super_L",
    Qt.Key.Key_Super_L: "Super_L",
    Qt.Key.Key_Super_R: "Super_R",
    Qt.Key.Key_Alt: "Alt_L",
    Qt.Key.Key_Menu: "Menu",
    **{Qt.Key.Key_F1.value + at: f"F{at + 1}" for at in range(12)},
}
_MODIFIERS: Final = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)
_GRABS: Final = frozenset({"xcb", "windows"})
_ALT_GR: Final = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
_WAY_OUT: Final = _ALT_GR | Qt.KeyboardModifier.ShiftModifier


class Hands(QObject):
    """Watches `look`, whose picture stands at `spot`, and hands on what is done there.

    The keyboard is grabbed, so that Alt+Tab and the like reach the pupil's desktop, and let go
    when the window is left by the mouse.
    """

    def __init__(
        self,
        control: ControlPresenter,
        look: QWidget,
        spot: Callable[[], QRectF],
        active: Callable[[], bool],
    ) -> None:
        super().__init__(look)
        self._control, self._look, self._spot, self._active = control, look, spot, active
        self._turned = QPointF()
        self._was_on = False
        look.installEventFilter(self)
        control.changed.connect(self._follow)

    @Slot()
    def _follow(self) -> None:
        if (on := self._drives()) != self._was_on:
            self._was_on = on
            self._hold(on=on)

    def _drives(self) -> bool:
        return self._control.on and self._active()

    def _hold(self, *, on: bool) -> None:
        look = self._look
        look.setMouseTracking(on)
        look.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, on)
        look.setFocusPolicy(Qt.FocusPolicy.StrongFocus if on else Qt.FocusPolicy.NoFocus)
        if on:
            look.setFocus()
            self._grab()
        else:
            look.releaseKeyboard()
            if parent := look.parentWidget():
                parent.setFocus()

    def _grab(self) -> None:
        # Elsewhere, on Wayland say, the teacher's own desktop keeps its keys.
        if QGuiApplication.platformName() in _GRABS:
            self._look.grabKeyboard()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take what a hand does on the picture while the teacher drives."""
        if not self._drives():
            return super().eventFilter(watched, event)
        match event:
            case QKeyEvent() if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()  # the window's own keys rest
            case QKeyEvent():
                self._key(event, down=event.type() == QEvent.Type.KeyPress)
            case QInputMethodEvent() if event.commitString():
                self._control.text(event.commitString())
            case QWheelEvent():
                self._wheel(event)
            case QMouseEvent():
                self._mouse(event)
            case _:
                return self._about(event)
        return True

    def _about(self, event: QEvent) -> bool:
        match event.type():
            case QEvent.Type.FocusOut:
                self._look.releaseKeyboard()
                self._control.let_go()
            case QEvent.Type.FocusIn:
                self._grab()
            case QEvent.Type.Hide:
                self._control.give_back()
            case _:
                pass
        return False

    def _mouse(self, event: QMouseEvent) -> None:
        spot, at = self._spot(), event.position()
        inside = spot.contains(at)
        if inside:
            across = (at.x() - spot.left()) / spot.width()
            self._control.pointer(across, (at.y() - spot.top()) / spot.height())
        button = _BUTTONS.get(event.button())
        if event.type() == QEvent.Type.MouseMove or button is None:
            return
        down = event.type() != QEvent.Type.MouseButtonRelease
        if inside or not down:
            self._control.button(button, down=down)

    def _wheel(self, event: QWheelEvent) -> None:
        self._turned += QPointF(event.angleDelta()) / WHEEL_STEP
        across, down = int(self._turned.x()), int(self._turned.y())
        if across or down:
            self._turned -= QPointF(across, down)
            self._control.wheel(-across, -down)

    def _key(self, event: QKeyEvent, *, down: bool) -> None:
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() == Qt.Key.Key_Escape and held == _WAY_OUT:
            if down:
                self._control.give_back()
            return
        if name := _KEYS.get(event.key()):
            if not event.isAutoRepeat():  # the pupil's desktop repeats what is held down
                self._control.key(name, down=down)
        elif (
            event.text().isprintable()
            and event.text()
            and (not held & _MODIFIERS or held & _MODIFIERS == _ALT_GR)
        ):
            if down:
                self._control.text(event.text())
        elif 0 < event.key() <= LATIN_1 and not event.isAutoRepeat():
            self._control.key(f"U{ord(chr(event.key()).lower()):04X}", down=down)


class ControlCard(QFrame):
    """The act, and while it goes on: that it does, and the ways out."""

    def __init__(self, control: ControlPresenter, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("control-card")
        self._control, self._theme = control, theme
        self.title = label("", 18, QFont.Weight.Bold)
        self.words = label("", 15, QFont.Weight.Medium)
        self.words.setWordWrap(True)
        self.take = flat("take-mouse", "plain", self)
        self.back = flat("give-back", "main", self)
        self.back.clicked.connect(control.give_back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for part in (self.title, self.words, self.back, self.take):
            column.addWidget(part)

    @Slot()
    def refresh(self) -> None:
        control = self._control
        for shown, text in ((self.title, control.title()), (self.words, control.words())):
            shown.setText(text)
            shown.setVisible(bool(text))
        labelled(self.take, self._theme, "mouse-pointer-2", say("Take the mouse"))
        self.take.setToolTip(say("Ctrl+J: drive mouse and keyboard there; the pupil is told"))
        labelled(self.back, self._theme, "undo-2", say("Give back"), "surface")
        self.back.setToolTip("Ctrl+Alt+Shift+Esc")
        self.take.setVisible(control.can_drive())
        self.back.setVisible(bool(control.state))
        offers = control.can_drive() or control.state or control.words()
        self.setVisible(bool(offers))
