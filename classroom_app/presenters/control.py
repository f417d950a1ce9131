"""Driving a pupil's device: what the teacher does there, in order, and how it ends, in words."""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from PySide6.QtCore import QObject, QSize, QTimer, Signal, Slot

from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.tile import State, Tile
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.sentences import name_of
from classroom_app.presenters.words import say
from device_bridge.protocol.control import (
    EVENTS_MAX,
    LOCKED,
    TEXT_MAX,
    TEXT_TOGETHER_MAX,
    TOO_SOON,
    WHEEL_MAX,
    ButtonPressed,
    ControlEvent,
    KeyPressed,
    PointerMoved,
    TextTyped,
    WheelTurned,
)

PACE_MS: Final = 17
"""At most 60 messages a second."""


class Drives(Protocol):
    """Joined to the service in bootstrap.py."""

    def may(self) -> bool:
        """Whether the teacher's right has it."""
        ...

    def drive(self, device: DeviceId, screen: int) -> None: ...
    def give_back(self) -> None: ...
    def send(self, events: Sequence[ControlEvent]) -> None: ...


class Nobody:
    """Nobody drives before somebody is signed in."""

    def may(self) -> bool:
        return False

    def drive(self, device: DeviceId, screen: int) -> None:
        """Drive nothing."""

    def give_back(self) -> None:
        """Nothing was taken."""

    def send(self, events: Sequence[ControlEvent]) -> None:
        """Send nothing."""


class ControlPresenter(QObject):
    """`size`: of the screen that is shown, in its own pixels."""

    changed = Signal()

    def __init__(self, desk: DeskPresenter, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self.drives: Drives = Nobody()
        self.size = QSize()
        self.state: Literal["", "asked", "on"] = ""
        self._device = DeviceId("")
        self._name = ""
        self._ended = ("", "")
        self._down: list[ControlEvent] = []
        self._waiting: list[ControlEvent] = []
        self._pace = QTimer(self, singleShot=True, interval=PACE_MS)
        self._pace.timeout.connect(self.flush)

    @property
    def on(self) -> bool:
        return self.state == "on"

    def can_drive(self) -> bool:
        """Say whether the act is offered: the right, and a screen that is live."""
        tile = self._tile()
        live = tile is not None and tile.state is State.LIVE and bool(tile.device)
        return live and not self.state and self.drives.may()

    def take(self, screen: int) -> None:
        """Ask for mouse and keyboard of the pupil who is shown."""
        tile = self._tile()
        if tile is not None and self.can_drive():
            self._device, self._name = tile.device, name_of(tile)
            self.state, self._ended = "asked", ("", "")
            self.drives.drive(tile.device, screen)
            self.changed.emit()

    @Slot()
    def give_back(self) -> None:
        if self.state:
            self._stop()
            self.drives.give_back()
            self.changed.emit()

    def look(self, device: DeviceId | None) -> None:
        """Hear at whom the teacher looks now: one drives only what one sees."""
        if self.state and device != self._device:
            self.give_back()
        self._ended = ("", "")

    def said(self, device: DeviceId, state: str, reason: str) -> None:
        """Hear how the device answers."""
        if device != self._device or not self.state:
            return
        match state:
            case "asked" | "on":
                self.state = state
            case _:
                self._stop()
                self._ended = (state, reason)
        self.changed.emit()

    # what the teacher does

    def pointer(self, across: float, down: float) -> None:
        """Move to this part of the screen, each 0 to 1."""
        x, y = int(across * self.size.width()), int(down * self.size.height())
        if self.size.isEmpty() or not (0 <= across < 1 and 0 <= down < 1):
            return
        if self._waiting and isinstance(self._waiting[-1], PointerMoved):
            self._waiting.pop()  # the newest wins; clicks and keys are never dropped
        self._do(PointerMoved(x, y))

    def button(self, button: Literal[1, 2, 3, 8, 9], *, down: bool) -> None:
        self._press(ButtonPressed(button, down), ButtonPressed(button, down=False), down=down)

    def key(self, name: str, *, down: bool) -> None:
        self._press(KeyPressed(name, down), KeyPressed(name, down=False), down=down)

    def wheel(self, across: int, down: int) -> None:
        """Turn by so many steps to the right and down."""
        across = max(-WHEEL_MAX, min(WHEEL_MAX, across))
        self._do(WheelTurned(across, max(-WHEEL_MAX, min(WHEEL_MAX, down))))

    def text(self, text: str) -> None:
        for at in range(0, len(text), TEXT_MAX):
            self._do(TextTyped(text[at : at + TEXT_MAX]))

    @Slot()
    def let_go(self) -> None:
        """Let go of what is down: its end is not heard any more, the window has lost the keys."""
        for release in self._down:
            self._do(release)
        self._down.clear()

    # in words

    def title(self) -> str:
        if self.on:
            return say("You drive")
        return say("Asking…") if self.state else ""

    def words(self) -> str:
        """Return what holds now, or how it ended; "": nothing to say."""
        if self.on:
            told = say("Your keys and your mouse go to {name}.", name=self._name)
            return f"{told} {say('Ctrl+Alt+Shift+Esc gives back.')}"
        if self.state:
            return say("{name} is told first.", name=self._name)
        return self._how_it_ended()

    def _how_it_ended(self) -> str:
        match self._ended:
            case ("taken-back", _):
                return say("{name} has taken mouse and keyboard back.", name=self._name)
            case ("superseded", by):
                return say("{name} drives there now.", name=by)
            case (_, reason) if reason == TOO_SOON:
                return say("{name} has just taken back. Ask again in 10 s.", name=self._name)
            case (_, reason) if reason == LOCKED:
                return say("That screen is locked. Free it first.")
            case (_, "private"):
                return say("That screen is private now.")
            case ("", _) | (_, "given-back"):
                return ""
            case _:
                return say("Driving has ended.")

    def _tile(self) -> Tile | None:
        return self._desk.wall.tile(self._desk.focused)

    def _press(self, event: ControlEvent, release: ControlEvent, *, down: bool) -> None:
        if down:
            self._down.append(release)
        elif release in self._down:
            self._down.remove(release)
        self._do(event)

    def _do(self, event: ControlEvent) -> None:
        if not self.on:
            return
        self._waiting.append(event)
        if not self._pace.isActive():
            self.flush()

    @property
    def waits(self) -> bool:
        """Whether something is still to be sent."""
        return bool(self._waiting)

    @Slot()
    def flush(self) -> None:
        """Send the next message, as the pace has it."""
        if not self._waiting:
            return
        batch, self._waiting = _first(self._waiting)
        self.drives.send(batch)
        self._pace.start()

    def _stop(self) -> None:
        self.state = ""
        self._waiting, self._down = [], []


def _first(events: list[ControlEvent]) -> tuple[list[ControlEvent], list[ControlEvent]]:
    """Take what fits one message; return it and the rest."""
    text = 0
    for at, event in enumerate(events[:EVENTS_MAX]):
        text += len(event.text) if isinstance(event, TextTyped) else 0
        if text > TEXT_TOGETHER_MAX:
            return events[:at], events[at:]
    return events[:EVENTS_MAX], events[EVENTS_MAX:]
