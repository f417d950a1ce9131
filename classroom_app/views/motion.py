"""Motion, all of it in one place: how long each kind lasts, and whether anything moves at all."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication

# desk.md, section 8.
FADE_MS = 150
CHIP_MS = 200
SWELL_MS = 400
SHEET_MS = 120
FRAME_MS = 33

Step = Callable[[float], None]


class Motion(QObject):
    """All that moves in a window, on one timer that runs only while something does.

    `clock` is in seconds. `less` is the teacher's own choice, `system_less` what the computer's
    settings ask for, and while it is `busy` it has better to do than to paint seven times what
    once tells: with any of these, whatever would move is there at once.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        less: bool = False,
        system_less: Callable[[], bool] = lambda: False,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__()
        self._clock, self._system_less, self._busy = clock, system_less, busy
        self.less = less
        self._moves: list[tuple[float, int, Step]] = []
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)

    def start(self, milliseconds: int, step: Step) -> None:
        """Call `step` now and until it is over, with what is done of it: from 0.0, to 1.0 once."""
        if self.still():
            step(1.0)
            return
        self._moves.append((self._clock(), milliseconds, step))
        step(0.0)
        self._await_frame()

    def still(self) -> bool:
        """Return whether what would move is there at once."""
        return self.less or self._system_less() or self._busy()

    def choose(self, *, less: bool) -> None:
        self.less = less
        if less:
            self.finish()

    def moving(self) -> bool:
        return self._timer.isActive()

    @Slot()
    def tick(self) -> None:
        """Show the next frame; the timer calls it."""
        now = self._clock()
        for move in tuple(self._moves):
            started, milliseconds, step = move
            done = min(1.0, max(0.0, (now - started) * 1000 / milliseconds))
            if done == 1.0:
                self._moves.remove(move)
            step(done)
        self._await_frame()

    def stop(self, step: Step) -> None:
        """Call `step` no more: what it moves is going away."""
        self._moves = [move for move in self._moves if move[2] != step]
        self._await_frame()

    def finish(self) -> None:
        """Let all that moves be where it goes."""
        moves, self._moves = self._moves, []
        self._await_frame()
        for _, _, step in moves:
            step(1.0)

    def _await_frame(self) -> None:
        if not self._moves:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start(FRAME_MS)


def eased(done: float) -> float:
    """Slow down towards the end, as what slides in does."""
    return 1 - (1 - done) ** 3


def system_asks_for_less() -> bool:
    """Return whether the computer's settings ask for less motion; Qt tells it from 6.12 on."""
    hints: Any = getattr(QGuiApplication.styleHints(), "accessibility", lambda: None)()
    asked = getattr(hints, "motionPreference", lambda: 0)()
    return bool(getattr(asked, "value", asked))
