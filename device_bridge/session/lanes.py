"""The app's further lanes of a link: pictures in, documents both ways, a show out.

Each is dialled again while control lives, and ends with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

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
from device_bridge.session.wire import Lane, Path, Wire

REDIAL_SECONDS: Final = 1.0
"""Between two dials at most, at least half of it: lanes cut together are not dialled in step."""
BULK_WAIT_SECONDS: Final = 5.0
UNDER_WAY: Final = 2
"""Frames that a device may have sent and the app has not worked off."""
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


class KeptLane:
    """One path of one link: dialled when first wanted, again when lost, while the link lives.

    `over` tells whether the link has ended; see `Keeper` on why a cancellation alone will not do.
    `jitter`, drawn from 0.5 to 1.0, spreads the dials.
    """

    def __init__(
        self,
        path: Path,
        dial: DialLane,
        token: bytes,
        use: Callable[[Lane], Awaitable[None]],
        over: Callable[[], bool],
        jitter: Callable[[], float],
    ) -> None:
        self._path: Path = path
        self._dial, self._token, self._use, self._over = dial, token, use, over
        self._jitter = jitter
        self._wanted = asyncio.Event()
        self._stands = asyncio.Event()
        self._lane: Lane | None = None

    def want(self) -> None:
        self._wanted.set()

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
        await self._wanted.wait()
        while not self._over():
            try:
                await self._once()
            except* (OSError, DeviceError) as lost:
                settle_cancels()
                log.info("lane lost", extra={"path": self._path, "why": repr(first_of(lost))})
            await asyncio.sleep(REDIAL_SECONDS * self._jitter())

    async def _once(self) -> None:
        lane = await self._dial(self._path)
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
    """Take one frame after the other; while `framed` works on one, the next may be on its way."""
    await lane.send(encode(Credit(UNDER_WAY)))
    while True:
        match decode_picture_from_device(await lane.receive()):
            case Frame() as frame:
                await framed(frame)
                await lane.send(encode(Credit(1)))
            case LaneWelcome() | Refused():
                raise Malformed("out-of-order")
