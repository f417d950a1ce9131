"""The app's further lanes of a link: pictures in, documents both ways, a show out.

Each is dialled again while control lives, and ends with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from device_bridge.protocol.errors import DeviceError, Malformed, TryAgain
from device_bridge.protocol.hello import LaneHello, LaneWelcome, Refused
from device_bridge.protocol.messages import (
    decode_bulk,
    decode_picture_from_device,
    decode_showing_from_device,
    encode,
)
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.watching import Credit
from device_bridge.session.keeper import first_of, settle_cancels
from device_bridge.session.link import GREETING_SECONDS, error_of
from device_bridge.session.pace import Pace
from device_bridge.session.wire import Lane, Path, Wire

REDIAL_SECONDS: Final = 1.0
"""Between two dials at most, at least half of it: lanes cut together are not dialled in step."""
BULK_WAIT_SECONDS: Final = 5.0
UNDER_WAY: Final = 2
"""Frames that a device may have sent and the app has not worked off."""
FRAMES_A_SECOND: Final = 60
"""The fastest pace that can be declared: who sends more keeps neither to that nor to credit."""
log = logging.getLogger(__name__)
_DECODE: Final[dict[Path, Callable[[bytes], object]]] = {
    "/pictures": decode_picture_from_device,
    "/bulk": decode_bulk,
    "/showing": decode_showing_from_device,
}
DialLane = Callable[[Path], Awaitable[Lane]]


async def bind(lane: Lane, token: bytes) -> None:
    """Bind a fresh lane to its link. Raises NotAllowed, Malformed, OSError or TimeoutError."""
    decode = _DECODE[lane.path]
    async with asyncio.timeout(GREETING_SECONDS):
        await lane.send(encode(LaneHello(token)))
        match decode(await lane.receive()):
            case LaneWelcome():
                return
            case Refused() as refused:
                raise error_of(refused)
            case _:
                raise Malformed("out-of-order")


class Wanted:
    """Which lanes of a link are wanted; one task for all, for most of a class wants none.

    `over` tells whether the link has ended; see `Keeper` on why a cancellation alone will not do.
    """

    def __init__(self, over: Callable[[], bool]) -> None:
        self.over = over
        self._first = asyncio.Queue["KeptLane"]()

    def put(self, lane: "KeptLane") -> None:
        self._first.put_nowait(lane)

    async def keep(self) -> NoReturn:
        """Keep each lane up from when it is first wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                lane = await self._first.get()
                group.create_task(lane.run(), name=f"lane-{lane.path}")


class KeptLane:
    """One path of one link: dialled when first wanted, again when lost, while the link lives.

    `jitter`, drawn from 0.5 to 1.0, spreads the dials.
    """

    def __init__(
        self,
        path: Path,
        wanted: Wanted,
        dial: DialLane,
        token: bytes,
        use: Callable[[Lane], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self.path: Path = path
        self._wanted, self._is_wanted = wanted, False
        self._dial, self._token, self._use = dial, token, use
        self._jitter = jitter
        self._stands = asyncio.Event()
        self._lane: Lane | None = None

    def want(self) -> None:
        if not self._is_wanted:
            self._is_wanted = True
            self._wanted.put(self)

    async def wire(self) -> Wire:
        """Return the standing lane, waiting a little for it. Raises TryAgain."""
        self.want()
        try:
            async with asyncio.timeout(BULK_WAIT_SECONDS):
                while self._lane is None:
                    await self._stands.wait()
        except TimeoutError as error:
            raise TryAgain(REDIAL_SECONDS) from error
        return self._lane

    async def run(self) -> None:
        while not self._wanted.over():
            try:
                await self._once()
            except* (OSError, DeviceError) as lost:
                settle_cancels()
                log.info("lane lost", extra={"path": self.path, "why": repr(first_of(lost))})
            await asyncio.sleep(REDIAL_SECONDS * self._jitter())

    async def _once(self) -> None:
        lane = await self._dial(self.path)
        try:
            await bind(lane, self._token)
            self._lane = lane
            self._stands.set()
            await self._use(lane)
        finally:
            self._lane = None
            self._stands.clear()
            await lane.close()


async def receive_frames(lane: Wire, framed: Callable[[Frame], Awaitable[None]]) -> None:
    """Take one frame after the other; while `framed` works on one, the next may be on its way.

    Who sends without credit is read at the fastest pace that there is; the rest waits in TCP.
    """
    pace = Pace(UNDER_WAY, FRAMES_A_SECOND)
    await lane.send(encode(Credit(UNDER_WAY)))
    while True:
        # No turn of the loop where there is nothing to wait for: forty devices' cost a core 2 %.
        if (early := pace.seconds()) > 0:
            await asyncio.sleep(early)
        match decode_picture_from_device(await lane.receive()):
            case Frame() as frame:
                await framed(frame)
                await lane.send(encode(Credit(1)))
            case LaneWelcome() | Refused():
                raise Malformed("out-of-order")
