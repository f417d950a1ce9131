"""The way of a show: what is chosen is seen, encoded once and carried to the class."""

from collections.abc import Callable, Sequence
from functools import partial

from PIL import Image
from PySide6.QtCore import QRect
from PySide6.QtGui import QImage
from Xlib.error import DisplayError

from classroom_app.domain.errors import NoLesson, NotLookedAt, NotShown
from classroom_app.domain.tile import Tile
from classroom_app.media.marks import Mark, drawn
from classroom_app.media.screen import FIT, ScreenSource
from classroom_app.presenters import monitors
from classroom_app.presenters.showing import Choice, Mode, Point, Told, Tool
from classroom_app.school import School
from device_bridge.agent.capabilities import Area, Picture, Unseen
from device_bridge.agent.platform.x11_shows import UNSEEN, X11Shows
from device_bridge.pictures.raster import fitting


class ScreenShows:
    """`Shows` of the presenter. `ours` is the window of Pupitre itself, as the system numbers it.

    Where there is no X11 desktop nothing of this computer can be shown.
    """

    def __init__(
        self,
        school: Callable[[], School | None],
        ours: Callable[[], int],
        opens: Callable[[], X11Shows] = X11Shows,
    ) -> None:
        self._school, self._ours, self._opens = school, ours, opens
        self._screens: X11Shows | None = None
        self._source: ScreenSource | None = None
        self._chosen: Choice | None = None
        self._marks: tuple[Mark, ...] = ()

    def choices(self) -> Sequence[Choice]:
        if (screens := self._opened()) is None:
            return ()
        own = self._ours()
        areas, seen = [_rect(area) for area in screens.monitors()], screens.area_of(own)
        here = areas[monitors.nearest(areas, _rect(seen))] if areas and seen else None
        shown = [
            Choice("screen", at, side=monitors.side(area, here) if here else "")
            for at, area in enumerate(areas)
        ]
        windows = [Choice("window", one.id, one.title) for one in screens.windows()]
        region = [Choice("region")] if shown else []
        return (*shown, *region, *(one for one in windows if one.id != own))

    def on_our_screen(self, choice: Choice) -> bool:
        screens = self._opened()
        if screens is None:
            return False
        shown, ours = self._area(screens, choice), screens.area_of(self._ours())
        return shown is not None and ours is not None and _meet(shown, ours)

    async def start(self, choice: Choice, mode: Mode, tiles: Sequence[Tile]) -> None:
        school, screens = self._there(), self._opened()
        area = self._area(screens, choice) if screens else None
        if screens is None or area is None:
            raise NotShown
        self._marks = ()
        source = ScreenSource(partial(self._grab, screens, choice), self._drawn)
        size = fitting((area.width, area.height), *FIT)
        try:
            await school.showing.start(source, mode, [tile.key for tile in tiles], size)
        except BaseException:
            source.close()
            raise
        self._end_source()
        self._source, self._chosen = source, choice

    async def start_pupil(self, tile: Tile, mode: Mode, tiles: Sequence[Tile]) -> None:
        if not tile.device:
            raise NotLookedAt
        showing = self._there().showing
        await showing.start_pupil(tile.device, mode, [one.key for one in tiles])
        self._end_source()

    def pause(self, *, paused: bool) -> None:
        self._there().showing.pause(paused=paused)

    async def stop(self) -> None:
        await self._there().showing.stop()
        self._end_source()

    def freeze(self) -> bool:
        return self._source is not None and self._source.freeze()

    def thaw(self) -> None:
        if self._source is not None:
            self._source.thaw()

    def mark(self, strokes: Sequence[tuple[Tool, tuple[Point, ...]]]) -> None:
        self._marks = tuple(Mark(tool, points) for tool, points in strokes)

    def still(self) -> QImage | None:
        image = self._source.still() if self._source is not None else None
        if image is None:
            return None
        raw = image.tobytes()  # blue first, as Qt has it
        form = QImage.Format.Format_RGB32
        return QImage(raw, image.width, image.height, image.width * 4, form).copy()

    def told(self) -> Told | None:
        school = self._school()
        show = school.showing.show if school else None
        if school is None or show is None:
            return None
        counted = school.showing.counted()
        return Told(counted.shown, counted.asked, counted.left, show.whose, show.paused)

    def shown_at(self) -> QRect | None:
        screens, chosen = self._opened(), self._chosen
        area = self._area(screens, chosen) if screens and chosen else None
        return _rect(area) if area else None

    def close(self) -> None:
        self._end_source()
        if self._screens is not None:
            self._screens.close()

    def _there(self) -> School:
        school = self._school()
        if school is None:
            raise NoLesson
        return school

    def _opened(self) -> X11Shows | None:
        if self._screens is None:
            try:
                self._screens = self._opens()
            except DisplayError:
                return None
        return self._screens

    def _grab(self, screens: X11Shows, choice: Choice) -> Picture | Unseen:
        area = self._area(screens, choice)
        return screens.grab(area) if area else UNSEEN

    def _drawn(self, image: Image.Image) -> Image.Image:
        return drawn(image, self._marks)

    def _area(self, screens: X11Shows, choice: Choice) -> Area | None:
        if choice.kind == "window":
            return screens.area_of(choice.id)
        if choice.kind == "region":
            return screens.cut(Area(*choice.area))
        areas = screens.monitors()
        return areas[choice.id] if choice.id < len(areas) else None

    def _end_source(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = self._chosen = None


def _rect(area: Area) -> QRect:
    return QRect(area.x, area.y, area.width, area.height)


def _meet(one: Area, other: Area) -> bool:
    across = one.x < other.x + other.width and other.x < one.x + one.width
    return across and one.y < other.y + other.height and other.y < one.y + one.height
