"""Whose screen the class is shown stays on the wall, though only close pictures come."""

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from PySide6.QtCore import QObject, QSize
from PySide6.QtGui import QColor

from classroom_app.domain.lesson import DeviceId
from classroom_app.pictures import Pictures
from classroom_app.school import School
from classroom_app.tasks import Tasks
from device_bridge.protocol.pictures import Frame, Patch, covering
from tests.rasters import RED, jpeg
from tests.ui.room import Room

pytestmark = pytest.mark.real_loop
ONE = DeviceId("device-1")
SIZE, TILE = (640, 360), QSize(160, 90)
BLUE = (0, 0, 250)


class Showing:
    def source(self) -> DeviceId:
        return ONE


class Watching:
    def look(self, sizes: object) -> None: ...


class InShow:
    """A school whose class is shown one pupil's screen."""

    showing, watching = Showing(), Watching()


@pytest.fixture
def pictures(opened: Callable[..., Room]) -> Iterator[Pictures]:
    school, holder = cast("School", InShow()), QObject()
    made = Pictures(Tasks(()), lambda: school, holder)
    made.focus_of(opened().desk)
    yield made
    made.close()


async def test_the_tile_of_whom_the_class_is_shown_follows_to_the_last_change(
    pictures: Pictures,
) -> None:
    pictures.wall.see({ONE: TILE})
    assert await pictures.take(ONE, Frame(1, 1, *SIZE, *SIZE, covering(jpeg(*SIZE), *SIZE)))
    await looks(pictures, RED)
    new = Patch(320, 0, 320, 360, "jpeg", jpeg(320, 360, BLUE))
    assert await pictures.take(ONE, Frame(2, 1, *SIZE, *SIZE, (new,), 1))
    await looks(pictures, BLUE)


async def looks(pictures: Pictures, colour: tuple[int, int, int]) -> None:
    """Let the timer's moment come: the right side of the tile, at its own size, is so coloured."""
    assert pictures.tiling.isActive()
    pictures.tiling.stop()
    pictures.tiling.timeout.emit()
    async with asyncio.timeout(15):
        while True:
            image = pictures.wall.image(ONE)
            if image is not None and near(image.pixelColor(120, 40), colour):
                assert image.size() == TILE
                return
            await asyncio.sleep(0.01)


def near(one: QColor, other: tuple[int, int, int]) -> bool:
    seen = one.red(), one.green(), one.blue()
    return all(abs(a - b) < 16 for a, b in zip(seen, other, strict=True))
