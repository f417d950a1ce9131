"""Real pupils' desktops for the demo.

Each is an X server with a window manager, a terminal that is typed into and a behaving screen;
`pupitre-agent run` then covers it as it would a pupil's laptop.
"""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from classroom_app.demo.stage import Child, Stage, StageError, program

NEEDED = ("Xvfb", "openbox", "xterm", "xdotool", "xdg-open")
SIZE = "1366x768x24"
WINDOW_SECONDS = 15.0
HAND_ON_BAR = 0.44  # of the bar's width: the middle of its first button


def missing() -> list[str]:
    """Name the programs that a real desktop needs and this machine lacks."""
    return [name for name in NEEDED if shutil.which(name) is None]


@dataclass
class Desktop:
    """One screen with its terminal; `typed` is the file that the terminal writes into."""

    name: str
    display: str
    typed: Path

    @property
    def env(self) -> dict[str, str]:
        return {"DISPLAY": self.display, "QT_QPA_PLATFORM": "xcb"}

    async def _xdotool(self, *args: str) -> int:
        process = await asyncio.create_subprocess_exec(
            "xdotool",
            *args,
            env={"DISPLAY": self.display, "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()

    async def window(self) -> None:
        """Wait until the terminal is there, and give it the keyboard."""
        async with asyncio.timeout(WINDOW_SECONDS):
            while await self._xdotool("search", "--class", "pupil-terminal"):
                await asyncio.sleep(0.1)
        await self._xdotool("search", "--class", "pupil-terminal", "windowfocus", "--sync")

    async def click_hand(self) -> None:
        """Click on the hand of the pupil's bar, as its pupil would."""
        asked = await asyncio.create_subprocess_exec(
            "xdotool",
            *("search", "--name", "^pupitre-bar$", "getwindowgeometry", "--shell"),
            env={"DISPLAY": self.display, "PATH": "/usr/bin:/bin"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        told, _ = await asked.communicate()
        at = dict(line.split("=", 1) for line in told.decode().splitlines() if "=" in line)
        if not {"X", "Y", "WIDTH", "HEIGHT"} <= at.keys():
            raise StageError(f"{self.name} shows no bar")
        x = int(at["X"]) + int(int(at["WIDTH"]) * HAND_ON_BAR)
        y = int(at["Y"]) + int(at["HEIGHT"]) // 2
        await self._xdotool("mousemove", str(x), str(y), "click", "1")

    async def keys_reach(self, word: str, within_seconds: float) -> bool:
        """Type `word` as a pupil would; tell whether the terminal got it in time."""
        await self._xdotool("type", "--delay", "2", word)
        # Ends the line in a terminal; Return would raise the hand on a curtain.
        await self._xdotool("key", "ctrl+j")
        try:
            async with asyncio.timeout(within_seconds):
                while word not in self.typed.read_text(errors="replace"):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            return False
        return True


async def open_desktop(stage: Stage, name: str, folder: Path) -> Desktop:
    """Start X server, window manager and terminal; raise `StageError` when one does not come."""
    folder.mkdir(parents=True, exist_ok=True)
    server = await stage.start(
        f"{name}-x",
        [
            "Xvfb",
            "-displayfd",
            "1",
            "-screen",
            "0",
            SIZE,
            "-s",
            "0",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
    )
    display = f":{await _display(server)}"
    desktop = Desktop(name, display, folder / "typed.txt")
    desktop.typed.touch()
    manages = folder / "manages"
    wm = ["openbox", "--sm-disable", "--startup", f"touch '{manages}'"]
    await stage.start(f"{name}-wm", wm, desktop.env)
    await _there(manages)
    command = f"exec cat > '{desktop.typed}'"
    xterm = ["xterm", "-class", "pupil-terminal", "-geometry", "70x18+40+120"]
    # A window manager that has just come may not answer, and Xt would wait 5 s for it.
    xterm += ["-xrm", "*waitforwm: false"]
    await stage.start(f"{name}-terminal", [*xterm, "-e", "sh", "-c", command], desktop.env)
    await desktop.window()
    return desktop


async def _there(manages: Path) -> None:
    """Wait for the window manager's own word: a terminal that is mapped before is never managed.

    It has claimed the screen (EWMH's _NET_SUPPORTING_WM_CHECK) long before it hears of windows.
    """
    async with asyncio.timeout(WINDOW_SECONDS):
        while not manages.exists():  # another program makes it
            await asyncio.sleep(0.02)


async def _display(server: Child) -> int:
    stream = server.process.stdout
    async with asyncio.timeout(WINDOW_SECONDS):
        raw = await stream.readline() if stream else b""
    if not raw.strip().isdigit():
        raise StageError(f"{server.name} gave no display; see {server.log}")
    return int(raw)


async def show_screen(stage: Stage, desktop: Desktop, device: str, seed: int) -> Child:
    """Put the behaving screen with the device's colour code behind the terminal."""
    command = program("pupitre-agent", "device_bridge.agent")
    return await stage.start(
        f"{desktop.name}-screen",
        [*command, "screen", "--device", device, "--seed", str(seed)],
        desktop.env,
        nice=True,
    )
