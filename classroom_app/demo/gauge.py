"""How long the window's loop was deaf: a 5 ms timer that measures its own lateness."""

import time

from PySide6.QtCore import QObject, Qt, QTimer, Slot

TICK_MILLISECONDS = 5


class StallGauge(QObject):
    """Collects how late each tick came, in milliseconds, between `start` and `stop`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._late: list[float] = []
        self._last = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MILLISECONDS)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self._late = []
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> list[float]:
        self._timer.stop()
        return self._late

    @Slot()
    def _tick(self) -> None:
        now = time.perf_counter()
        self._late.append(max(0.0, (now - self._last) * 1000 - TICK_MILLISECONDS))
        self._last = now
