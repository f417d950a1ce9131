"""Screens of an X11 desktop: mss grabs them by shared memory, the server says where and whether."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Final, Protocol, TypeVar

from mss import MSS
from mss.exception import ScreenShotError
from Xlib import display
from Xlib.error import ConnectionClosedError, DisplayError, XError
from Xlib.ext import damage, dpms, randr, screensaver

from device_bridge.agent.areas import cut, few
from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.protocol.hello import Screen

AGAIN_SECONDS: Final = 1.0
"""How often a server that is not there is looked for."""
SHARED_MEMORY: Final = "MIT-SHM"
ASLEEP_SECONDS: Final = 0.5
"""How often it is asked whether the screens sleep: not once a frame."""
Answer = TypeVar("Answer")
_BROKEN: Final = (ScreenShotError, ConnectionClosedError, DisplayError, XError, OSError)


class Damage(Protocol):
    """Says what was drawn on the X screen since the last call; None: it is not told."""

    def drawn(self) -> list[Area] | None: ...

    def fileno(self) -> int | None: ...

    def close(self) -> None: ...


class X11Capture:
    """Goes on by itself when the server is back. For one thread at a time.

    `clock`: monotonic seconds. `hidden`: why the desktop is not to be seen, as the system says.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        name: str | None = None,
        *,
        drawn: Callable[[str | None], Damage] | None = None,
        hidden: Callable[[], Unseen | None] = lambda: None,
    ) -> None:
        self._clock, self._name = clock, name
        self._damage, self._hidden = drawn, hidden
        self._eye: _Eye | None = None
        self._tried_at = float("-inf")
        self._asked_at = float("-inf")
        self._asleep: Unseen | None = None
        self._was_hidden: Unseen | None = None

    def screens(self) -> tuple[Screen, ...]:
        monitors = self._ask(lambda eye: eye.monitors(), ())
        return tuple(Screen(one.width, one.height) for one in monitors)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        """Say what was drawn on.

        None, too, where screens came, went or turned, or something else hides them than at the
        last grab: a screen that goes off draws nothing.
        """
        return self._ask(lambda eye: self._changed(eye, screen), None)

    def descriptor(self) -> int | None:
        return self._eye.descriptor() if self._eye else None

    def grab(self, screen: int) -> Picture | Unseen:
        """Return the pixels of monitor `screen`, or why there are none."""
        return self._ask(lambda eye: self._seen(eye, screen), unseen("cannot-see"))

    def lacks(self) -> tuple[str, ...]:
        """Name what this server does not offer, by its extensions; ask after `grab`."""
        return self._ask(lambda eye: eye.lacks(), ())

    def close(self) -> None:
        if self._eye is not None:
            self._eye.close()
            self._eye = None
            self._tried_at = float("-inf")  # the next one asks anew at once

    def _ask(self, ask: Callable[["_Eye"], Answer], blind: Answer) -> Answer:
        """Ask once more where it broke: a monitor may have been unplugged under a grab."""
        for _ in range(2):
            eye = self._opened()
            if eye is None:
                break
            try:
                return ask(eye)
            except _BROKEN:
                self.close()
        return blind

    def _changed(self, eye: "_Eye", screen: int) -> tuple[Area, ...] | None:
        drawn = eye.changed(screen)
        return drawn if self._why_not(eye) == self._was_hidden else None

    def _seen(self, eye: "_Eye", screen: int) -> Picture | Unseen:
        self._was_hidden = self._why_not(eye)
        return self._was_hidden or eye.grab(screen)

    def _why_not(self, eye: "_Eye") -> Unseen | None:
        return self._hidden() or self._sleeps(eye)

    def _sleeps(self, eye: "_Eye") -> Unseen | None:
        if self._clock() - self._asked_at >= ASLEEP_SECONDS:
            self._asked_at = self._clock()
            self._asleep = eye.asleep()
        return self._asleep

    def _opened(self) -> "_Eye | None":
        if self._eye is None and self._clock() - self._tried_at >= AGAIN_SECONDS:
            self._tried_at = self._clock()
            self._asked_at = float("-inf")
            with suppress(*_BROKEN):
                self._eye = _Eye(self._name, self._damage)
        return self._eye


def asleep(shown: display.Display) -> Unseen | None:
    """Say whether the screens are off or a screen saver is on. Source: DPMS, MIT-SCREEN-SAVER.

    The server keeps the picture that nobody sees, so grabbing alone would not tell.
    """
    if shown.has_extension(dpms.extname):
        told = shown.dpms_info()
        if told.state and told.power_level:
            return unseen("screen-off")
    if shown.has_extension(screensaver.extname):
        saver = shown.screen().root.screensaver_query_info()
        if saver.state == screensaver.StateOn:
            return unseen("screen-saver")
    return None


class _Eye:
    """Connections to one server, for as long as it lives and its monitors stay as they are."""

    def __init__(self, name: str | None, drawn: Callable[[str | None], Damage] | None) -> None:
        with ExitStack() as opened:
            # The first to ask: python-xlib leaves sockets open where no server is. Its shared
            # memory has the screen's size, once.
            self._mss = MSS(backend="xshmgetimage", display=name)
            opened.callback(self._mss.close)
            self._display = display.Display(name)
            opened.callback(self._display.close)
            self._damage = drawn(name) if drawn else None
            if self._damage:
                opened.callback(self._damage.close)
            self._root = self._display.screen().root
            self._monitors = self._measured()
            self._drawn: list[tuple[Area, ...] | None] = [None] * len(self._monitors)
            self._opened = opened.pop_all()

    def close(self) -> None:
        with suppress(*_BROKEN):  # its server went first
            self._opened.close()

    def monitors(self) -> tuple[Area, ...]:
        """Return where the monitors are, the primary one first. Raises where that has changed."""
        shown = self._display
        while shown.pending_events():
            # Others come as well: everybody hears of the keyboard's map.
            if shown.next_event().type == shown.extension_event.ScreenChangeNotify:
                raise ScreenShotError("the monitors have changed")
        return self._monitors

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        monitors = self.monitors()
        drawn = self._damage.drawn() if self._damage else None
        if drawn is None or screen >= len(monitors):
            return None
        for number, monitor in enumerate(monitors):
            held = self._drawn[number]
            if held is not None:
                self._drawn[number] = few([*held, *cut(drawn, monitor)], monitor)
        told, self._drawn[screen] = self._drawn[screen], ()
        return told

    def descriptor(self) -> int | None:
        return self._damage.fileno() if self._damage else None

    def grab(self, screen: int) -> Picture | Unseen:
        monitors = self.monitors()
        if screen >= len(monitors):
            return unseen("screen-gone")
        at = monitors[screen]
        box = {"left": at.x, "top": at.y, "width": at.width, "height": at.height}
        shot = self._mss.grab(box)
        return Picture(shot.width, shot.height, "BGRX", shot.raw)

    def asleep(self) -> Unseen | None:
        return asleep(self._display)

    def lacks(self) -> tuple[str, ...]:
        wanted = (damage.extname, randr.extname, dpms.extname, screensaver.extname)
        missing = [name for name in wanted if not self._display.has_extension(name)]
        shared = any("working" in status for status in self._mss.performance_status)
        return tuple(missing if shared else [SHARED_MEMORY, *missing])

    def _measured(self) -> tuple[Area, ...]:
        if not self._display.has_extension(randr.extname):
            screen = self._display.screen()
            return (Area(0, 0, screen.width_in_pixels, screen.height_in_pixels),)
        self._root.xrandr_select_input(randr.RRScreenChangeNotifyMask)
        found = self._root.xrandr_get_monitors().monitors
        first = sorted(found, key=lambda one: not one.primary)
        return tuple(Area(m.x, m.y, m.width_in_pixels, m.height_in_pixels) for m in first)
