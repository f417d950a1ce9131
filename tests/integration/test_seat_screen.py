"""What a real desktop shows of a lesson: its pictures, its bar, its notices."""

import asyncio
import sys
from io import BytesIO

import pytest
from msgspec import Struct
from PIL import Image

from device_bridge.agent.seat.presence import COVERED
from device_bridge.agent.seat.talking import MISSING
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import Choice
from device_bridge.protocol.seat import (
    FrameTaken,
    IndicatorAnswered,
    Look,
    LookAnswered,
    LostShown,
    NoticeShown,
    Opened,
    OpenFile,
    PupilActed,
    ShowIndicator,
    ShowLost,
    ShowNotice,
    StillShown,
)
from tests.desktop import Desktop
from tests.guard_stand_in import GuardStandIn

pytestmark = pytest.mark.real_loop

BAR = ShowIndicator(1, on=True, teacher_name="Claire", until_seconds=1900, look="overview")
COVERS_THE_BAR = """
import sys
from Xlib import X, display
opened = display.Display()
screen = opened.screen()
over = screen.root.create_window(0, 0, 1366, 90, 0, screen.root_depth, override_redirect=True)
over.map()
opened.sync()
print("up", flush=True)
while True:
    over.configure(stack_mode=X.Above)
    opened.sync()
"""


async def test_a_real_screen_arrives_scaled_and_is_confirmed_while_it_stays(
    held: GuardStandIn,
) -> None:
    held.tell(BAR)
    assert await held.hears(IndicatorAnswered, lambda _: True) == IndicatorAnswered(1)
    held.tell(Look(1, "overview", 320, 180, pace=10))
    frame = await held.hears(Frame, lambda _: True)
    assert (frame.width, frame.height, frame.screen_width, frame.screen_height) == (
        *(320, 180),
        *(1366, 768),
    )
    shown = Image.open(BytesIO(frame.patches[0].image)).convert("RGB").getpixel((300, 150))
    assert isinstance(shown, tuple)
    assert all(abs(a - b) < 16 for a, b in zip(shown, (0x20, 0xA0, 0x40), strict=True))
    said: Struct = frame
    newest = frame.number
    while isinstance(said, Frame):  # what is drawn late is another picture
        newest = said.number
        held.tell(FrameTaken(newest))
        said = await held.hears(Struct, lambda said: isinstance(said, Frame | StillShown))
    assert isinstance(said, StillShown)
    assert said.number >= newest


async def test_a_bar_that_is_covered_for_good_ends_the_pictures(
    desk: Desktop, held: GuardStandIn
) -> None:
    await desk.start(sys.executable, "-c", COVERS_THE_BAR)
    held.tell(Look(1, "overview"))
    held.tell(BAR)
    await held.hears(IndicatorAnswered, lambda said: said.reason == COVERED)


async def test_a_bar_that_was_moved_off_the_screen_comes_back(
    desk: Desktop, held: GuardStandIn
) -> None:
    held.tell(BAR)
    await held.hears(IndicatorAnswered, lambda said: not said.reason)
    _, found = await desk.run("xdotool", "search", "--onlyvisible", "--name", "pupitre-bar")
    bar = found.split()[0]
    assert (await desk.run("xdotool", "windowmove", "--sync", bar, "3000", "3000"))[0] == 0
    async with asyncio.timeout(30):
        while "Position: 3000,3000" in (await desk.run("xdotool", "getwindowgeometry", bar))[1]:
            pass


async def test_a_hand_is_raised_and_a_name_chosen_with_the_pointer(
    desk: Desktop, held: GuardStandIn
) -> None:
    held.tell(BAR)
    await held.hears(IndicatorAnswered, lambda _: True)
    _, found = await desk.run("xdotool", "search", "--onlyvisible", "--name", "pupitre-bar")
    _, place = await desk.run("xdotool", "getwindowgeometry", "--shell", found.split()[0])
    at = dict(line.split("=") for line in place.split())
    await desk.click(int(at["X"]) + 270, int(at["Y"]) + 28)
    assert await held.hears(PupilActed, lambda _: True) == PupilActed("hand-up")
    choices = (Choice("p1", "Lina"), Choice("p2", "Noah"))
    held.tell(ShowIndicator(2, on=True, teacher_name="Claire", choices=choices))
    await held.hears(IndicatorAnswered, lambda said: said.version == 2)
    await desk.click(683, 205)
    assert await held.hears(PupilActed, lambda _: True) == PupilActed("seat", "p2")


async def test_a_missing_device_says_so_on_its_whole_screen_until_it_is_found(
    desk: Desktop, held: GuardStandIn
) -> None:
    search = ("xdotool", "search", "--onlyvisible", "--name", "^pupitre-lost$")
    held.tell(ShowLost("Appelez le 12"))
    assert await held.hears(LostShown, lambda _: True) == LostShown()
    _, found = await desk.run(*search)
    _, place = await desk.run("xdotool", "getwindowgeometry", found.split()[0])
    assert "1366x768" in place
    held.tell(ShowNotice("n1", "Ouvrez le document.", "Claire"))
    assert await held.hears(NoticeShown, lambda _: True) == NoticeShown("n1", MISSING)
    held.heard.clear()
    held.tell(ShowLost(""))
    assert await held.hears(LostShown, lambda _: True) == LostShown()
    assert (await desk.run(*search))[1] == ""
    held.heard.clear()
    held.tell(ShowNotice("n2", "Ouvrez le document.", "Claire"))
    assert await held.hears(NoticeShown, lambda _: True) == NoticeShown("n2")


async def test_a_notice_is_shown_and_answered_by_typing(desk: Desktop, held: GuardStandIn) -> None:
    held.tell(ShowNotice("n1", "<b>Ouvrez</b> le document.", "Claire"))
    assert await held.hears(NoticeShown, lambda _: True) == NoticeShown("n1")
    await desk.type("typing")
    assert await desk.got("typing", 20)  # a notice takes no key from the work in hand
    search = ("xdotool", "search", "--onlyvisible", "--name", "^Pupitre$")
    await desk.run(*search, "windowactivate", "--sync")
    await desk.type("oui")
    assert await held.hears(PupilActed, lambda _: True) == PupilActed("reply", "oui", "n1")


async def test_pictures_end_at_once_with_the_lesson(held: GuardStandIn) -> None:
    held.tell(BAR)
    held.tell(Look(1, "overview", pace=20))
    await held.hears(LookAnswered, lambda said: said.state == "on")
    held.tell(ShowIndicator(1, on=False))
    assert (await held.hears(IndicatorAnswered, lambda _: True)).reason == ""
    held.heard.clear()
    held.tell(FrameTaken(1))
    held.tell(ShowNotice("n1", "end", "Claire"))
    await held.hears(NoticeShown, lambda _: True)
    assert held.heard == []


async def test_a_file_elsewhere_is_refused_by_the_real_seat(held: GuardStandIn) -> None:
    held.tell(OpenFile("f1", "/etc/passwd"))
    assert (await held.hears(Opened, lambda _: True)).reason
