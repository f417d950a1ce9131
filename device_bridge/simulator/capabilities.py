"""A pupil's desktop without a desktop: does what it is told, writes it down, may refuse.

These stand where a real seat has X11 and Qt (`device_bridge.agent.capabilities`); nothing else of
a simulated device is simulated.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, cast, get_args

import blake3
from msgspec import Meta, Struct

from device_bridge.agent.capabilities import Area, Capture, Picture, Unseen, Why, unseen
from device_bridge.protocol.control import ButtonPressed, ControlEvent, KeyPressed
from device_bridge.protocol.hello import Screen
from device_bridge.protocol.pictures import Frame, bytes_of
from device_bridge.protocol.seat import (
    HideScreen,
    PupilActed,
    RaiseCurtain,
    ShowIndicator,
    ShowScreen,
)

TOLD_MAX: Final = 200
"""How many notices and openings are remembered; a lesson has a few dozen."""

Capability = Literal["capture", "curtain", "indicator", "notify", "input", "open", "showing"]


class Refusal(Struct, frozen=True, forbid_unknown_fields=True):
    """What a capability says instead of obeying; an empty `reason` obeys again.

    `times`: so many orders, 0 for all from now on. An order that is told again is still the same
    one: a curtain is asked for its proof every few seconds.
    """

    capability: Capability
    reason: Annotated[str, Meta(max_length=200)]
    times: Annotated[int, Meta(ge=0)] = 0


class Willing:
    """One capability that does what it is told until it is told to refuse."""

    def __init__(self) -> None:
        self._refusal: Refusal | None = None
        self._refused: list[object] = []

    def refuse(self, refusal: Refusal) -> None:
        self._refusal, self._refused = refusal, []

    def why_not(self, order: object) -> str:
        """Return why `order` is refused, or ""."""
        told, refused = self._refusal, self._refused
        if told is None:
            return ""
        if order not in refused and told.times:
            if len(refused) == told.times:
                return ""
            refused.append(order)
        return told.reason


class OpenedFile(Struct, frozen=True):
    """A file as it lay on the disk when the pupil saw it open; `blake3` in hex."""

    name: str
    size: int
    blake3: str


class Notice(Struct, frozen=True):
    id: str
    text: str
    teacher_name: str


class SimulatedCapture(Willing):
    """Sees the screen that `shows` was given; refuses with a word of `Why`, or sees nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._screen: Capture | None = None
        self.grabs = 0

    def shows(self, screen: Capture) -> None:
        self._screen = screen

    def screens(self) -> tuple[Screen, ...]:
        return self._screen.screens() if self._screen else ()

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        return self._screen.changed(screen) if self._screen else None

    def descriptor(self) -> None:
        return None

    def grab(self, screen: int) -> Picture | Unseen:
        self.grabs += 1
        if why := self.why_not(self.grabs):
            return unseen(cast("Why", why) if why in get_args(Why) else "cannot-see")
        return self._screen.grab(screen) if self._screen else unseen("cannot-see")


class SimulatedCurtain(Willing):
    """Covers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: RaiseCurtain | None = None

    async def raise_(self, order: RaiseCurtain) -> str:
        if why := self.why_not(order.version):
            return why
        self.raised = order
        return ""

    async def drop(self) -> None:
        self.raised = None


class SimulatedIndicator(Willing):
    """The bar; its pupil acts through `act`."""

    def __init__(self) -> None:
        super().__init__()
        self._acted: Callable[[PupilActed], None] = _nobody
        self.shown: ShowIndicator | None = None

    async def show(self, order: ShowIndicator) -> str:
        if order.on and (why := self.why_not(order.version)):
            self.shown = None
            return why
        self.shown = order if order.on else None
        return ""

    def on_acted(self, acted: Callable[[PupilActed], None]) -> None:
        self._acted = acted

    def act(self, act: PupilActed) -> None:
        """Do as the pupil would on the bar."""
        self._acted(act)


class SimulatedNotify(Willing):
    def __init__(self) -> None:
        super().__init__()
        self.shown = deque[Notice](maxlen=TOLD_MAX)

    async def show(self, id_: str, text: str, teacher_name: str, *, answered: bool) -> str:
        del answered
        if why := self.why_not(id_):
            return why
        self.shown.append(Notice(id_, text, teacher_name))
        return ""

    def lesson(self, *, on: bool) -> None:
        """Nobody types an answer here."""


def _look_at(path: Path) -> OpenedFile:
    digest = blake3.blake3().update_mmap(path)
    return OpenedFile(path.name, path.stat().st_size, digest.hexdigest())


class SimulatedOpen(Willing):
    """Reads what it is to open, as a program would, and remembers its hash."""

    def __init__(self) -> None:
        super().__init__()
        self.files = deque[OpenedFile](maxlen=TOLD_MAX)
        self.pages = deque[str](maxlen=TOLD_MAX)

    async def file(self, path: str) -> str:
        if why := self.why_not(path):
            return why
        try:
            self.files.append(await asyncio.to_thread(_look_at, Path(path)))
        except OSError as error:
            return error.strerror or "not readable"
        return ""

    async def page(self, address: str) -> str:
        if why := self.why_not(address):
            return why
        self.pages.append(address)
        return ""


class SimulatedShowing(Willing):
    """Notes what it is shown; one that `decodes` lays each frame, as a real seat does."""

    def __init__(self) -> None:
        super().__init__()
        self._acted: Callable[[PupilActed], None] = _nobody
        self.order: ShowScreen | None = None
        self.frames = self.bytes = 0
        self.newest: Frame | None = None
        self.lost = self.late_seconds = 0
        self.decodes: Callable[[Frame], str] = lambda _: ""

    def show(self, order: ShowScreen) -> None:
        self.order, self.newest = order, None

    async def picture(self, frame: Frame) -> str:
        if why := self.why_not(frame.number) or await asyncio.to_thread(self.decodes, frame):
            return why
        self.frames, self.newest = self.frames + 1, frame
        self.bytes += bytes_of(frame.patches)
        return ""

    def late(self, seconds: int) -> None:
        self.late_seconds = seconds

    def hide(self, order: HideScreen) -> None:
        self.order = self.newest = None
        self.lost += order.why == "lost"

    def on_left(self, left: Callable[[PupilActed], None]) -> None:
        self._acted = left

    def leave(self) -> None:
        """Close the window as the pupil would."""
        self._acted(PupilActed("show-left"))


class SimulatedInput(Willing):
    """Writes down what a teacher did: `got`, and which keys and buttons are down now, `held`."""

    def __init__(self) -> None:
        super().__init__()
        self.got = deque[ControlEvent](maxlen=TOLD_MAX)
        self.held: set[str | int] = set()
        self.released = 0
        self.driven: int | None = None

    def begin(self, screen: int) -> str:
        if why := self.why_not(screen):
            return why
        self.driven = screen
        return ""

    def do(self, event: ControlEvent) -> str:
        self.got.append(event)
        match event:
            case KeyPressed(what, down) | ButtonPressed(what, down):
                (self.held.add if down else self.held.discard)(what)
            case _:
                pass
        return ""

    def release(self) -> str:
        self.released += 1
        if why := self.why_not(self.released):
            return why
        self.held.clear()
        self.driven = None
        return ""

    def tidy(self) -> None:
        """Nothing is borrowed here."""


class SimulatedSeat:
    """All capabilities of one simulated desktop."""

    def __init__(self, refusals: tuple[Refusal, ...] = ()) -> None:
        self.capture = SimulatedCapture()
        self.curtain = SimulatedCurtain()
        self.indicator = SimulatedIndicator()
        self.notify = SimulatedNotify()
        self.input = SimulatedInput()
        self.open = SimulatedOpen()
        self.showing = SimulatedShowing()
        for refusal in refusals:
            self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> None:
        """Let one capability refuse from now on, or no more."""
        capabilities: dict[Capability, Willing] = {
            "capture": self.capture,
            "curtain": self.curtain,
            "indicator": self.indicator,
            "notify": self.notify,
            "input": self.input,
            "open": self.open,
            "showing": self.showing,
        }
        capabilities[refusal.capability].refuse(refusal)


def _nobody(_: PupilActed) -> None:
    """Nobody listens to the bar yet."""
