"""A real desktop that is shown a screen, and has its own back when whoever shows is gone."""

import asyncio
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from device_bridge.agent.capabilities import Picture
from device_bridge.agent.platform.x11_capture import X11Capture
from device_bridge.agent.seat.bar import BAR_PIXELS
from device_bridge.pictures.encode import Encoder
from device_bridge.pictures.raster import mapped
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import (
    CurtainAnswered,
    DropCurtain,
    HideScreen,
    IndicatorAnswered,
    PupilActed,
    RaiseCurtain,
    ScreenLate,
    ScreenShown,
    SeatUp,
    ShowIndicator,
    ShowScreen,
)
from tests.desktop import Desktop
from tests.guard_stand_in import GuardStandIn

pytestmark = pytest.mark.real_loop

SIZE = (1280, 720)
PAGE, DESKTOP, WHITE = (200, 90, 40), (32, 160, 64), (255, 255, 255)
SAID = (683, BAR_PIXELS + 12 + 6)
"""Where an old picture says that it is old: of this page, where it is white."""


def page(mark: int) -> Image.Image:
    image = Image.new("RGB", SIZE, PAGE)
    pen = ImageDraw.Draw(image)
    pen.rectangle((60, 60, 700, 660), "white")
    for line in range(12):
        pen.text((90, 90 + 44 * line), f"The rain falls on the plain, line {line}", "black")
    pen.ellipse((800, 200 + mark, 1100, 500 + mark), (250, 220, 60))
    return image


def frame(encoder: Encoder, number: int, mark: int) -> Frame:
    image = mapped(Picture(*SIZE, "BGRX", page(mark).tobytes("raw", "BGRX")))
    patches = encoder.patches(image, 75)
    return Frame(number, 7, *SIZE, *SIZE, patches, number - 1)


def corner(desk: Desktop) -> tuple[int, ...]:
    """Return the colour at the left below, where pages and desktop are of one colour."""
    return colour_at(desk, 20, -20)


def colour_at(desk: Desktop, x: int, y: int) -> tuple[int, ...]:
    """Return the colour of a point of the screen; below zero `y` counts from below."""
    eye = X11Capture(time.monotonic, desk.display)
    seen = eye.grab(0)
    eye.close()
    assert isinstance(seen, Picture)
    at = (y % seen.height * seen.width + x) * 4
    blue, green, red = bytes(seen.pixels[at : at + 3])
    return red, green, blue


def like(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 8 for a, b in zip(one, other, strict=True))


async def show(held: GuardStandIn, mode: str) -> Encoder:
    encoder = Encoder()
    showing = ShowIndicator(
        3, on=True, teacher_name="Claire", until_seconds=1900, showing="here", whose="Claire"
    )
    held.tell(showing)
    assert (await held.hears(IndicatorAnswered, lambda one: one.version == 3)).reason == ""
    assert mode in {"full", "window"}
    held.tell(ShowScreen(1, mode, "Claire", *SIZE))  # pyright: ignore[reportArgumentType]
    held.tell(frame(encoder, 1, 0))
    assert (await held.hears(ScreenShown, lambda one: one.number == 1)).reason == ""
    held.tell(frame(encoder, 2, 40))
    assert (await held.hears(ScreenShown, lambda one: one.number == 2)).reason == ""
    return encoder


async def bar_width(desk: Desktop) -> int:
    found = await desk.run("xdotool", "search", "--onlyvisible", "--name", "pupitre-bar")
    told = await desk.run("xdotool", "getwindowgeometry", "--shell", found[1].split()[-1])
    return int(told[1].split("WIDTH=")[1].split()[0])


async def leave_a_window(held: GuardStandIn, desk: Desktop, tmp_path: Path) -> None:
    """Be shown a window, lay what cannot be laid, and leave by Esc."""
    encoder = await show(held, "window")
    await desk.picture(tmp_path / "window.png")
    held.tell(frame(encoder, 9, 10))
    assert (await held.hears(ScreenShown, lambda one: one.number == 9)).reason == "again"
    found = await desk.run("xdotool", "search", "--name", "Claire")
    assert found[0] == 0
    await desk.run("xdotool", "windowfocus", "--sync", found[1].split()[-1])
    await desk.press("Escape")
    await held.hears(PupilActed, lambda one: one.kind == "show-left")
    held.tell(HideScreen(1))
    held.tell(ShowIndicator(5, on=True, teacher_name="Claire"))
    await held.hears(IndicatorAnswered, lambda one: one.version == 5)
    gone = await desk.run("xdotool", "search", "--onlyvisible", "--name", "screen of Claire")
    assert gone[1] == ""


async def lock_over_it(held: GuardStandIn, desk: Desktop, tmp_path: Path) -> None:
    """Lock: the curtain stands above this show, its pictures and the next show."""
    lock = RaiseCurtain(5, "Les yeux vers moi", "Claire", frees_in_seconds=600)
    await proved(held, lock)
    await until_there(desk, shown=False)
    encoder = await show(held, "full")
    await proved(held, lock)
    await desk.type("during")
    assert not await desk.got("during", 0.3)
    await desk.picture(tmp_path / "locked.png")
    assert not like(corner(desk), PAGE), "no picture and no new show comes above"
    held.tell(DropCurtain(5))
    held.tell(frame(encoder, 3, 80))
    assert (await held.hears(ScreenShown, lambda one: one.number == 3)).reason == ""
    await until_there(desk, shown=True)


async def until_there(desk: Desktop, *, shown: bool) -> None:
    """Wait for the seat's painting: a window is mapped a moment before."""
    async with asyncio.timeout(30):
        while like(corner(desk), PAGE) != shown:  # noqa: ASYNC110 - another program paints
            await asyncio.sleep(0.02)


async def proved(held: GuardStandIn, lock: RaiseCurtain) -> None:
    held.tell(lock)
    assert (await held.hears(CurtainAnswered, lambda one: one.version == lock.version)).reason == ""


async def test_a_screen_is_shown_over_all_below_the_bar_and_a_dead_guard_gives_the_desktop_back(
    held: GuardStandIn, desk: Desktop, tmp_path: Path
) -> None:
    await leave_a_window(held, desk, tmp_path)
    free = await bar_width(desk)
    encoder = await show(held, "full")
    assert await bar_width(desk) < free, "what would open below it is not offered"
    held.tell(ShowIndicator(4, on=True, teacher_name="Claire", showing="here", whose="Claire"))
    assert (await held.hears(IndicatorAnswered, lambda one: one.version == 4)).reason == ""
    await desk.picture(tmp_path / "full.png")
    held.tell(ScreenLate(1, 4))
    async with asyncio.timeout(30):
        while like(colour_at(desk, *SAID), WHITE):  # noqa: ASYNC110 - another program paints
            await asyncio.sleep(0.02)
    await desk.picture(tmp_path / "late.png")
    held.tell(ScreenLate(1, 0))
    async with asyncio.timeout(30):
        while not like(colour_at(desk, *SAID), WHITE):  # noqa: ASYNC110 - another program paints
            await asyncio.sleep(0.02)
    assert like(corner(desk), PAGE)
    await desk.press("Escape")
    held.tell(frame(encoder, 3, 80))
    assert (await held.hears(ScreenShown, lambda one: one.number == 3)).reason == ""
    assert like(corner(desk), PAGE), "it is not the pupil's to leave"
    await lock_over_it(held, desk, tmp_path)
    assert held.wire is not None
    before, held.wire = held.wire, None
    await before.close()
    await held.hears(SeatUp, lambda _: True)  # it has come back, and introduced itself
    assert like(corner(desk), DESKTOP)
    await desk.picture(tmp_path / "lost.png")
