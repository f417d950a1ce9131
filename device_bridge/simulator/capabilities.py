"""A pupil's desktop without a desktop: does what it is told, writes it down, may refuse.

These stand where a real seat has X11 and Qt (`device_bridge.agent.capabilities`); nothing else of
a simulated device is simulated.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, get_args

import blake3
from msgspec import Struct

from device_bridge.protocol.seat import PupilActed, RaiseCurtain, ShowIndicator

Fault = Literal["curtain-fails-first", "curtain-fails", "no-indicator", "no-notice", "no-open"]
FAULTS: Final[tuple[Fault, ...]] = get_args(Fault)
TOLD_MAX: Final = 200
"""How many notices and openings are remembered; a lesson has a few dozen."""


class OpenedFile(Struct, frozen=True):
    """A file as it lay on the disk when the pupil saw it open; `blake3` in hex."""

    name: str
    size: int
    blake3: str


class Notice(Struct, frozen=True):
    id: str
    text: str
    teacher_name: str


class SimulatedCurtain:
    """Covers at once. A faulty one refuses the first lock it is told, and covers at the next."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self._refused: int | None = None
        self.raised: RaiseCurtain | None = None

    async def raise_(self, order: RaiseCurtain) -> str:
        if self._fault == "curtain-fails" or self._fails_first(order.version):
            return "another program holds the keyboard"
        self.raised = order
        return ""

    def _fails_first(self, version: int) -> bool:
        if self._fault != "curtain-fails-first":
            return False
        if self._refused is None:
            self._refused = version
        return version == self._refused

    async def drop(self) -> None:
        self.raised = None


class SimulatedIndicator:
    """The bar; its pupil acts through `act`."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self._acted: Callable[[PupilActed], None] = _nobody
        self.shown: ShowIndicator | None = None

    async def show(self, order: ShowIndicator) -> str:
        if order.on and self._fault == "no-indicator":
            self.shown = None
            return "no place for the bar"
        self.shown = order if order.on else None
        return ""

    def on_acted(self, acted: Callable[[PupilActed], None]) -> None:
        self._acted = acted

    def act(self, act: PupilActed) -> None:
        """Do as the pupil would on the bar."""
        self._acted(act)


class SimulatedNotify:
    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self.shown = deque[Notice](maxlen=TOLD_MAX)

    async def show(self, id_: str, text: str, teacher_name: str) -> str:
        if self._fault == "no-notice":
            return "no desktop"
        self.shown.append(Notice(id_, text, teacher_name))
        return ""


def _look_at(path: Path) -> OpenedFile:
    digest = blake3.blake3().update_mmap(path)
    return OpenedFile(path.name, path.stat().st_size, digest.hexdigest())


class SimulatedOpen:
    """Reads what it is to open, as a program would, and remembers its hash."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self.files = deque[OpenedFile](maxlen=TOLD_MAX)
        self.pages = deque[str](maxlen=TOLD_MAX)

    async def file(self, path: str) -> str:
        if self._fault == "no-open":
            return "no program for this kind of file"
        try:
            self.files.append(await asyncio.to_thread(_look_at, Path(path)))
        except OSError as error:
            return error.strerror or "not readable"
        return ""

    async def page(self, address: str) -> str:
        if self._fault == "no-open":
            return "no browser"
        self.pages.append(address)
        return ""


class SimulatedInput:
    """Keys and pointer on behalf of the teacher: nothing is ever held."""

    def __init__(self) -> None:
        self.released = 0

    def release(self) -> None:
        self.released += 1


class SimulatedSeat:
    """All capabilities of one simulated desktop but its screen."""

    def __init__(self, fault: Fault | None = None) -> None:
        self.curtain = SimulatedCurtain(fault)
        self.indicator = SimulatedIndicator(fault)
        self.notify = SimulatedNotify(fault)
        self.open = SimulatedOpen(fault)
        self.input = SimulatedInput()


def _nobody(_: PupilActed) -> None:
    """Nobody listens to the bar yet."""
