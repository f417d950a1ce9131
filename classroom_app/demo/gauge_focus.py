"""How old the close picture is each time it is painted: reads the time code on it."""

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer, Slot
from PySide6.QtGui import QImage, qGray

from classroom_app.demo import time_code
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.views.panes import CloseLook


class FocusGauge(QObject):
    """Collects, between `start` and `stop`, what was painted: `at`, `age_ms`, and its `width`."""

    def __init__(self, look: CloseLook, focus: FocusPresenter) -> None:
        super().__init__(look)
        self._look, self._focus, self._seen = look, focus, 0
        self._painted: list[dict[str, float]] = []

    def start(self) -> None:
        self._seen, self._painted = self._focus.pane.frames, []
        self._look.installEventFilter(self)

    def stop(self) -> list[dict[str, float]]:
        self._look.removeEventFilter(self)
        return self._painted

    def eventFilter(  # noqa: N802 - Qt's name
        self, watched: QObject, event: QEvent
    ) -> bool:
        # The filter is called before the painting: a turn of the loop later it is done.
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, self._note)
        return super().eventFilter(watched, event)

    @Slot()
    def _note(self) -> None:
        image, now = self._focus.pane.image, time.monotonic()
        if image is None or self._focus.pane.frames == self._seen:
            return
        self._seen = self._focus.pane.frames
        drawn = time_code.read(_darkness(image))
        age = -1.0 if drawn is None else time_code.age_ms(drawn, now)
        self._painted.append({"at": now, "age_ms": age, "width": image.width()})


def _darkness(image: QImage) -> Callable[[float, float], bool]:
    def dark(across: float, down: float) -> bool:
        return qGray(image.pixel(int(across * image.width()), int(down * image.height()))) < 128

    return dark
