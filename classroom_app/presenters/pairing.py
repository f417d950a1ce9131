"""Adding devices: the code for the projector, its time, and who asks."""

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import ClassId
from classroom_app.presenters.acts import Opens, Starts
from classroom_app.presenters.qr import qr_of
from classroom_app.presenters.sentences import refusal
from classroom_app.presenters.words import later, say

SECOND_MS = 1000
_STATES = {
    "code": later("Shows a code of its own: type it here."),
    "trying": later("One moment…"),
    "asks": later("Asks to come in. Is it yours?"),
    "given": later("One moment…"),
    "paired": later("Added"),
    "refused": later("Refused"),
    "wrong-code": later("Another code. Look at it again."),
    "failed": later("It went before it was added. Start it there again."),
}


class Asks(Protocol):
    """A device that wants in (`classroom_app.pairing.Asker`)."""

    @property
    def label(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def name(self) -> str: ...


class Window(Protocol):
    """An open pairing window (`classroom_app.pairing.PairingWindow`)."""

    code: str

    @property
    def secret(self) -> str: ...
    @property
    def seconds_left(self) -> float: ...
    @property
    def over(self) -> str: ...
    def askers(self) -> Sequence[Asks]: ...
    def answer(self, label: str, *, yes: bool) -> None: ...
    def try_code(self, label: str, typed: str) -> None: ...


class PairingPresenter(QObject):
    """`window` is None while the school's key is locked: then a passphrase is wanted."""

    changed = Signal()

    def __init__(self, opens: Opens, tasks: Starts, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._opens, self._tasks = opens, tasks
        self.window: Window | None = None
        self.class_id = ClassId("")
        self.class_name = ""
        self.trouble = ""
        self._ticks = QTimer(self, interval=SECOND_MS)
        self._ticks.timeout.connect(self.touch)

    def open(self, class_id: ClassId, class_name: str, passphrase: str = "") -> None:
        """Ask for a window; a new one has a new code."""
        self.class_id, self.class_name, self.trouble = class_id, class_name, ""
        self.window = None
        work = self._opens.add_devices(class_id, passphrase)
        self._tasks.start(work, name="add-devices", refused=self._refused)
        self.changed.emit()

    def unlock(self, passphrase: str) -> None:
        self.open(self.class_id, self.class_name, passphrase)

    def again(self) -> None:
        """Open a new window, with a new code."""
        self.open(self.class_id, self.class_name)

    def show(self, window: Window) -> None:
        """Take the window that was opened."""
        self.window, self.trouble = window, ""
        self._ticks.start()
        self.changed.emit()

    @Slot()
    def touch(self) -> None:
        """Say that something about the window is new; its last second stops the ticking."""
        if self.window is None or self.window.over:
            self._ticks.stop()
        self.changed.emit()

    def code_words(self) -> str:
        """Return the code in two groups, as it is read aloud."""
        code = self.window.code if self.window and not self.window.over else ""
        return f"{code[:3]} {code[3:]}".strip()

    def left_words(self) -> str:
        if self.window is None:
            return ""
        if self.window.over == "too-many":
            return say("Somebody guessed too often. The code is void.")
        if self.window.over:
            return say("The time is over. The code is void.")
        left = int(self.window.seconds_left)
        return say("Good for {minutes}:{seconds}", minutes=left // 60, seconds=f"{left % 60:02d}")

    def rows(self) -> list[Asks]:
        """Return who asks, those first who wait for the teacher."""
        found = list(self.window.askers()) if self.window else []
        return sorted(found, key=lambda one: one.state not in {"asks", "code", "wrong-code"})

    def progress(self) -> str:
        rows = self.rows()
        added = sum(one.state == "paired" for one in rows)
        return say("{n} of {all} added", added, all=len(rows)) if rows else ""

    def qr(self) -> QImage:
        """Draw the QR code, a pixel a module with its quiet zone; null while there is none."""
        if self.window is None or self.window.over:
            return QImage()
        return qr_of(self.window.secret)

    def _refused(self, error: Exception) -> None:
        self.trouble = refusal(error)
        self.changed.emit()


def listed(asks: Asks) -> str:
    """Return what the device calls itself, and the label that it shows: two may have one name."""
    if not asks.name:
        return say("Device {label}", label=asks.label)
    return f"{asks.name} · {asks.label}"


def state_words(asks: Asks) -> str:
    return say(_STATES[asks.state])
