"""The capture loop: grabs only while the pupil is told so, and hands over one frame at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from device_bridge.agent.capabilities import Capture
from device_bridge.agent.seat.glance import Encoded, Glance, Nothing, Sight, Unchanged
from device_bridge.agent.seat.pacing import Pacing
from device_bridge.protocol.pictures import Frame, bytes_of
from device_bridge.protocol.seat import FrameTaken, FromSeat, Look, LookAnswered, StillShown

SOON_SECONDS: Final = 0.008
"""When a screen that is looked at closely is asked again, where the system says that nothing was
drawn: the answer costs nothing, and what is drawn next is seen while it is new."""
WAIT_SECONDS: Final = 0.1
"""The same, where the system wakes us: it may have spoken while it was asked for another thing."""
SETTLES_SECONDS: Final = 0.002
"""After that: programs draw in several steps, and some on another screen without end."""
STILL_SECONDS: Final = 1.0
"""How often an unchanged screen is confirmed: the guard's pulse goes out each 2 s."""


class Looking:
    """What the teacher looks at, what was sent of it, and whether the pupil is told.

    The next grab waits for the last frame to be taken: so what goes out is always the newest
    picture, and nothing queues.
    """

    def __init__(
        self, capture: Capture, workers: Executor, say: Callable[[FromSeat], None]
    ) -> None:
        self._capture = capture
        self._workers = workers
        self._say = say
        self._look: Look | None = None
        self._mapped = False
        self._changed = asyncio.Event()
        self._drawn = False  # on a screen whose drawing is awaited
        self._begin(Look(0, "none"))
        self._number = 0

    def look(self, look: Look | None) -> None:
        """Look so from now on; None stops as "none" does."""
        if look == self._look:
            return
        self._look = look
        self._begin(look or Look(0, "none"))
        self._changed.set()

    def indicator_is_mapped(self, *, mapped: bool) -> None:
        if self._mapped and not mapped:
            self._sight.forget()  # what is seen from now on may not go out
        self._mapped = mapped
        self._changed.set()

    def taken(self, told: FrameTaken) -> None:
        if told.number == self._in_flight:
            self._in_flight = None
            self._pacing.taken(asyncio.get_running_loop().time())
            self._changed.set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._changed.clear()
            look = self._look
            if not self._allowed(look) or self._in_flight is not None:
                await self._changed.wait()
                continue
            assert look is not None  # noqa: S101 - _allowed said so
            began = asyncio.get_running_loop().time()
            seen = await self._glance(look)
            if look.look == "close" and seen == Unchanged(told=True):
                await self._await_drawn()
            else:
                await self._pause(began + self._pacing.rest_seconds())

    def _allowed(self, look: Look | None) -> bool:
        return self._mapped and look is not None and look.look != "none"

    async def _glance(self, look: Look) -> Glance:
        loop, sight = asyncio.get_running_loop(), self._sight
        quality = self._pacing.quality
        seen = await loop.run_in_executor(self._workers, sight.glance, self._capture, quality)
        # Told to stop, or to look otherwise, while the worker was grabbing: it was never seen.
        if look is self._look and self._mapped:
            self._tell(look, seen)
        else:
            sight.forget()
        return seen

    async def _await_drawn(self) -> None:
        loop, told = asyncio.get_running_loop(), self._capture.descriptor()
        if told is None:
            await self._pause(loop.time() + SOON_SECONDS)
            return
        loop.add_reader(told, self._hear_drawn)
        try:
            await self._pause(loop.time() + WAIT_SECONDS)
        finally:
            loop.remove_reader(told)
        if self._drawn:
            self._drawn = False
            await self._pause(loop.time() + SETTLES_SECONDS)

    def _hear_drawn(self) -> None:
        self._drawn = True
        self._changed.set()

    def _tell(self, look: Look, seen: Glance) -> None:
        match seen:
            case Unchanged():
                self._still()
            case Nothing(state, reason):
                self._shown = None
                self._answer(LookAnswered(look.version, state, reason))
            case Encoded():
                self._answer(LookAnswered(look.version, "on"))
                self._send(look, seen)

    def _send(self, look: Look, picture: Encoded) -> None:
        now = asyncio.get_running_loop().time()
        base, self._number = self._number, self._number + 1
        self._in_flight = self._shown = self._number
        self._still_at = now
        self._pacing.sent(bytes_of(picture.patches), now)
        self._say(
            Frame(
                self._number,
                look.version,
                picture.width,
                picture.height,
                picture.screen_width,
                picture.screen_height,
                picture.patches,
                0 if picture.begins else base,
            )
        )

    def _still(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._shown is not None and now - self._still_at >= STILL_SECONDS:
            self._still_at = now
            self._say(StillShown(self._shown))

    def _answer(self, answer: LookAnswered) -> None:
        """Say it once: a screen that stays dark is no news."""
        if answer != self._answered:
            self._answered = answer
            self._say(answer)

    async def _pause(self, until: float) -> None:
        """Keep the pace; a new order and what was drawn are looked at now, a frame taken is not."""
        look, mapped = self._look, self._mapped
        try:
            async with asyncio.timeout_at(until):
                while look is self._look and mapped == self._mapped and not self._drawn:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass

    def _begin(self, look: Look) -> None:
        self._sight, self._pacing = Sight(look), Pacing(look)
        self._shown: int | None = None
        self._in_flight: int | None = None
        self._answered: LookAnswered | None = None
        self._still_at = 0.0
