"""The app's end of one link: greet, then carry messages until it ends. Used once."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, Final, NoReturn

from msgspec import Raw

from device_bridge.protocol import link
from device_bridge.protocol.errors import (
    DeviceError,
    Malformed,
    NotAllowed,
    NotPaired,
    TryAgain,
    Unsupported,
)
from device_bridge.protocol.fields import GONE_SECONDS
from device_bridge.protocol.hello import Carried, Hello, MandateShown, Order, Refused, Welcome
from device_bridge.protocol.messages import FromDevice, decode_from_device, encode
from device_bridge.session.outbox import Outbox
from device_bridge.session.wire import Wire, WireEnded
from device_bridge.trust.grants import mandate_id

GREETING_SECONDS: Final = 5.0
BUSY_SECONDS: Final = 5.0


class Session:
    """`outbox` may be filled before the link is up: it leaves after the welcome.

    `over`: the link has ended, whatever its further lanes are still busy with. A device that is
    silent for `gone_seconds` is gone; pulses come each 2 s.
    """

    def __init__(
        self,
        wire: Wire,
        device: str,
        heard: Callable[[FromDevice], None],
        gone_seconds: float = GONE_SECONDS,
    ) -> None:
        self._wire, self._heard, self._gone_seconds = wire, heard, gone_seconds
        self._end = link.AppEnd(device)
        self._welcome: Welcome | None = None
        self._heard_at = 0.0
        self.outbox = Outbox()
        self.over = False

    async def run(
        self,
        hello: Hello,
        up: Callable[[Welcome, asyncio.TaskGroup], None],
        carried: Carried | None = None,
    ) -> None:
        """Greet, then live until the link ends, which is always an exception.

        `up` may start further lanes in the group it is given: they end with the link. `carried`
        goes before the hello, which the device may honour only when it knows it.
        """
        try:
            welcome = await self._greet(hello, carried)
            async with asyncio.TaskGroup() as lanes:
                up(welcome, lanes)
                lanes.create_task(self._until_over(self._read()), name="session-read")
                lanes.create_task(self._until_over(self._mind_silence()), name="session-silence")
                write = self._write(welcome.nonce, mandate_id(hello.mandate))
                lanes.create_task(self._until_over(write), name="session-write")
        finally:
            await self._wire.close()

    async def _until_over(self, half: Coroutine[Any, Any, NoReturn]) -> None:
        try:
            await half
        finally:
            self.over = True

    async def _greet(self, hello: Hello, carried: Carried | None) -> Welcome:
        async with asyncio.timeout(GREETING_SECONDS):
            if carried:
                await self._wire.send(encode(carried))
            await self._wire.send(encode(hello))
            while self._welcome is None:
                self._take(await self._wire.receive())
        return self._welcome

    async def _read(self) -> NoReturn:
        loop = asyncio.get_running_loop()
        while True:
            raw = await self._wire.receive()
            self._heard_at = loop.time()
            self._take(raw)

    async def _mind_silence(self) -> NoReturn:
        # One sleep in a while instead of a time-out around each message, of which there are many.
        loop = asyncio.get_running_loop()
        left = self._gone_seconds
        while left > 0:
            await asyncio.sleep(left)
            left = self._heard_at + self._gone_seconds - loop.time()
        raise WireEnded("silent")

    async def _write(self, nonce: bytes, mandate: str) -> NoReturn:
        counted = count(1)
        while True:
            message = await self.outbox.take()
            if isinstance(message, MandateShown):
                mandate = mandate_id(message.mandate)
            order = Order(nonce, next(counted), mandate, Raw(encode(message)))
            await self._wire.send(encode(order))

    def _take(self, raw: bytes) -> None:
        try:
            event: link.AppEvent = link.DeviceSaid(decode_from_device(raw))
        except Unsupported as error:
            event = link.Strange(error.kind)
        except Malformed:
            event = link.Garbage()
        self._end, effects = link.advance_app(self._end, event, 0.0)
        for effect in effects:
            self._do(effect)

    def _do(self, effect: link.AppEffect) -> None:
        match effect:
            case link.Up(welcome):
                self._welcome = welcome
            case link.Hear(message):
                self._heard(message)
            case link.Send(message):
                self.outbox.put(message)
            case link.GiveUp(refused):
                raise error_of(refused)
            case link.Close(why):
                raise NotPaired(why) if why == "other-device" else Malformed(why)


def error_of(refused: Refused) -> DeviceError:
    """Turn a refusal into what the caller can do about it."""
    match refused.why:
        case "not-paired":
            return NotPaired(refused.reason)
        case "not-allowed":
            return NotAllowed(refused.kind, refused.reason)
        case "too-old" | "too-new":
            return Unsupported(refused.why)
        case "busy":
            return TryAgain(BUSY_SECONDS)
