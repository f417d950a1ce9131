"""The proof of the lock: real X server, window manager, terminal, seat process and keys."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from device_bridge.agent.seat.attention import KEYBOARD, OVER_US
from device_bridge.protocol.seat import (
    CurtainAnswered,
    DropCurtain,
    IndicatorAnswered,
    PupilActed,
    RaiseCurtain,
    SeatUp,
    ShowIndicator,
)
from tests.desktop import Desktop
from tests.guard_stand_in import GuardStandIn, guard, start_seat

pytestmark = pytest.mark.real_loop

LOCK = RaiseCurtain(5, "Les yeux vers moi", "Claire", frees_in_seconds=600)
ENDS_SECONDS = 20.0
"""For a seat that is told to end; it takes a twentieth of one."""
HOLDS_THE_KEYBOARD = """
import sys
from Xlib import X, display
opened = display.Display()
root = opened.screen().root
print(root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime), flush=True)
sys.stdin.read()
"""
CUTS_A_HOLE = """
import sys
from Xlib import display
from Xlib.ext import shape
opened = display.Display()
window = opened.create_resource_object("window", int(sys.argv[1]))
window.shape_rectangles(shape.SO.Set, shape.SK.Bounding, 0, 0, 0, [(0, 0, 100, 100)])
opened.sync()
"""
COMES_BACK_OVER_US = """
import time
from Xlib import X, display
opened = display.Display()
root = opened.screen().root
window = root.create_window(0, 0, 500, 500, 0, X.CopyFromParent, override_redirect=True)
window.map()
while True:
    window.configure(stack_mode=X.Above)
    opened.sync()
    time.sleep(0.02)
"""


@pytest.fixture
async def held(tmp_path: Path) -> AsyncGenerator[GuardStandIn]:
    async with guard(tmp_path) as stand_in:
        yield stand_in


async def locked(held: GuardStandIn, order: RaiseCurtain = LOCK) -> str:
    held.tell(order)
    return (await held.hears(CurtainAnswered, lambda said: said.version == order.version)).reason


async def curtains(desk: Desktop) -> list[str]:
    _, found = await desk.run("xdotool", "search", "--onlyvisible", "--name", "pupitre-curtain")
    return found.split()


async def test_keys_reach_the_terminal_before_the_lock_and_after_it_but_not_during(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    up = await held.hears(SeatUp, lambda _: True)
    assert [(screen.width, screen.height) for screen in up.screens] == [(1366, 768)]
    await desk.type("before")
    assert await desk.got("before", 20)

    assert await locked(held) == ""
    await desk.type("during")
    await desk.click(300, 300)
    await desk.press("Escape", "alt+F4", "alt+Tab", "super+d", "ctrl+alt+Right")
    await desk.type("again")
    assert not await desk.got("during", 0.5)
    assert await locked(held) == ""
    await desk.picture(tmp_path / "locked.png")

    held.tell(DropCurtain(5))
    async with asyncio.timeout(20):
        while not await desk.got("after", 0.3):
            await desk.type("after")
    typed = desk.typed.read_text()
    assert "before" in typed
    assert "during" not in typed
    assert "again" not in typed


async def test_a_killed_seat_frees_at_once_and_locks_again_when_it_is_back(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    seat = await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    seat.terminate()  # as its pupil may, and as a session's end does
    async with asyncio.timeout(ENDS_SECONDS):
        await seat.wait()
    await desk.type("gone")
    assert await desk.got("gone", 20)

    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    await desk.type("nothing")
    assert not await desk.got("nothing", 0.5)


async def test_a_lock_does_not_outlive_its_screen(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    seat = await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    desk.processes[0].terminate()  # the X server, as a display manager ends it
    async with asyncio.timeout(ENDS_SECONDS):
        await seat.wait()


async def test_a_keyboard_that_another_window_holds_is_reported_and_then_taken(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", HOLDS_THE_KEYBOARD),
        env=desk.env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    desk.processes.append(other)
    assert other.stdout is not None
    assert await other.stdout.readline() == b"0\n"
    assert await locked(held) == KEYBOARD
    other.kill()
    await other.wait()
    assert await locked(held) == ""


async def test_a_window_manager_that_dies_changes_nothing(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    window_manager = desk.processes[1]
    window_manager.kill()
    await window_manager.wait()
    assert await locked(held) == ""
    await desk.type("during")
    assert not await desk.got("during", 0.5)


async def test_a_window_that_comes_over_the_curtain_is_put_behind_it(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    search = ("xdotool", "search", "--onlyvisible", "--class", "pupil-terminal")
    await desk.run(*search, "windowraise")
    assert await locked(held) == ""


@pytest.mark.parametrize(
    "tool",
    [
        ("xdotool", "windowunmap", "WINDOW"),
        ("xdotool", "windowmove", "WINDOW", "600", "0"),
        (sys.executable, "-c", CUTS_A_HOLE, "WINDOW"),
    ],
    ids=["unmapped", "moved", "cut"],
)
async def test_a_curtain_that_a_pupil_s_program_opened_closes_again_by_itself(
    desk: Desktop, held: GuardStandIn, tmp_path: Path, tool: tuple[str, ...]
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    (window,) = await curtains(desk)
    command = [window if word == "WINDOW" else word for word in tool]
    assert (await desk.run(*command))[0] == 0
    async with asyncio.timeout(20):
        while await curtains(desk) in ([], [window]):
            pass
    await desk.type("during")
    assert not await desk.got("during", 0.3)
    assert await locked(held) == ""


async def test_a_window_that_comes_back_over_the_curtain_again_and_again_is_told(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    other = await desk.start(sys.executable, "-c", COMES_BACK_OVER_US)
    async with asyncio.timeout(30):
        while await locked(held) != OVER_US:  # noqa: ASYNC110 - asked seldom, as a guard does
            await asyncio.sleep(0.5)
    other.kill()
    await other.wait()
    async with asyncio.timeout(30):
        while await locked(held):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.5)


async def test_a_hand_can_be_raised_on_the_curtain(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    held.tell(ShowIndicator(1, on=True, teacher_name="Claire", until_seconds=1900))
    assert (await held.hears(IndicatorAnswered, lambda _: True)).reason == ""
    assert await locked(held) == ""
    await desk.press("space")
    assert await held.hears(PupilActed, lambda _: True) == PupilActed("hand-up")


async def test_the_power_key_pressed_twice_switches_a_locked_device_off(
    desk: Desktop, held: GuardStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    system = tmp_path / "bin" / "systemctl"
    system.parent.mkdir()
    system.write_text(f'#!/bin/sh\necho "$@" >> "{told}"\n')
    system.chmod(0o700)
    monkeypatch.setenv("PATH", f"{system.parent}:{os.environ['PATH']}")
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held) == ""
    await desk.press("XF86PowerOff")
    await desk.press("space")
    await held.hears(PupilActed, lambda _: True)
    assert not told.exists(), "once: it asks"
    await desk.press("XF86PowerOff")
    async with asyncio.timeout(20):
        while not (told.exists() and told.read_text()):  # noqa: ASYNC110 - another writes it
            await asyncio.sleep(0.02)
    assert told.read_text() == "poweroff\n"


async def test_a_lock_whose_guard_is_gone_ends_with_its_lease(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    await start_seat(desk, tmp_path)
    await held.hears(SeatUp, lambda _: True)
    assert await locked(held, RaiseCurtain(5, "", "Claire", frees_in_seconds=1)) == ""
    assert held.wire is not None
    await held.wire.close()
    async with asyncio.timeout(30):
        while not await desk.got("free", 0.3):
            await desk.type("free")


async def test_every_monitor_is_covered_also_one_that_comes_while_locked(
    desk: Desktop, held: GuardStandIn, tmp_path: Path
) -> None:
    left, right = "683/180x768/190+0+0", "683/180x768/190+683+0"
    assert (await desk.run("xrandr", "--setmonitor", "left", left, "screen"))[0] == 0
    assert (await desk.run("xrandr", "--setmonitor", "right", right, "none"))[0] == 0
    await start_seat(desk, tmp_path)
    up = await held.hears(SeatUp, lambda _: True)
    assert [(screen.width, screen.height) for screen in up.screens] == [(683, 768)] * 2
    assert await locked(held) == ""
    assert len(await curtains(desk)) == 2

    assert (await desk.run("xrandr", "--delmonitor", "right"))[0] == 0
    assert (await desk.run("xrandr", "--delmonitor", "left"))[0] == 0
    assert await locked(held) == ""
    assert len(await curtains(desk)) == 1

    assert (await desk.run("xrandr", "--setmonitor", "left", left, "screen"))[0] == 0
    assert (await desk.run("xrandr", "--setmonitor", "right", right, "none"))[0] == 0
    assert await locked(held) == ""
    await desk.type("during")
    assert not await desk.got("during", 0.3)
    assert len(await curtains(desk)) == 2
