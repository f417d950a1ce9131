"""A show between a real app and real devices, over real links."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from classroom_app.domain.errors import NotLookedAt, ShowEnded
from classroom_app.domain.lesson import DeviceId
from classroom_app.media.screen import ScreenSource
from classroom_app.services.showing import Counted
from classroom_app.services.watching import Closely
from device_bridge.agent.capabilities import Picture
from device_bridge.agent.guard.device import Device
from device_bridge.protocol.hello import Report
from device_bridge.protocol.seat import PupilActed
from device_bridge.protocol.watching import CLOSE_ENDED, WatchingDeclared
from tests.guards import SittingSeat
from tests.school import SmallSchool
from tests.teaching import Place, Teacher, device, teacher, until

pytestmark = pytest.mark.real_loop

PLACES = (Place("device-1", "lina"), Place("device-2", "noah"))
ONE, TWO = DeviceId("device-1"), DeviceId("device-2")


class Page:
    """A screen that is turned by hand."""

    def __init__(self) -> None:
        self.shade, self.grabs = 10, 0

    def grab(self) -> Picture:
        self.grabs += 1
        row = bytes((self.shade, 90, 200, 0)) * 160 + bytes((0, self.shade, 9, 0)) * 160
        return Picture(320, 180, "BGRX", row * 180)


def screen_of(one: Device) -> int:
    """Return the frame that the device's seat shows now."""
    seat = one.guard.voice.tell_seat
    assert seat is not None
    sitting: SittingSeat = seat.__self__  # type: ignore[attr-defined]
    return sitting.screen


def shown(app: Teacher) -> tuple[int, int]:
    counted = app.school.showing.counted()
    return counted.shown, counted.asked


async def test_the_teachers_screen_is_on_both_devices_and_then_gone(
    tmp_path: Path,
) -> None:
    school, page = SmallSchool(), Page()
    source = ScreenSource(page.grab)
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "2", "device-2") as two,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        await app.begin_with(one, two)
        showing = app.school.showing
        await showing.start(source, "full", None, (320, 180))
        await until(lambda: shown(app) == (2, 2), "shown to both")
        assert source.encodes == 1, "one picture, once for both devices"
        first = screen_of(one)
        page.shade = 200
        await until(lambda: screen_of(one) > first and screen_of(two) > first, "the next page")
        showing.pause(paused=True)
        await asyncio.sleep(0.15)
        grabs = page.grabs
        await asyncio.sleep(0.25)
        assert page.grabs == grabs
        async with asyncio.timeout(5):
            await showing.stop()
            await until(lambda: screen_of(one) == screen_of(two) == 0, "both desktops back")
        assert showing.counted() == Counted(0, 0)
        await showing.start(source, "full", ["noah"], (320, 180))
        await until(lambda: shown(app) == (1, 1), "shown to one")
        assert screen_of(one) == 0
        await app.school.presence.end()
        await until(lambda: screen_of(two) == 0, "back with the lesson's end")
    source.close()


async def show_one(app: Teacher, two: Device) -> None:
    """Show the first one's screen to the other, then go back to the wall."""
    showing = app.school.showing
    showing.looks_at(ONE)
    await app.school.watching.look_closely([Closely(ONE)])
    await until(lambda: showing.close_picture, "closely")
    await showing.start_pupil(ONE, "window", None)
    await until(lambda: screen_of(two), "shown to the other")
    await app.school.watching.look_closely([])
    showing.looks_at(None)
    assert look_of(app) == "close", "the class is shown it"


def look_of(app: Teacher) -> str:
    held = app.school.room.declared[ONE, "watching"]
    assert isinstance(held, WatchingDeclared)
    return held.look


def why_over(app: Teacher) -> list[tuple[str, str]]:
    return [(one.name, one.why) for one in app.refused if isinstance(one, ShowEnded)]


async def test_a_pupils_screen_is_shown_wherever_the_teacher_looks_until_private_or_gone(
    tmp_path: Path,
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        device(school, tmp_path / "2", "device-2") as two,
        teacher(school, tmp_path / "app", PLACES) as app,
    ):
        rules = one.guard.ground.rules
        one.guard.ground.assign(replace(rules, version=rules.version + 1, private_seconds=300))
        await app.begin_with(one, two)
        showing = app.school.showing
        with pytest.raises(NotLookedAt):
            await showing.start_pupil(ONE, "window", None)
        await show_one(app, two)
        assert one.guard.presence.held.bar.showing == "source"
        assert two.guard.presence.held.bar.whose
        assert screen_of(one) == 0
        one.guard.seat_said(PupilActed("private-on"))
        await until(lambda: showing.show is None and screen_of(two) == 0, "over")
        assert why_over(app) == [("lina", "private")]
        assert one.guard.presence.held.bar.showing == ""
        one.guard.seat_said(PupilActed("private-off"))
        await show_one(app, two)
        looked = app.school.room.declared[ONE, "watching"].version
        app.school.heard("device-1", Report("watching", looked, "on", CLOSE_ENDED))
        await until(lambda: showing.show is None and screen_of(two) == 0, "over")
        await show_one(app, two)
        app.school.heard("device-1", Report("watching", looked, "on", CLOSE_ENDED))
        showing.pause(paused=True)
        app.school.gone("device-1", "lost")
        async with asyncio.timeout(5):
            await until(lambda: showing.show is None and screen_of(two) == 0, "over")
        assert [why for _, why in why_over(app)[1:]] == [CLOSE_ENDED, "gone"], "an old word is none"
        await until(lambda: look_of(app) != "close", "nobody looks closely any more")
