"""Three screens side by side: a real window, real links and devices, pictures really decoded."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QObject, QSize
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from classroom_app.domain.acts import LookedAway, LookedClosely
from classroom_app.domain.lesson import DeviceId
from classroom_app.pictures import Pictures
from classroom_app.presenters.pane import Pane
from classroom_app.school import School
from classroom_app.tasks import Tasks
from device_bridge.agent.guard.device import Device
from device_bridge.agent.guard.journal import read_entries
from device_bridge.pictures.raster import fitting
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.seat import Look, PupilActed, ToSeat
from device_bridge.protocol.watching import WatchingDeclared
from tests.guards import SittingSeat
from tests.rasters import jpeg
from tests.school import SmallSchool
from tests.teaching import Place, Teacher, device, meet, teacher, until
from tests.ui.room import Room

pytestmark = pytest.mark.real_loop

WIDE, HIGH = SCREEN = (1366, 768)
COLOURS = {"lina": (200, 30, 40), "noah": (30, 160, 60), "omar": (40, 60, 220)}
PLACES = tuple(Place(f"device-{at}", pupil) for at, pupil in enumerate(COLOURS, 1))
OF = {place.pupil: DeviceId(place.device) for place in PLACES}


class Painting(SittingSeat):
    """A screen of one colour, as large as it is asked for and never larger than it is."""

    colour = (0, 0, 0)

    def tell(self, message: ToSeat) -> None:
        if isinstance(message, Look) and message.look != "none":
            size = fitting(SCREEN, message.width, message.height)
            picture = covering(jpeg(*size, self.colour), *size)
            self._soon(Frame(1, message.version, *size, *SCREEN, picture))
        else:
            super().tell(message)


def painting(pupil: str) -> type[Painting]:
    return type("Painting", (Painting,), {"colour": COLOURS[pupil]})


class Window:
    """The room of the window's tests, on the pictures and words of a real lesson."""

    def __init__(self) -> None:
        self.app: Teacher | None = None
        self.tasks, self.holder = Tasks(()), QObject()
        self.pictures = Pictures(
            self.tasks, lambda: self.app.school if self.app else None, self.holder
        )
        self.room = Room(pictures=self.pictures)

    @property
    def school(self) -> School:
        assert self.app
        return self.app.school

    def open(self, *pupils: str) -> None:
        """Look closely at one alone, or at these side by side."""
        if not self.room.desk.open_together(pupils):
            self.room.desk.open(pupils[0])
        self.settle()
        self.room.focus.ask()

    def settle(self) -> None:
        self.room.wall.show(self.school.room.tiles())
        self.room.settle()

    def pane(self, pupil: str) -> Pane:
        found = self.room.focus.pane_of(OF[pupil])
        assert found
        return found

    def says(self, pupil: str) -> str:
        self.settle()
        return self.room.focus.state(self.pane(pupil))

    def shows(self, pupil: str) -> bool:
        """Whether the pane has this pupil's picture: it fills its room, or is of the own size."""
        self.settle()
        focus = self.room.focus
        pane = focus.pane_of(OF[pupil])
        image = focus.shown(pane) if pane else None
        if pane is None or image is None or image is not pane.image:
            return False
        room, seen = focus.room_of(pane), image.pixelColor(image.width() // 2, 20)
        near = (seen.red(), seen.green(), seen.blue()), COLOURS[pupil]
        fills = image.width() == room.width() or image.height() == room.height()
        return (fills or image.size() == QSize(*SCREEN)) and all(
            abs(a - b) < 12 for a, b in zip(*near, strict=True)
        )

    def look_of(self, pupil: str) -> tuple[str, bool]:
        """Return how a device was asked to show itself, and whether at its own size."""
        held = self.school.room.declared[OF[pupil], "watching"]
        assert isinstance(held, WatchingDeclared)
        return held.look, held.width >= WIDE


@asynccontextmanager
async def opened(path: Path, school: SmallSchool) -> AsyncGenerator[tuple[Window, Teacher]]:
    window = Window()
    home, taken, ended = path / "app", window.pictures.take, window.pictures.look_ended
    try:
        async with teacher(school, home, PLACES, pictured=taken, look_ended=ended) as app:
            window.app = app
            yield window, app
            await window.tasks.close()
    finally:
        window.pictures.close()
        window.room.close()
        window.holder.deleteLater()


def sitting(school: SmallSchool, path: Path, pupil: str) -> AbstractAsyncContextManager[Device]:
    return device(school, path / OF[pupil], OF[pupil], seat=painting(pupil))


def allow_private(device: Device) -> None:
    rules = device.guard.ground.rules
    device.guard.ground.assign(replace(rules, version=rules.version + 1, private_seconds=300))


def bars(devices: Iterable[Device]) -> set[str | None]:
    return {one.guard.presence.held.shown for one in devices}


async def looks(device: Device) -> tuple[int, int]:
    """Count in a device's own account how often it was looked at closely, and the end of it."""
    await device.guard.write_notes()
    kinds = [row.kind for row in read_entries(device.guard.folder)]
    return kinds.count("look-close"), kinds.count("look-overview")


async def test_three_are_seen_at_their_panes_size_and_each_of_them_ends_in_its_own_way(
    tmp_path: Path, qtbot: QtBot
) -> None:
    del qtbot
    school = SmallSchool()
    async with AsyncExitStack() as stack:
        one, three = [
            await stack.enter_async_context(sitting(school, tmp_path, each))
            for each in ("lina", "omar")
        ]
        allow_private(three)
        window, app = await stack.enter_async_context(opened(tmp_path, school))
        async with sitting(school, tmp_path, "noah") as two:
            await app.begin_with(one, two, three)
            window.room.begin(app.school.room.tiles())
            window.open(*COLOURS)
            await until(lambda: all(map(window.shows, COLOURS)), "each in its pane")
            assert bars((one, two, three)) == {"close"}
            assert {window.look_of(each) for each in COLOURS} == {("close", False)}
            await kept_whole(window, app, tmp_path)
        await until(lambda: window.says("noah") not in {"", "live"}, "gone, and said so")
        await two_end(window, one, three)
        async with sitting(school, tmp_path, "noah") as again:
            window.pane("noah").image = None
            meet(app, again)
            await until(lambda: window.shows("noah"), "come back, closely")
            window.room.button("look-again").click()
            await until(lambda: window.shows("lina") and bars((one, again)) == {"close"}, "again")
            window.room.desk.go_home()
            async with asyncio.timeout(5):
                await until(lambda: bars((one, again)) == {"overview"}, "nobody looks closely")
            assert await looks(one) == (2, 3), "a picture kept is no new look"
        await all_is_written(app)


async def test_whom_the_class_is_shown_is_seen_in_a_pane_and_shown_on_without_it(
    tmp_path: Path, qtbot: QtBot
) -> None:
    del qtbot
    school, pupils = SmallSchool(), ("lina", "noah")
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(sitting(school, tmp_path, at)) for at in pupils]
        allow_private(one)
        window, app = await stack.enter_async_context(opened(tmp_path, school))
        await app.begin_with(one, two)
        window.room.begin(app.school.room.tiles())
        window.open("lina")
        showing = app.school.showing
        await until(lambda: showing.close_picture and window.shows("lina"), "closely")
        await showing.start_pupil(OF["lina"], "full", None)
        await until(lambda: showing.counted().shown == 1, "shown")
        window.open(*pupils)
        await until(lambda: window.shows("noah") and window.shows("lina"), "side by side")
        assert [window.look_of(each) for each in pupils] == [("close", True), ("close", False)]
        window.room.desk.go_home()
        window.settle()
        await until(lambda: window.look_of("noah")[0] == "overview", "only the shown one")
        assert (window.look_of("lina"), showing.counted().shown) == (("close", True), 1)
        window.open(*pupils)
        await until(lambda: window.shows("noah") and window.shows("lina"), "side by side again")
        one.guard.seat_said(PupilActed("private-on"))
        await until(lambda: showing.show is None and window.says("lina") == "Private", "private")
        assert window.shows("noah")


async def kept_whole(window: Window, app: Teacher, path: Path) -> None:
    """Keep a picture of one beside others: all the pixels of its screen, and small again after."""
    await app.school.acts.keep_picture(app.tile("lina"), window.pictures.still)
    [kept] = (path / "app" / "pictures").rglob("lina*.png")
    assert QImage(str(kept)).size() == QSize(*SCREEN)
    assert window.look_of("lina") == ("close", False)
    await until(lambda: window.shows("lina"), "in its pane as before")


async def two_end(window: Window, one: Device, three: Device) -> None:
    """One keeps the screen private, of the other the time for a close look is up."""
    three.guard.seat_said(PupilActed("private-on"))
    await until(lambda: window.says("omar") == "Private", "private")
    assert window.room.focus.shown(window.pane("omar")) is None
    held = one.guard.watching.held
    one.guard.watching.held = replace(held, close_ends_at=time.monotonic())
    await until(lambda: window.says("lina") == "the time for a close look is up", "time is up")


async def all_is_written(app: Teacher) -> None:
    acts = [row.act for row in await app.keeping.acts(app.school.room.lesson_id(), 200)]
    ends = [(act.device, act.why) for act in acts if isinstance(act, LookedAway)]
    began = [act.device for act in acts if isinstance(act, LookedClosely)]
    assert sorted(began) == sorted(at for at, _ in ends), "each is written, and its end"
    assert (OF["lina"], "time") in ends
