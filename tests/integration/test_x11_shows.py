"""What a teacher's real desktop offers to be shown."""

from pathlib import Path

import pytest

from classroom_app.presenters.showing import Told
from classroom_app.showing import ScreenShows
from device_bridge.agent.capabilities import Area, Picture
from device_bridge.agent.platform.x11_shows import X11Shows
from tests.desktop import Desktop
from tests.school import SmallSchool
from tests.teaching import Place, device, teacher, until

pytestmark = pytest.mark.real_loop

GREEN = bytes((0x40, 0xA0, 0x20))


def seen(shows: X11Shows, area: Area) -> bytes:
    picture = shows.grab(area)
    assert isinstance(picture, Picture)
    assert (picture.width, picture.height) == (area.width, area.height)
    return bytes(picture.pixels)


async def see_all(desk: Desktop) -> None:
    """See a monitor, a window and the pointer as they are."""
    shows = X11Shows(desk.display)
    try:
        assert shows.monitors() == (Area(0, 0, 1366, 768),)
        (terminal,) = shows.windows()
        area = shows.area_of(terminal.id)
        assert area is not None
        assert area.width > 300
        assert area.y >= 160
        assert seen(shows, Area(area.x + area.width - 9, area.y + 9, 4, 4))[:3] == b"\xff\xff\xff"
        ground = Area(1000, 500, 60, 60)
        await desk.run("xdotool", "mousemove", "10", "10")
        assert all(seen(shows, ground)[at : at + 3] == GREEN for at in range(0, 60 * 60 * 4, 4))
        await desk.run("xdotool", "mousemove", "1020", "520")
        pixels = seen(shows, ground)
        assert any(pixels[at : at + 3] != GREEN for at in range(0, len(pixels), 4)), "the pointer"
        await desk.run("xdotool", "windowmove", "--sync", str(terminal.id), "1200", "600")
        cut = shows.area_of(terminal.id)
        assert cut is not None
        assert cut.x + cut.width <= 1366, "what is beside the screen cannot be seen"
        assert cut.y + cut.height <= 768
        seen(shows, cut)
        await desk.run("xdotool", "windowunmap", "--sync", str(terminal.id))
        assert shows.area_of(terminal.id) is None
    finally:
        shows.close()


async def test_what_a_real_desktop_has_is_seen_and_what_is_chosen_of_it_is_shown(
    desk: Desktop, tmp_path: Path
) -> None:
    school = SmallSchool()
    async with (
        device(school, tmp_path / "1", "device-1") as one,
        teacher(school, tmp_path / "app", (Place("device-1", "lina"),)) as app,
    ):
        await app.begin_with(one)
        shows = ScreenShows(lambda: app.school, lambda: 0, lambda: X11Shows(desk.display))
        screen, region, window = shows.choices()
        assert (screen.kind, region.kind, window.kind) == ("screen", "region", "window")
        assert not shows.on_our_screen(screen), "our window is on no screen here"
        await shows.start(window, "window", app.tiles("lina"))
        await until(lambda: shows.told() == Told(1, 1), "shown")
        await shows.start(screen, "full", app.tiles("lina"))
        await until(lambda: shows.told() == Told(1, 1), "the next one")
        shows.pause(paused=True)
        assert shows.told() == Told(1, 1, paused=True)
        await shows.stop()
        assert shows.told() is None
        await until(lambda: one.guard.presence.held.bar.showing == "", "the bar is as it was")
        shows.close()
    await see_all(desk)
