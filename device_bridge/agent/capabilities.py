"""What a device can do for a lesson, one Protocol a capability.

A real seat fills them with the files of `agent/platform` and `agent/seat`; the simulator replaces
exactly these. Each says by itself what it can prove; none raises for an expected refusal: it
returns the reason, empty when all is as asked.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from msgspec import Struct

from device_bridge.protocol.hello import Screen
from device_bridge.protocol.seat import PupilActed, RaiseCurtain, ShowIndicator


class Area(Struct, frozen=True):
    """A rectangle, in pixels of its screen."""

    x: int
    y: int
    width: int
    height: int


class Picture(Struct, frozen=True):
    """A screen's pixels, row by row, without padding. `layout`: "RGB" or "BGRX"."""

    width: int
    height: int
    layout: str
    pixels: bytes | bytearray | memoryview


class Unseen(Struct, frozen=True):
    """Why there is no picture. `reason` is a code, which the teacher's wall has words for."""

    state: Literal["dark", "failed"]
    reason: str


class Capture(Protocol):
    """Sees screens. Called on one worker thread at a time."""

    def screens(self) -> tuple[Screen, ...]: ...

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        """Return what was drawn on since the last call, as few areas.

        (): nothing was; None: it cannot be told, so compare. Never blocks.
        """
        ...

    def grab(self, screen: int) -> Picture | Unseen:
        """Return the screen's picture now, of the first one where it is gone."""
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
    """The teacher's words, shown."""

    async def show(self, id_: str, text: str, teacher_name: str) -> str: ...


class Open(Protocol):
    """Files and pages, opened as the pupil would."""

    async def file(self, path: str) -> str: ...

    async def page(self, address: str) -> str: ...


class Input(Protocol):
    """Keys and pointer on behalf of the teacher (issue 5); here only the name stands."""

    def release(self) -> str:
        """Let go of every key and button; return what is still held and why, or ""."""
        ...
