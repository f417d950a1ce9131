"""A pupil's program draws a window over the bar, on a real desktop, and fights for its place."""

import asyncio
import random
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from time import monotonic
from typing import Any, Final

from Xlib.display import Display

from device_bridge.agent.folder import Folder
from device_bridge.agent.guard.status import ask_status
from device_bridge.agent.guard.watching import NO_INDICATOR
from device_bridge.protocol.fields import PROOF_SECONDS
from tests.attack.dialling import LetIn, Target
from tests.attack.ground import DEVICE, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.loot import Loot, told_of
from tests.attack.wall import HONEST, wall
from tests.desktop import Desktop, desktop, join_waiters
from tests.school import SmallSchool, now
from tests.teaching import enrolled

FIGHT_SECONDS: Final = 12.0
RAISED_SECONDS: Final = PROOF_SECONDS + 2.0
BACK_SECONDS: Final = 8.0
COMES_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.1
HEIGHT: Final = 90
BAR: Final = "pupitre-bar"
ABOVE: Final = 0  # ConfigureWindow, of the X protocol


class Drawn:
    """The program's two windows: one over the bar, one below it that never rests."""

    def __init__(self, display: Any) -> None:  # noqa: ANN401 - Xlib has no types
        self._display = display
        screen = display.screen()
        root, across = screen.root, screen.width_in_pixels
        more: dict[str, Any] = {"override_redirect": True}
        more["background_pixel"] = screen.white_pixel
        self._root = root
        self._moving = root.create_window(200, 300, 400, 300, 0, screen.root_depth, **more)
        self._over = root.create_window(0, 0, across, HEIGHT, 0, screen.root_depth, **more)
        self._moving.map()
        self._colours = count(1)
        display.sync()

    def cover(self) -> None:
        self._over.map()
        self._over.configure(stack_mode=ABOVE)
        self._display.sync()

    def move(self) -> None:
        """Change the screen, so that there is always a new picture to send."""
        self._moving.change_attributes(background_pixel=next(self._colours) * 999 % 0xFFFFFF)
        self._moving.clear_area()
        self._display.sync()

    def uncover(self) -> None:
        self._over.unmap()
        self._display.sync()

    def bar_is_above(self) -> bool:
        """Look at the stack itself, bottom first: nobody's word is asked."""
        order = [window.id for window in self._root.query_tree().children]
        bars = [window.id for window in self._root.query_tree().children if _is_bar(window)]
        return bool(bars) and order.index(bars[0]) > order.index(self._over.id)


def _is_bar(window: object) -> bool:
    name = getattr(window, "get_wm_name", lambda: "")()
    return name == BAR


async def hostile(target: Target, _: random.Random) -> str:
    display = Display(told_of(target)["display"])
    drawn = Drawn(display)
    drawn.cover()
    until = monotonic() + RAISED_SECONDS
    while not drawn.bar_is_above():
        if monotonic() > until:
            raise LetIn("the bar stayed below a window that was drawn once")
        drawn.move()
        await asyncio.sleep(LOOK_SECONDS)
    drawn.cover()
    print("begun", flush=True)
    until, moves = monotonic() + FIGHT_SECONDS, monotonic()
    while monotonic() < until:
        drawn.cover()
        if monotonic() > moves:
            drawn.move()
            moves += LOOK_SECONDS
    drawn.uncover()
    until = monotonic() + BACK_SECONDS
    while monotonic() < until:
        drawn.move()
        await asyncio.sleep(LOOK_SECONDS)
    display.close()
    return f"once: the bar came above by itself; then fought for {FIGHT_SECONDS:.0f} s"


@asynccontextmanager
async def at_a_desktop(ground: Ground) -> AsyncGenerator[tuple[Desktop, Loot]]:
    """Run the whole agent on the device's machine, at a real desktop, while entered."""
    school = SmallSchool(now=now())
    home = await asyncio.to_thread(enrolled, school, ground.folder / "guard", HONEST)
    async with desktop(ground.folder) as desk:
        command = (sys.executable, "-m", "device_bridge.agent", "run", "--folder", str(home.root))
        process = await asyncio.create_subprocess_exec(
            *ground.device.command(*command, "--interface", DEVICE, "--display", desk.display),
            env={**desk.env},
            stdout=DEVNULL,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(COMES_SECONDS):
                while (status := await ask_status(home)) is None or not status.seat:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_SECONDS)
            teacher = school.identity("teacher", "teacher-1")
            yield desk, Loot(school, teacher, (DEVICE, status.port))
        finally:
            process.terminate()
            await process.communicate()
    join_waiters()


async def run(ground: Ground, name: str) -> str:
    begun = asyncio.Event()
    looks: list[tuple[float, int, bool]] = []
    async with at_a_desktop(ground) as (desk, target), wall(ground, target) as app:
        folder, told = Folder(ground.folder / "guard"), {"display": desk.display}
        async with asyncio.TaskGroup() as group:
            attack = group.create_task(
                ground.hostile(name, target, begun, on=ground.device, told=told)
            )
            await begun.wait()
            began = monotonic()
            while not attack.done():
                if status := await ask_status(folder):
                    looks.append((monotonic() - began, status.frames, status.indicator))
                await asyncio.sleep(LOOK_SECONDS)
    ends = FIGHT_SECONDS - 0.5
    fought = [frames for at, frames, _ in looks if PROOF_SECONDS + 1.0 < at < ends]
    if fought[-1] != fought[0]:
        raise Owed(f"{fought[-1] - fought[0]} pictures went out while the bar was covered")
    if looks[-1][1] <= fought[-1] or not looks[-1][2]:
        raise Owed(f"no picture or no bar came back: {looks[-1]}")
    changes = app.shown.of(HONEST)
    if not any((one.state, one.reason) == ("waiting", NO_INDICATOR) for one in changes):
        raise Owed(f"the teacher was not told: {changes}")
    covered = next(at for at, _, shown in looks if not shown)
    return (
        f"{attack.result()}: no proof after {covered:.1f} s and no picture from then; the tile "
        f"said '{NO_INDICATOR}'; after it {looks[-1][1] - fought[-1]} pictures came, the bar on top"
    )


ATTACK: Final = Attack(
    "a_drawn_over_bar",
    (13,),
    "draws a window over the bar of a real desktop, once and without a pause",
    hostile,
    run,
    every_time=False,
)
