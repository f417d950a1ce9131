"""The app's window on a small real desktop: all of it can be seen, its title bar too."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.desktop import Desktop, desktop

pytestmark = pytest.mark.real_loop
SCREEN = (1366, 768)
FIND = ("xdotool", "search", "--onlyvisible", "--name", "^Pupitre")


async def size_of(opened: Desktop) -> tuple[int, int]:
    """Return how much of the screen the window takes with title bar and borders; 0: not yet."""
    _, told = await opened.run(*FIND, "getwindowgeometry", "--shell")
    facts = dict(line.split("=") for line in told.splitlines() if "=" in line)
    _, frame = await opened.run("xprop", "-id", facts.get("WINDOW", "0"), "_NET_FRAME_EXTENTS")
    if "WINDOW" not in facts or "=" not in frame:
        return 0, 0
    left, right, top, bottom = (int(side) for side in frame.partition("=")[2].split(","))
    return int(facts["WIDTH"]) + left + right, int(facts["HEIGHT"]) + top + bottom


async def test_the_demos_window_fits_a_screen_that_is_smaller_than_it(tmp_path: Path) -> None:
    socket, size = tmp_path / "puppet.sock", (0, 0)
    async with desktop(tmp_path) as opened:
        options = ("--home", str(tmp_path / "home"), "--interface", "127.0.0.1")
        await opened.start(
            *(sys.executable, "-m", "classroom_app", *options, "--puppet", str(socket))
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                while (size := await size_of(opened)) != SCREEN:  # noqa: ASYNC110 - the WM does
                    await asyncio.sleep(0.1)
    assert size == SCREEN
