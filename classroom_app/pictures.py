"""The way of a picture: who is looked at is told to the devices, what they send is shown."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QObject, QSize, QTimer, Slot
from PySide6.QtGui import QImage

from classroom_app.domain.lesson import DeviceId
from classroom_app.media.decode import Decoder, News
from classroom_app.media.still import png
from classroom_app.presenters.desk import DeskPresenter
from classroom_app.presenters.focus import FocusPresenter
from classroom_app.presenters.wall import WallModel
from classroom_app.school import School
from classroom_app.services.watching import Closely
from classroom_app.tasks import Tasks
from device_bridge.protocol.pictures import Frame, covers
from device_bridge.protocol.watching import WatchingDeclared

ANEW_SECONDS = 1.0
"""A device whose every picture is broken is not asked for another in between."""
TILE = QSize(320, 180)
"""Of a screen that is looked at where no tile is seen: it has no size of its own."""
TILE_MS = 300
"""How often the tile of a screen that is shown to the class is made: all of it each time."""
OWN_SIZE = QSize(8192, 8192)
"""Larger than any screen: no picture is enlarged."""


SHRUNK = 0.6


def _fit_of(size: QSize, room: QSize) -> QSize:
    """Say how large a close picture of `size` is decoded for `room`.

    Qt shrinks it a little in a seventh of the time that Pillow takes; by more it leaves lines out.
    """
    ratio = min(room.width() / max(1, size.width()), room.height() / max(1, size.height()))
    return size if ratio > SHRUNK else room


class _Awaited:
    """A close picture of one moment: of that version or later, and of the screen's own size."""

    def __init__(self, version: int) -> None:
        self._version, self.came = version, asyncio.Event()

    def is_it(self, frame: Frame) -> bool:
        """While the pupil's bar has yet to say it, frames of that version are small."""
        own = (frame.screen_width, frame.screen_height)
        return frame.version >= self._version and (frame.width, frame.height) == own


class Pictures(QObject):
    """Decodes off the loop, each picture at the size in which it is looked at."""

    def __init__(self, tasks: Tasks, school: Callable[[], School | None], parent: QObject) -> None:
        super().__init__(parent)
        self._tasks, self._school = tasks, school
        self._sizes: Mapping[DeviceId, QSize] = {}
        self._on_wall: Mapping[DeviceId, QSize] = {}
        self._over: tuple[DeviceId, ...] = ()
        self._focus: FocusPresenter | None = None
        self._began_anew: dict[DeviceId, float] = {}
        self.tiling = QTimer(self, singleShot=True, interval=TILE_MS)
        self.tiling.timeout.connect(self._tile_shown)
        self._stills: dict[DeviceId, _Awaited] = {}
        self._decoder = Decoder(self)
        self._decoder.ready.connect(self._ready)
        self._decoder.news.connect(self._news)
        self._decoder.lost.connect(self._begin_anew)
        self.wall = WallModel(time.monotonic, self._look, self)

    def focus_of(self, desk: DeskPresenter) -> FocusPresenter:
        """Make the close look, whose pictures come at their own size."""
        self._focus = FocusPresenter(desk, time.monotonic, self._look_closely, self)
        self._focus.resized.connect(self._fit_again)
        self._focus.changed.connect(self._follow_focus)
        return self._focus

    async def take(self, device: DeviceId, frame: Frame) -> bool:
        """Show a picture; returns when it is shown, and the next may come. False: it is none."""
        school, size = self._school(), QSize(frame.width, frame.height)
        pane = self._focus.pane_of(device) if self._focus else None
        # No other picture comes of whom the class is shown: the wall's tile is made of it.
        shown = pane is None and school is not None and device == school.showing.source()
        if pane and self._focus:
            self._focus.screen_is(device, QSize(frame.screen_width, frame.screen_height))
            pane.size = size
            size = _fit_of(size, self._focus.room_of(pane))
        else:
            size = self._sizes.get(device, TILE if shown else size)
        close, awaited = pane is not None or shown, self._stills.get(device)
        if awaited is None and not close and self._is_late(device, frame):
            return True
        whole = awaited is not None and awaited.is_it(frame)
        readable = await self._decoder.take(device, frame, size, close=close or whole)
        if awaited is not None and whole:
            awaited.came.set()
        if (close or whole) and not readable:
            self._begin_anew(device)
        if shown:
            self._tile_soon()
        return readable

    def _tile_soon(self) -> None:
        if not self.tiling.isActive():
            self.tiling.start()

    @Slot()
    def _tile_shown(self) -> None:
        """Show the tile of whom the class is shown as the close picture is now."""
        school, focus = self._school(), self._focus
        device = school.showing.source() if school else None
        size = self._sizes.get(device) if device else None
        if device is None or size is None or focus is None or focus.pane_of(device):
            return

        async def tile() -> None:
            image = await self._decoder.again(device, size)
            if image is not None:
                self.wall.pictures({device: image})

        self._tasks.start(tile(), name="tile", refused=focus.desk.refused)

    async def still(self, device: DeviceId, version: int) -> bytes:
        """Wait for the whole close picture of that look, at the screen's own size; a PNG."""
        image = await self.whole(device) if self._is_own_size(device) else None
        awaited = self._stills[device] = _Awaited(version)
        try:
            while image is None:
                await awaited.came.wait()
                awaited.came.clear()
                image = await self.whole(device)
        finally:
            del self._stills[device]
        return await asyncio.to_thread(png, image)

    def _is_own_size(self, device: DeviceId) -> bool:
        """Say whether the close picture that is here has all of the screen's pixels."""
        pane = self._focus.pane_of(device) if self._focus else None
        return self._is_close(device) if pane is None else pane.size == pane.screen_size

    def _is_late(self, device: DeviceId, frame: Frame) -> bool:
        """Tell whether a frame is of a close look for one picture, which we have: no tile then."""
        school = self._school()
        held = school.room.declared.get((device, "watching")) if school else None
        if not isinstance(held, WatchingDeclared):
            return False
        whole = len(frame.patches) == 1 and covers(frame.patches, (frame.width, frame.height))
        return not whole and (held.look == "close" or frame.version < held.version)

    async def whole(self, device: DeviceId) -> QImage | None:
        """Return the close picture at the screen's own size; None while there is none."""
        return await self._decoder.again(device, OWN_SIZE)

    def look_ended(self, device: DeviceId) -> None:
        """Hear that a device shows itself small again: a close look's time is up."""
        if self._focus:
            self._focus.look_ended(device)

    def close(self) -> None:
        self._decoder.close()

    @Slot(object)
    def _ready(self, images: Mapping[DeviceId, QImage]) -> None:
        self.wall.pictures(images)

    @Slot(str, object)
    def _news(self, device: DeviceId, news: News) -> None:
        if self._focus:
            self._focus.news(device, news.size, news.at, news.image)

    @Slot(str)
    def _begin_anew(self, device: DeviceId) -> None:
        """Ask for a whole picture: what came is laid on one that never did."""
        school, now = self._school(), time.monotonic()
        again = now - self._began_anew.get(device, 0.0) > ANEW_SECONDS
        if school and again and self._is_close(device):
            self._began_anew[device] = now
            school.watching.begin_anew(device)

    def _is_close(self, device: DeviceId) -> bool:
        """Say whether it is looked at closely, by the teacher or for the class."""
        school = self._school()
        shown = school is not None and device == school.showing.source()
        return shown or (self._focus is not None and self._focus.pane_of(device) is not None)

    @Slot()
    def _fit_again(self) -> None:
        """Show the close picture in its new room, however still the screen."""
        focus = self._focus
        if focus is None or not focus.pane.device:
            return
        pane = focus.pane

        async def fit() -> None:
            image = await self._decoder.again(pane.device, _fit_of(pane.size, focus.rooms[0]))
            if image is not None:
                focus.picture(pane.device, image)

        self._tasks.start(fit(), name="fit", refused=focus.desk.refused)

    def _look(self, visible: Mapping[DeviceId, QSize]) -> None:
        self._on_wall = visible
        self._look_small()

    @Slot()
    def _follow_focus(self) -> None:
        """Go on small with what was looked at closely until its time was up."""
        if self._focus and (over := self._focus.over()) != self._over:
            self._over = over
            self._look_small()

    def _look_small(self) -> None:
        self._sizes = {**dict.fromkeys(self._over, TILE), **self._on_wall}
        if school := self._school():
            sizes = {device: (size.width(), size.height()) for device, size in self._sizes.items()}
            school.watching.look(sizes)
            if school.showing.source() in self._sizes:
                self._tile_soon()

    def _look_closely(self, looks: Sequence[Closely]) -> None:
        school = self._school()
        if self._focus and school and school.room.lesson:

            async def look() -> None:
                await school.watching.look_closely(looks)
                # Beside others a screen is too small to be shown to a class.
                school.showing.looks_at(looks[0].device if len(looks) == 1 else None)
                self._tile_soon()
                shown = school.showing.source()
                if shown and any(look.device == shown for look in looks):
                    school.watching.begin_anew(shown)  # what came before was a tile's

            refused = self._focus.desk.refused
            self._tasks.start(look(), name="look-closely", refused=refused)
