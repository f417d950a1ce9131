"""What hostile clients do to a device's port, one function an attack.

Each returns when it is over and raises `LetIn` where the guard did what it must not. That the link
is cut, refused or slow is what is hoped for: such errors are the caller's to ignore.
"""

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.fields import CONTROL_BYTES_MAX
from device_bridge.protocol.hello import Hello, LaneHello, Refused, Welcome
from device_bridge.protocol.messages import encode
from device_bridge.trust.identity import dialler_context
from tests.attack.dialling import Target, answered, dialled
from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import mutated
from tests.school import SmallSchool, mandate_for
from tests.teaching import now

DAY: Final = 86_400
DRIPS: Final = 8
CROWD: Final = 40
UPGRADE: Final = (
    b"GET /control HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
Attack = Callable[[Target, random.Random], Awaitable[None]]


class LetIn(AssertionError):
    """The guard answered whom it must refuse."""


async def plain_bytes(target: Target, chance: random.Random) -> None:
    """Speak without TLS; no parser may see it."""
    reader, writer = await asyncio.open_connection(*target.address)
    try:
        writer.write(chance.choice((UPGRADE, chance.randbytes(5000), b"\x16\x03\x01\xff\xff" * 99)))
        writer.write_eof()
        if (await reader.read()).startswith(b"HTTP"):
            raise LetIn("plain bytes were answered")
    finally:
        writer.transport.abort()


async def slow_bytes(target: Target, chance: random.Random) -> None:
    """Begin a handshake and let it drip (slow loris); the place is given back by itself."""
    _, writer = await asyncio.open_connection(*target.address)
    try:
        for _ in range(DRIPS):
            writer.write(b"\x16\x03\x01\x02"[: chance.randrange(1, 4)])
            await writer.drain()
            await asyncio.sleep(chance.random())
    finally:
        writer.transport.abort()


async def a_crowd(target: Target, chance: random.Random) -> None:
    """Open many connections at once and say nothing."""
    async with asyncio.TaskGroup() as group:
        for _ in range(CROWD):
            group.create_task(_come_and_go(target, chance.random()))


async def _come_and_go(target: Target, seconds: float) -> None:
    with suppress(OSError):
        _, writer = await asyncio.open_connection(*target.address)
        try:
            await asyncio.sleep(seconds)
        finally:
            writer.transport.abort()


async def another_ca(target: Target, _: random.Random) -> None:
    stranger = SmallSchool().identity("teacher", "teacher-1")
    lane = await dialled(target, stranger)
    try:
        await answered(lane, Hello(1, 1, "x", ""))
    finally:
        await lane.close()
    raise LetIn("a certificate of another school was answered")


async def no_certificate(target: Target, _: random.Random) -> None:
    context = dialler_context(target.teacher, target.school.school)
    bare = type(context)(context.protocol)
    bare.check_hostname, bare.verify_mode = False, context.verify_mode
    bare.load_verify_locations(cadata=target.school.school.root_pem.decode())
    reader, writer = await asyncio.open_connection(*target.address, ssl=bare, server_hostname="x")
    try:
        writer.write(UPGRADE)
        if b" 101 " in await reader.read(4000):
            raise LetIn("nobody's certificate was asked")
    finally:
        writer.transport.abort()


async def bad_papers(target: Target, chance: random.Random) -> None:
    """Show a grant that ended, is forged, is another's, or none; lock nevertheless."""
    colleague = target.school.identity("teacher", "teacher-9")
    grant = chance.choice(
        (
            target.school.grant(target.teacher, issued_at=now() - 40 * DAY),
            SmallSchool().grant(target.teacher, issued_at=now()),
            target.school.grant(colleague, name="teacher-9", issued_at=now()),
            "a.b.c",
            "",
        )
    )
    mandate = mandate_for(target.teacher, issued_at=now())
    lane = await dialled(target)
    try:
        lock = LockDeclared(2**40, locked=True, lease_seconds=600)
        said = await answered(lane, Hello(1, 1, "x", grant, mandate), lock)
    finally:
        await lane.close()
    if not isinstance(said, Refused):
        raise LetIn(f"bad papers were answered by {type(said).__name__}")


async def false_first_words(target: Target, chance: random.Random) -> None:
    """Begin with what is no hello: a changed message, noise, or too much of it."""
    edge = EDGES["from-app"]
    lane = await dialled(target)
    try:
        noise = b"\x00" * chance.choice((CONTROL_BYTES_MAX + 1, 300_000))
        await lane.send(chance.choice((mutated(chance, chance.choice(edge.examples)), noise)))
        await lane.receive()
    finally:
        await lane.close()


async def a_gigabyte(target: Target, _: random.Random) -> None:
    """Claim a frame of a gigabyte and begin to send it."""
    context = dialler_context(target.teacher, target.school.school)
    reader, writer = await asyncio.open_connection(
        *target.address, ssl=context, server_hostname="x"
    )
    try:
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x82\xff" + struct.pack("!Q", 2**30) + b"mask" + bytes(100_000))
        await reader.read()
    finally:
        writer.transport.abort()


async def a_token_again(target: Target, chance: random.Random) -> None:
    """Join a lane by the token of a colleague's link that has ended, or by one made up."""
    name = f"teacher-{chance.randrange(20, 99)}"
    colleague = target.school.identity("teacher", name)
    control = await dialled(target, colleague)
    try:
        grant = target.school.grant(colleague, name=name, issued_at=now())
        said = await answered(control, Hello(1, 1, "x", grant))
    finally:
        await control.close()
    token = said.lane_token if isinstance(said, Welcome) else chance.randbytes(32)
    lane = await dialled(target, colleague, chance.choice(("/bulk", "/pictures")))
    try:
        said = await answered(lane, LaneHello(token))
    finally:
        await lane.close()
    if not isinstance(said, Refused):
        raise LetIn("a token of a link that is over was taken")


async def an_insider(target: Target, chance: random.Random) -> None:
    """Come with a good grant and no lesson, and send changed messages."""
    name = f"teacher-{chance.randrange(100, 199)}"
    colleague = target.school.identity("teacher", name)
    lane = await dialled(target, colleague)
    try:
        grant = target.school.grant(colleague, name=name, issued_at=now())
        await answered(lane, Hello(1, 1, "x", grant))
        for _ in range(5):
            await lane.send(encode(LockDeclared(2**40, locked=True, lease_seconds=600)))
            await lane.send(mutated(chance, chance.choice(EDGES["from-app"].examples)))
        await lane.receive()
    finally:
        await lane.close()


ATTACKS: Final[tuple[Attack, ...]] = (
    plain_bytes,
    slow_bytes,
    a_crowd,
    another_ca,
    no_certificate,
    bad_papers,
    false_first_words,
    a_gigabyte,
    a_token_again,
    an_insider,
)
