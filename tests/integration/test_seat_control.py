"""A teacher's keys and pointer on a real desktop: exact text, let go at every end."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
from Xlib.display import Display

from device_bridge.protocol.control import (
    ButtonPressed,
    ControlAnswered,
    ControlEvent,
    ControlInput,
    ControlOrdered,
    KeyPressed,
    PointerMoved,
    TextTyped,
)
from device_bridge.protocol.seat import IndicatorAnswered, PupilActed, SeatUp, ShowIndicator
from tests.desktop import Desktop, desktop
from tests.guard_stand_in import GuardStandIn, guard, start_seat

pytestmark = pytest.mark.real_loop

BAR = ShowIndicator(
    1, on=True, teacher_name="Claire", until_seconds=1900, look="close", drives="Claire"
)
TEXTS = (
    "Voilà, ça marche: œuvre",
    "Größe, Übermut & ß \N{EN DASH} „Straße“: fünf Äpfel?",
    "🦉 жю",
)
PATIENCE_SECONDS = 15.0


class Driven:
    """A real seat whose guard is in the test's hands, and what the X server says."""

    def __init__(self, desk: Desktop, stand_in: GuardStandIn) -> None:
        self.desk, self.guard, self.version = desk, stand_in, 0
        self.x = Display(desk.display)

    async def drives(self) -> None:
        self.version += 1
        self.guard.tell(BAR)
        await self.guard.hears(IndicatorAnswered, lambda one: not one.reason)
        self.guard.tell(ControlOrdered(self.version, on=True, lease_seconds=30))
        assert await self.answer() == ControlAnswered(self.version, "on")

    def do(self, *events: ControlEvent) -> None:
        self.guard.tell(ControlInput(self.version, events))

    async def answer(self) -> ControlAnswered:
        return await self.guard.hears(ControlAnswered, lambda _: True)

    def held(self) -> bool:
        return any(self.x.query_keymap()) or bool(self.x.screen().root.query_pointer().mask & 0x700)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - another program's state
                await asyncio.sleep(0.01)


@pytest.fixture
async def driven(tmp_path: Path) -> AsyncGenerator[Driven]:
    async with desktop(tmp_path) as desk, guard(tmp_path) as stand_in:
        await start_seat(desk, tmp_path)
        await stand_in.hears(SeatUp, lambda _: True)
        made = Driven(desk, stand_in)
        try:
            yield made
        finally:
            made.x.close()


async def test_a_teacher_writes_exactly_on_three_layouts_and_presses_nothing_of_ours(
    driven: Driven,
) -> None:
    """One desktop for all: to open one takes longer than what is tried on it."""
    await driven.drives()
    await writes_exactly(driven)
    await presses_nothing_of_ours(driven)
    await is_taken_back(driven)
    # A guard that dies leaves no key down.
    driven.do(KeyPressed("a", down=True), ButtonPressed(1, down=True))
    await driven.until(driven.held)
    assert driven.guard.wire is not None
    await driven.guard.wire.close()
    await driven.until(lambda: not driven.held())


async def writes_exactly(driven: Driven) -> None:
    desk = driven.desk
    typed = desk.typed.read_text()
    for layout in ("us", "fr", "de"):
        assert (await desk.run("setxkbmap", layout))[0] == 0
        driven.do(TextTyped("".join(f"{text}\n" for text in TEXTS)))
        typed += "".join(f"{text}\n" for text in TEXTS)
        assert await desk.got(typed, PATIENCE_SECONDS), (layout, desk.typed.read_text())
    assert desk.typed.read_text() == typed
    # A key by its name with the modifiers that are held: Ctrl+U takes the line away.
    driven.do(TextTyped("gone"), KeyPressed("Control_L", down=True), KeyPressed("u", down=True))
    driven.do(KeyPressed("u", down=False), TextTyped("É!"), KeyPressed("Control_L", down=False))
    driven.do(KeyPressed("Return", down=True), KeyPressed("Return", down=False))
    assert await desk.got(f"{typed}É!\n", PATIENCE_SECONDS), desk.typed.read_text()


async def presses_nothing_of_ours(driven: Driven) -> None:
    """No teacher answers or takes back for a pupil."""
    driven.guard.heard.clear()
    left, top, right = await bar_of(driven.desk)
    for x in range(left + 20, right - 10, 30):  # all along the bar, its buttons too
        driven.do(PointerMoved(x, top + 28), ButtonPressed(1, down=True))
        driven.do(ButtonPressed(1, down=False))
    keys = ("Control_L", "Alt_L", "space")
    driven.do(*(KeyPressed(key, down=True) for key in keys))
    driven.do(*(KeyPressed(key, down=False) for key in reversed(keys)))
    driven.do(PointerMoved(200, 250), TextTyped("as ever\n"))
    assert await driven.desk.got("É!\nas ever\n", PATIENCE_SECONDS)
    said = [one for one in driven.guard.heard if isinstance(one, PupilActed | ControlAnswered)]
    assert said == []


async def is_taken_back(driven: Driven) -> None:
    """By the pupil's keys, whatever the teacher holds; and then nothing is held any more."""
    driven.do(KeyPressed("Shift_L", down=True), ButtonPressed(1, down=True))
    await driven.until(driven.held)
    await driven.desk.press("ctrl+alt+space")
    assert await driven.answer() == ControlAnswered(driven.version, "taken-back")
    assert not driven.held()
    driven.do(TextTyped("too late\n"))
    await driven.drives()
    driven.do(TextTyped("again\n"))
    assert await driven.desk.got("as ever\nagain\n", PATIENCE_SECONDS)


async def bar_of(desk: Desktop) -> tuple[int, int, int]:
    """Return left, top and right of the pupil's bar."""
    find = ("xdotool", "search", "--onlyvisible", "--name", "pupitre-bar")
    _, told = await desk.run(*find, "getwindowgeometry", "--shell")
    facts = dict(line.split("=") for line in told.split())
    left = int(facts["X"])
    return left, int(facts["Y"]), left + int(facts["WIDTH"])
