"""What a device can do for a lesson, one Protocol a capability.

A real seat fills them with the files of `agent/platform` and `agent/seat`; the simulator replaces
exactly these. Each says by itself what it can prove; none raises for an expected refusal: it
returns the reason, empty when all is as asked.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol

from msgspec import Struct

from device_bridge.protocol.control import ControlEvent
from device_bridge.protocol.hello import Screen
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import (
    HideScreen,
    PupilActed,
    RaiseCurtain,
    ShowIndicator,
    ShowScreen,
)

AREAS_MAX: Final = 16
Pixels = bytes | bytearray | memoryview
Why = Literal[
    "screen-off",
    "screen-saver",
    "os-locked",
    "login-screen",
    "user-switched",
    "screen-gone",
    "cannot-see",
    "not-permitted",
]


class Area(Struct, frozen=True):
    """A rectangle in pixels: of the X screen, or of one monitor of it."""

    x: int
    y: int
    width: int
    height: int

    def meets(self, other: "Area") -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def holds(self, other: "Area") -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and self.x + self.width >= other.x + other.width
            and self.y + self.height >= other.y + other.height
        )


class Picture(Struct, frozen=True):
    """A screen's pixels, row by row, without padding.

    `pixels` may be the capture's own buffer: nobody writes into it, here or there.
    """

    width: int
    height: int
    layout: Literal["RGB", "BGRX"]
    pixels: Pixels


class Unseen(Struct, frozen=True):
    """Why there is no picture: "dark" where nobody could see one, "failed" where only we cannot."""

    state: Literal["dark", "failed"]
    reason: Why


def unseen(why: Why) -> Unseen:
    failed = why in {"screen-gone", "cannot-see", "not-permitted"}
    return Unseen("failed" if failed else "dark", why)


class Capture(Protocol):
    """Sees the screens, the primary one first. Called in one worker thread."""

    def screens(self) -> tuple[Screen, ...]: ...

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        """Say what was drawn on since the last call, in pixels of that screen, as few areas.

        None: it cannot be told, so compare. (): nothing. Never waits; ask before `grab`, so what
        is drawn in between is told the next time.
        """
        ...

    def grab(self, screen: int) -> Picture | Unseen: ...

    def descriptor(self) -> int | None:
        """Return a file's that can be read once something is drawn; None: ask again and again.

        Asked in the loop's own thread, between two calls of the worker's.
        """
        ...


class Curtain(Protocol):
    """Covers every screen and holds keyboard and pointer."""

    async def raise_(self, order: RaiseCurtain) -> str:
        """Cover, hold and check; return why not, or "". Called again, it checks again."""
        ...

    async def drop(self) -> None: ...


class Indicator(Protocol):
    """The bar that tells the pupil who sees what. `acted` hears what the pupil does on it."""

    async def show(self, order: ShowIndicator) -> str:
        """Map or unmap the bar; return why it is not as asked, or ""."""
        ...

    def on_acted(self, acted: Callable[[PupilActed], None]) -> None: ...


class Notify(Protocol):
    """The teacher's words, or the school's, shown."""

    async def show(self, id_: str, text: str, teacher_name: str, *, answered: bool) -> str:
        """Show them, with a line to answer on where that is `answered`; return why not, or ""."""
        ...

    def lesson(self, *, on: bool) -> None:
        """Hear whether a lesson is on: without one nobody reads an answer."""
        ...


class Showing(Protocol):
    """Another's screen on this one. No desktop is covered before there is a picture."""

    def show(self, order: ShowScreen) -> None:
        """Show what comes from now on so; what was shown before goes."""
        ...

    async def picture(self, frame: Frame) -> str:
        """Show what is new; return why it cannot be, or ""."""
        ...

    def late(self, seconds: int) -> None:
        """Say on the picture that none has come for so long; 0: say nothing any more."""
        ...

    def hide(self, order: HideScreen) -> None:
        """Give the desktop back at once."""
        ...

    def on_left(self, left: Callable[[PupilActed], None]) -> None: ...


class Open(Protocol):
    """Files and pages, opened as the pupil would."""

    async def file(self, path: str) -> str: ...

    async def page(self, address: str) -> str: ...


class Input(Protocol):
    """Keys and pointer on behalf of the teacher. Called in one worker thread of its own."""

    def begin(self, screen: int) -> str:
        """Make ready to drive monitor `screen`; return why not, or ""."""
        ...

    def do(self, event: ControlEvent) -> str:
        """Do one event; return why it was left out, or "".

        Nothing is pressed on our own windows: no teacher answers or takes back for a pupil.
        """
        ...

    def release(self) -> str:
        """Let go of every key and button; return what is still held and why, or ""."""
        ...

    def tidy(self) -> None:
        """Give back what typing has borrowed of the keyboard; call it when nothing is driven."""
        ...
