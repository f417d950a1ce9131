"""The curtain: covers every screen, holds keyboard and pointer, and asks X whether it is so.

The grabs are made on the toolkit's own connection, so that the hand on the curtain can still be
pressed; the proof is asked for on others. If this process dies, the X server drops both by itself:
nothing of a lock outlives who holds it.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QProcess, QTimer, Slot
from PySide6.QtGui import QGuiApplication, QScreen, QWindow

from device_bridge.agent.platform.x11_grabs import X11Grabs
from device_bridge.agent.platform.x11_windows import X11Windows
from device_bridge.agent.seat.cover import Covering, Padlock, Sentence
from device_bridge.agent.seat.words import Words
from device_bridge.protocol.seat import PupilActed, RaiseCurtain, ShowIndicator

log = logging.getLogger(__name__)

TRIES_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.4)
"""A menu that is just closing, or a screen that is just coming, is waited for this long."""
WATCH_MS: Final = 400
"""How often the curtain makes itself whole again, between the guard's questions."""
OVER_US_LOOKS: Final = 3
"""What lies over the curtain so many looks in a row comes back each time it is put behind it."""
NOT_COVERED: Final = "not every screen is covered"
OVER_US: Final = "another window lies over the curtain"
KEYBOARD: Final = "another window holds the keyboard"
POINTER: Final = "another window holds the pointer"
NOT_HELD: Final = "the keyboard is not held"
POINTER_NOT_HELD: Final = "the pointer is not held"


class XCurtain(QObject):
    """The `Curtain` of an X11 desktop. `now` is wall seconds, only to be read by the pupil."""

    def __init__(
        self,
        words: Words,
        now: Callable[[], float],
        acted: Callable[[PupilActed], None],
        windows: X11Windows,
        grabs: X11Grabs,
    ) -> None:
        super().__init__()
        self._words = words
        self._now = now
        self._acted = acted
        self._windows = windows
        self._grabs = grabs
        self._covers: list[Covering] = []
        self._order: RaiseCurtain | None = None
        self._since = self._whole = 0.0
        self._lesson = ShowIndicator(0, on=False)
        self._hand_up = False
        self._watch = QTimer(self)
        self._watch.setInterval(WATCH_MS)
        self._watch.timeout.connect(self._hold_on)
        self._over_us = 0
        app = QGuiApplication.instance()
        assert isinstance(app, QGuiApplication)  # noqa: S101 - a seat is a Qt program
        for screen in app.screens():
            screen.geometryChanged.connect(self._screens_changed)
        app.screenAdded.connect(self._screen_came)
        app.screenRemoved.connect(self._screens_changed)
        app.primaryScreenChanged.connect(self._screens_changed)

    async def raise_(self, order: RaiseCurtain) -> str:
        """Cover, hold and check; return why not, or ""."""
        self._take(order)
        reason = self._proved()
        for pause in TRIES_SECONDS:
            if not reason:
                break
            await asyncio.sleep(pause)
            reason = self._proved()
        return reason

    async def drop(self) -> None:
        """Give keyboard, pointer and screens back at once."""
        self._order = None
        self._watch.stop()
        self._uncover()

    @property
    def up(self) -> bool:
        return self._order is not None

    def stay_above(self) -> None:
        """Stand above what was just shown."""
        for cover in self._covers:
            cover.raise_()

    def window_ids(self) -> set[int]:
        return {int(cover.winId()) for cover in self._covers}

    def lesson_shown(self, lesson: ShowIndicator) -> None:
        """Note what the bar says: the curtain names the class and shows the hand as it does."""
        self._lesson = lesson
        self._hand_up = self._hand_up and lesson.on and not lesson.hand_place
        self._paint()

    def say(self, text: str) -> bool:
        """Show a message on the curtain; False where none is up."""
        for cover in self._covers:
            if isinstance(cover, Sentence):
                cover.show_said(text)
                return True
        return False

    def _take(self, order: RaiseCurtain) -> None:
        if self._order is None or self._order.version != order.version:
            self._since, self._whole = self._now(), 0.0
        self._whole = max(self._whole, float(order.frees_in_seconds))
        self._order = order
        if not self._covers:
            self._cover()
        self._paint()
        self._watch.start()

    def _cover(self) -> None:
        main = QGuiApplication.primaryScreen()
        for screen in QGuiApplication.screens():
            cover = self._cover_of(screen, main=screen is main)
            cover.show()
            cover.raise_()
            self._covers.append(cover)

    def _cover_of(self, screen: QScreen, *, main: bool) -> Covering:
        if not main:
            return Padlock(screen.geometry())
        sentence = Sentence(screen.geometry(), self._words)
        sentence.hand_pressed.connect(self._hand_pressed)
        sentence.off_pressed.connect(self._off_pressed)
        return sentence

    def _uncover(self) -> None:
        for cover in self._covers:
            window = cover.windowHandle()
            window.setKeyboardGrabEnabled(False)
            window.setMouseGrabEnabled(False)
            cover.hide()
            cover.deleteLater()
        self._covers = []

    def _paint(self) -> None:
        for cover in self._covers:
            if isinstance(cover, Sentence) and self._order is not None:
                cover.show_order(self._order, self._since, self._now(), self._whole)
                lesson = self._lesson
                cover.show_lesson(lesson.class_name, lesson.hand_place, hand_up=self._hand_up)

    def _proved(self) -> str:
        """Hold again and ask X; return the first thing that is not as it must be."""
        main = self._main_window()
        if main is None:
            return NOT_COVERED
        keyboard = main.setKeyboardGrabEnabled(True)
        pointer = main.setMouseGrabEnabled(True)
        for cover in self._strangers_above():
            cover.raise_()
        ids = self.window_ids()
        if self._windows.uncovered(list(ids)):
            return NOT_COVERED
        if self._over_us >= OVER_US_LOOKS or self._strangers_above():
            return OVER_US
        if not keyboard:
            return KEYBOARD
        if not pointer:
            return POINTER
        if self._grabs.keyboard() == "free":
            return NOT_HELD
        return POINTER_NOT_HELD if self._grabs.pointer() == "free" else ""

    def _main_window(self) -> QWindow | None:
        for cover in self._covers:
            if isinstance(cover, Sentence):
                return cover.windowHandle()
        return None

    @Slot()
    def _hold_on(self) -> None:
        """Mend what another program did to the curtain: unmapped, moved, cut or covered it."""
        self._over_us = self._over_us + 1 if self._strangers_above() else 0
        if self._proved() == NOT_COVERED:
            self._cover_anew()

    def _strangers_above(self) -> list[Covering]:
        """Return the covers that windows of others lie over."""
        ids = self.window_ids()
        return [cover for cover in self._covers if self._windows.above(int(cover.winId())) - ids]

    @Slot(QScreen)
    def _screen_came(self, screen: QScreen) -> None:
        screen.geometryChanged.connect(self._screens_changed)
        self._screens_changed()

    @Slot()
    def _screens_changed(self) -> None:
        """Cover the outputs as they are now, once Qt has finished changing its list."""
        QTimer.singleShot(0, self._cover_anew)

    @Slot()
    def _cover_anew(self) -> None:
        if self._order is None:
            return
        older, self._covers = self._covers, []
        self._cover()
        self._paint()
        self._proved()
        for cover in older:
            cover.hide()
            cover.deleteLater()

    @Slot()
    def _off_pressed(self) -> None:
        # As the desktop's own menu asks: a pupil at the machine needs no right for it (polkit).
        started, _ = QProcess.startDetached("systemctl", ["poweroff"])
        if not started:
            log.warning("not switched off: no systemctl")

    @Slot()
    def _hand_pressed(self) -> None:
        up = self._hand_up or self._lesson.hand_place > 0
        self._hand_up = not up
        if up:
            self._lesson = ShowIndicator(0, on=self._lesson.on, class_name=self._lesson.class_name)
        self._acted(PupilActed("hand-down" if up else "hand-up"))
        self._paint()
