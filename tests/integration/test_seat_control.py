"""A teacher's keys and pointer on a real desktop: exact text, let go at every end."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from Xlib import X
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
    WheelTurned,
)
from device_bridge.protocol.seat import IndicatorAnswered, PupilActed, ShowIndicator
from tests.desktop import Desktop
from tests.guard_stand_in import GuardStandIn

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

    async def drives(self, screen: int = 0) -> None:
        self.version += 1
        self.guard.tell(BAR)
        await self.guard.hears(IndicatorAnswered, lambda one: not one.reason)
        self.guard.tell(ControlOrdered(self.version, on=True, lease_seconds=60, screen=screen))
        assert await self.answer() == ControlAnswered(self.version, "on")

    def do(self, *events: ControlEvent) -> None:
        self.guard.tell(ControlInput(self.version, events))

    async def answer(self) -> ControlAnswered:
        return await self.guard.hears(ControlAnswered, lambda one: one.version == self.version)

    def held(self) -> bool:
        return any(self.x.query_keymap()) or bool(self.x.screen().root.query_pointer().mask & 0x700)

    def place_of(self, window: int) -> tuple[int, int]:
        """Return the left top corner of what a window has inside its frame."""
        asked = self.x.create_resource_object("window", window)
        spot = asked.translate_coords(self.x.screen().root, 0, 0)
        return -spot.x, -spot.y

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():  # noqa: ASYNC110 - another program's state
                await asyncio.sleep(0.01)


@pytest.fixture
def driven(desk: Desktop, held: GuardStandIn) -> Iterator[Driven]:
    made = Driven(desk, held)
    yield made
    made.x.close()


async def test_a_teacher_writes_exactly_on_three_layouts_and_presses_nothing_of_ours(
    driven: Driven,
) -> None:
    """One desktop for all: to open one takes longer than what is tried on it."""
    await driven.drives()
    await writes_exactly(driven)
    await presses_nothing_of_ours(driven)
    await is_taken_back(driven)
    await drags_and_turns_the_wheel(driven)
    await changes_windows(driven)
    await points_at_the_second_monitor(driven)
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
    # The second is on the space bar as well, where the layout has it there.
    assert (await driven.desk.run("setxkbmap", "fr", "oss"))[0] == 0
    for bar in ("space", "nobreakspace"):
        keys = ("Control_L", "Alt_L", bar)
        driven.do(*(KeyPressed(key, down=True) for key in keys))
        driven.do(*(KeyPressed(key, down=False) for key in reversed(keys)))
    driven.do(PointerMoved(200, 250), TextTyped("as ever\n"))
    assert await driven.desk.got("É!\nas ever\n", PATIENCE_SECONDS)
    said = [one for one in driven.guard.heard if isinstance(one, PupilActed | ControlAnswered)]
    assert said == []


async def is_taken_back(driven: Driven) -> None:
    """By the pupil's keys, whatever the teacher holds; and then nothing is held any more."""
    driven.do(KeyPressed("space", down=True), KeyPressed("BackSpace", down=True))
    driven.do(KeyPressed("BackSpace", down=False))
    driven.do(KeyPressed("Shift_L", down=True), ButtonPressed(1, down=True))
    await driven.until(driven.held)
    await driven.desk.press("ctrl+alt+space")
    assert await driven.answer() == ControlAnswered(driven.version, "taken-back")
    assert not driven.held()
    driven.do(TextTyped("too late\n"))
    await driven.drives()
    driven.do(TextTyped("again\n"))
    assert await driven.desk.got("as ever\nagain\n", PATIENCE_SECONDS)


async def drags_and_turns_the_wheel(driven: Driven) -> None:
    """On the window manager's own frame, and on a window that tells what it heard."""
    desk = driven.desk
    find = ("xdotool", "search", "--onlyvisible", "--class", "pupil-terminal")
    window = int((await desk.run(*find))[1].split()[-1])
    left, top = driven.place_of(window)
    title = left + 60, top - 10
    driven.do(PointerMoved(*title), ButtonPressed(1, down=True))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while driven.place_of(window) == (left, top):  # the window manager takes hold
            driven.do(PointerMoved(title[0] + 40, title[1]), PointerMoved(title[0] + 41, title[1]))
            await asyncio.sleep(0.02)
    driven.do(PointerMoved(title[0] + 120, title[1] + 90), ButtonPressed(1, down=False))
    await driven.until(lambda: driven.place_of(window) == (left + 120, top + 90))
    root = driven.x.screen().root
    hears = root.create_window(
        *(900, 500, 100, 100, 0, X.CopyFromParent),
        override_redirect=True,
        event_mask=X.ButtonPressMask,
    )
    hears.map()
    driven.x.sync()
    driven.do(PointerMoved(950, 550), WheelTurned(down=3), WheelTurned(across=-2, down=-1))
    heard: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(heard) < 6:
            events = [driven.x.next_event() for _ in range(driven.x.pending_events())]
            heard += [one.detail for one in events if one.type == X.ButtonPress]
            await asyncio.sleep(0.01)
    assert heard == [5, 5, 5, 6, 6, 4]
    hears.destroy()
    driven.x.sync()


async def changes_windows(driven: Driven) -> None:
    """Alt+Tab reaches the pupil's window manager."""
    desk = driven.desk
    other = desk.typed.with_name("other.txt")
    other.touch()
    await desk.start("xterm", "-class", "other", "-e", "sh", "-c", f"exec cat > '{other}'")
    find = ("xdotool", "search", "--onlyvisible", "--class", "other")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "here" not in other.read_text():
            if (await desk.run(*find, "windowactivate", "--sync"))[0] == 0:
                driven.do(TextTyped("here\n"))
                await asyncio.sleep(0.1)
    shown = (await desk.run(*find))[1].split()

    async def changed() -> bool:
        # As a hand does: who lets Alt go before the window manager heard of Tab changes nothing.
        driven.do(KeyPressed("Alt_L", down=True), KeyPressed("Tab", down=True))
        driven.do(KeyPressed("Tab", down=False))
        driven.x.sync()
        await desk.run(*find)
        driven.do(KeyPressed("Alt_L", down=False))
        for _ in range(100):  # pressed again too soon it would change back
            if (await desk.run("xdotool", "getwindowfocus"))[1].strip() not in {"", *shown}:
                return True
            await asyncio.sleep(0.02)
        return False

    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        while not await changed():
            pass
    driven.do(TextTyped("the first\n"))
    assert await desk.got("the first", PATIENCE_SECONDS), other.read_text()
    assert "first" not in other.read_text()


async def points_at_the_second_monitor(driven: Driven) -> None:
    desk = driven.desk
    for name, at, output in (("left", 0, "screen"), ("right", 683, "none")):
        area = f"683/180x768/190+{at}+0"
        assert (await desk.run("xrandr", "--setmonitor", name, area, output))[0] == 0
    await driven.drives(screen=1)
    driven.do(PointerMoved(100, 600))
    root = driven.x.screen().root

    def there() -> bool:
        pointer = root.query_pointer()
        return (pointer.root_x, pointer.root_y) == (783, 600)

    await driven.until(there)


async def bar_of(desk: Desktop) -> tuple[int, int, int]:
    """Return left, top and right of the pupil's bar."""
    find = ("xdotool", "search", "--onlyvisible", "--name", "pupitre-bar")
    _, told = await desk.run(*find, "getwindowgeometry", "--shell")
    facts = dict(line.split("=") for line in told.split())
    left = int(facts["X"])
    return left, int(facts["Y"]), left + int(facts["WIDTH"])
