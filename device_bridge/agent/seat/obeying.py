"""The seat's end of the device's own socket: find the guard, obey it, find the next. No Qt."""

import asyncio
import itertools
import logging
import os
from pathlib import Path
from typing import Final, NoReturn

from msgspec import MsgspecError, msgpack

from device_bridge.agent.local_socket import SEAT_SOCKET, LocalWire, connect
from device_bridge.agent.seat.core import SeatCore
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.seat import FromSeat, ToSeat

log = logging.getLogger(__name__)
AGAIN_SECONDS: Final = (0.1, 0.2, 0.5, 1.0)
"""A guard that starts anew is found within a second; the last pause is repeated."""


class Mouth:
    """Where the core's words go: to the guard, or nowhere while there is none."""

    def __init__(self) -> None:
        self.wire: LocalWire | None = None
        self._encode = msgpack.Encoder().encode

    def say(self, message: FromSeat) -> None:
        if self.wire is not None:
            self.wire.send(self._encode(message))


async def find_guard(folder: Path, core: SeatCore, mouth: Mouth, owner: int) -> NoReturn:
    """Reach the guard of `folder`, a process of user `owner`, again and again.

    Between two of them nobody looks.
    """
    pauses = itertools.chain(AGAIN_SECONDS, itertools.repeat(AGAIN_SECONDS[-1]))
    while True:
        wire: LocalWire | None = None
        try:
            wire = await connect(folder / SEAT_SOCKET)
            pauses = itertools.chain(AGAIN_SECONDS, itertools.repeat(AGAIN_SECONDS[-1]))
            await _obey(core, mouth, wire, owner)
        except (OSError, Malformed) as error:
            log.info("no guard", extra={"why": type(error).__name__})
        finally:
            mouth.wire = None
            if wire is not None:
                core.alone()
                await wire.close()
        await asyncio.sleep(next(pauses))


async def _obey(core: SeatCore, mouth: Mouth, wire: LocalWire, owner: int) -> None:
    """Take the guard's orders until it is gone. Raises `OSError` or `Malformed`."""
    if wire.peer_uid() not in {owner, os.getuid()}:
        raise Malformed("not our guard")
    decode = msgpack.Decoder[ToSeat](ToSeat).decode
    mouth.wire = wire
    await core.introduce()
    while True:
        try:
            core.told(decode(await wire.receive()))
        except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(type(error).__name__) from error
