"""What the driver can ask of the window beyond clicks: where tiles stand, what is known."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest

from classroom_app.demo.gauge import StallGauge
from classroom_app.demo.gauge_focus import FocusGauge
from classroom_app.demo.puppet import Answer, PuppetRefusal, Verb, drop, grab
from classroom_app.presenters.sentences import spoken
from classroom_app.views.window import DeskWindow


class Knows(Protocol):
    """What the running app knows; joined in `bootstrap.py`."""

    def facts(self) -> dict[str, Any]: ...
    async def journal_ids(self) -> list[str]: ...
    async def waiting(self) -> int: ...
    def frames(self) -> Mapping[str, int]: ...


def _box(rect: QRect) -> list[int]:
    return [rect.x(), rect.y(), rect.width(), rect.height()]


def tiles(window: DeskWindow) -> list[Answer]:
    """Return each tile as it is shown now; `picture` is its place in the window, in pixels."""
    return [
        {
            "pupil": seen.tile.pupil,
            "device": seen.tile.device,
            "name": seen.tile.name,
            "state": seen.tile.state.value,
            "reason": seen.tile.reason,
            "said": spoken(seen.tile, time.monotonic()),
            "wish": seen.tile.wish.kind if seen.tile.wish else "",
            "words": seen.tile.wish.text if seen.tile.wish else "",
            "fact": seen.tile.fact,
            "picture": _box(seen.picture),
        }
        for seen in window.tiles_seen()
    ]


def close_look(window: DeskWindow) -> list[int]:
    """Return where the picture of a close look stands in the window, in pixels; else nothing."""
    look = window.focus.look
    if not look.isVisible():
        return []
    return _box(look.spot().toRect().translated(look.mapTo(window, QPoint())))


def _row(window: DeskWindow, pupil: str) -> int:
    row = window.desk.wall.row(pupil) if pupil else -1
    if row < 0:
        raise PuppetRefusal(f"no tile of {pupil!r}")
    return row


def _spot(window: DeskWindow, pupil: str) -> QPoint:
    index = window.wall.model().index(_row(window, pupil), 0)
    window.wall.scrollTo(index)
    return window.wall.visualRect(index).center()


class Verbs:
    """The verbs of one window."""

    def __init__(self, window: DeskWindow, knows: Knows) -> None:
        self._window, self._knows = window, knows
        self._gauge = StallGauge(window)
        self._focus_gauge = FocusGauge(window.focus.look, window.focus.presenter)

    def all(self) -> dict[str, Verb]:
        return {
            "grab": self._grab,
            "tiles": self._tiles,
            "check": self._check,
            "facts": self._facts,
            "journal": self._journal,
            "open": self._open,
            "select": self._select,
            "drop": self._drop,
            "gauge": self._measure,
            "gauge-focus": self._measure_focus,
            "size": self._size,
        }

    def _grab(self, request: Answer) -> Answer:
        # A picture is of what is so, not of what is on its way: the bars come a thirtieth later.
        self._window.motion.finish()
        self._window.refresh()
        shown, close = tiles(self._window), close_look(self._window)
        return {"at": grab(self._window, request["path"]), "tiles": shown, "close": close}

    def _tiles(self, _: Answer) -> Answer:
        return {"tiles": tiles(self._window), "at": time.time()}

    def _check(self, _: Answer) -> Answer:
        window = self._window
        rows = window.first_run.rows_seen() if window.first_run.isVisible() else []
        return {"page": window.desk.page, "rows": rows}

    def _facts(self, _: Answer) -> Answer:
        said = self._window.desk.said()
        return {**self._knows.facts(), "sentence": said.text, "second": said.second}

    async def _journal(self, _: Answer) -> Answer:
        waiting = await self._knows.waiting()
        return {"ids": await self._knows.journal_ids(), "waiting": waiting}

    def _open(self, request: Answer) -> Answer:
        wall, spot = self._window.wall, _spot(self._window, request["pupil"])
        QTest.mouseClick(wall.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        QTest.mouseDClick(wall.viewport(), Qt.MouseButton.LeftButton, pos=spot)
        return {}

    def _select(self, request: Answer) -> Answer:
        wall = self._window.wall
        wall.selectionModel().clear()
        for pupil in request["pupils"]:
            spot = _spot(self._window, pupil)
            control = Qt.KeyboardModifier.ControlModifier
            QTest.mouseClick(wall.viewport(), Qt.MouseButton.LeftButton, control, spot)
        return {}

    def _drop(self, request: Answer) -> Answer:
        drop(self._window, request["paths"])
        return {}

    def _measure(self, request: Answer) -> Answer:
        if request["run"]:
            self._gauge.start()
            return {"frames": dict(self._knows.frames())}
        return {"late_ms": self._gauge.stop(), "frames": dict(self._knows.frames())}

    def _measure_focus(self, request: Answer) -> Answer:
        if request["run"]:
            self._focus_gauge.start()
            return {}
        return {"painted": self._focus_gauge.stop()}

    def _size(self, request: Answer) -> Answer:
        self._window.resize(request["width"], request["height"])
        return {}
