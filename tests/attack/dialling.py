"""How an attacker dials: as whoever it likes to be, and with whatever it likes to say first."""

import asyncio
from typing import Final, Protocol

import msgspec

from device_bridge.protocol.errors import DeviceError
from device_bridge.protocol.messages import FromDevice, decode_from_device, encode
from device_bridge.session.dial import judge_device
from device_bridge.session.wire import Lane, Path, dial_lane
from device_bridge.trust.identity import Identity, dialler_context
from tests.school import NOW, SmallSchool

ENDS: Final = (OSError, DeviceError, EOFError, TimeoutError, asyncio.IncompleteReadError)
"""How an attacker is cut off, refused or made to wait: so it should be."""

UPGRADE: Final = (
    b"GET /control HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class LetIn(AssertionError):
    """The attacker was given what it must not have."""


class Target(Protocol):
    """A device, and the school and teacher that it obeys."""

    @property
    def school(self) -> SmallSchool: ...
    @property
    def teacher(self) -> Identity: ...
    @property
    def address(self) -> tuple[str, int]: ...


async def dialled(target: Target, who: Identity | None = None, path: Path = "/control") -> Lane:
    school = target.school.school
    context = dialler_context(who or target.teacher, school)
    return await dial_lane(target.address, path, context, judge_device("dev-1", school, NOW))


async def own_network(*told: str) -> None:
    """Change the network of the machine that this process is on, by ip(8)."""
    process = await asyncio.create_subprocess_exec("ip", *told)
    assert await process.wait() == 0, told


async def answered(lane: Lane, *messages: msgspec.Struct) -> FromDevice:
    """Say something and return the first answer."""
    for message in messages:
        await lane.send(encode(message))
    return decode_from_device(await lane.receive())
