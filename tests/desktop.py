"""A pupil's real desktop: Xvfb, a window manager and a terminal that is typed into."""

import asyncio
import os
import threading
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from device_bridge.agent.capabilities import Picture, Unseen
from device_bridge.agent.platform.x11_capture import X11Capture

SIZE = "1366x768x24"
COMES_SECONDS = 60.0


@dataclass
class Desktop:
    """One X server and what runs on it; `typed` is the file that the terminal writes into."""

    display: str
    typed: Path
    processes: list[Process] = field(default_factory=list[Process])

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb"}

    async def start(self, *command: str, **more: str) -> Process:
        """Start a program on this desktop; it is ended with it."""
        process = await asyncio.create_subprocess_exec(
            *command, env={**self.env, **more}, stdout=DEVNULL, stderr=DEVNULL
        )
        self.processes.append(process)
        return process

    async def run(self, *command: str) -> tuple[int, str]:
        """Run a program to its end; return its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *command, env=self.env, stdout=PIPE, stderr=DEVNULL
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode(errors="replace")

    async def press(self, *keys: str) -> None:
        assert (await self.run("xdotool", "key", *keys))[0] == 0

    async def click(self, x: int, y: int) -> None:
        await self.run("xdotool", "mousemove", str(x), str(y), "click", "1")

    async def type(self, word: str) -> None:
        """Type `word` and Enter, as a pupil would."""
        assert (await self.run("xdotool", "type", "--delay", "5", word))[0] == 0
        await self.press("Return")

    async def got(self, word: str, within_seconds: float) -> bool:
        """Whether the terminal got `word` in time."""
        try:
            async with asyncio.timeout(within_seconds):
                while word not in self.typed.read_text(errors="replace"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # another program writes the file
        except TimeoutError:
            return False
        return True

    async def picture(self, path: Path) -> None:
        """Write a PNG of the whole screen; for eyes, not for asserts."""
        capture = X11Capture(time.monotonic, self.display)
        image_of(capture.grab(0)).save(path)
        capture.close()


def image_of(seen: Picture | Unseen) -> Image.Image:
    assert isinstance(seen, Picture), seen
    size = (seen.width, seen.height)
    return Image.frombytes("RGB", size, bytes(seen.pixels), "raw", seen.layout)


@asynccontextmanager
async def desktop(folder: Path) -> AsyncGenerator[Desktop]:
    """Open a desktop with a terminal that has the keyboard; end all of it afterwards."""
    server = await asyncio.create_subprocess_exec(
        "Xvfb",
        *("-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp", "-noreset"),
        stdout=PIPE,
        stderr=DEVNULL,
    )
    assert server.stdout is not None
    async with asyncio.timeout(COMES_SECONDS):
        number = (await server.stdout.readline()).decode().strip()
    opened = Desktop(f":{number}", folder / "typed.txt", [server])
    opened.typed.touch()
    try:
        manages = folder / "manages"
        await opened.start("openbox", "--sm-disable", "--startup", f"touch '{manages}'")
        await _there(manages)
        await opened.start(
            *("xterm", "-class", "pupil-terminal", "-geometry", "70x18+40+160"),
            # A window manager that has just come may not answer, and Xt would wait 5 s for it.
            *("-xrm", "*waitforwm: false"),
            *("-e", "sh", "-c", f"exec cat > '{opened.typed}'"),
        )
        await _window(opened)
        yield opened
    finally:
        for process in reversed(opened.processes):
            if process.returncode is None:
                process.kill()
            await process.wait()
        join_waiters()


def join_waiters() -> None:
    """Let asyncio's waitpid threads end: they outlive the news they bring by an instant."""
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio-waitpid"):
            thread.join(5)


async def _there(manages: Path) -> None:
    """Wait for the window manager's own word: what is mapped while it starts may stay unmanaged.

    It has claimed the screen (EWMH's _NET_SUPPORTING_WM_CHECK) long before it hears of windows.
    """
    async with asyncio.timeout(COMES_SECONDS):
        while not manages.exists():  # noqa: ASYNC110, ASYNC240 - as above
            await asyncio.sleep(0.02)


async def _window(opened: Desktop) -> None:
    find = ("xdotool", "search", "--onlyvisible", "--class", "pupil-terminal")
    async with asyncio.timeout(COMES_SECONDS):
        # The window manager may come after the terminal and take the keyboard from it once more.
        while not await opened.got("ready", 0.3):
            if (await opened.run(*find, "windowfocus"))[0] == 0:
                await opened.type("ready")
