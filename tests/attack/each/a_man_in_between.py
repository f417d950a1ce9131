"""Take the device's place by ARP: answer for its address with a certificate of one's own."""

import asyncio
import random
import socket
import ssl
import struct
import subprocess
from contextlib import suppress
from time import monotonic
from typing import Final

from device_bridge.trust.identity import listener_context
from tests.attack.dialling import ENDS, LetIn, Target
from tests.attack.ground import TEACHER, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.taught import taught
from tests.attack.wall import HONEST
from tests.school import SmallSchool, now

SECONDS: Final = 8.0
BACK_SECONDS: Final = 18.0
ARP_SECONDS: Final = 0.2
CABLE: Final = "net0"
_REPLY: Final = struct.Struct("!6s6sH HHBBH 6s4s6s4s")


class Place:
    """Another's address as the attacker's own, while entered."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        _ip("address", "add", f"{self._address}/32", "dev", CABLE)

    def __exit__(self, *_: object) -> None:
        _ip("address", "delete", f"{self._address}/32", "dev", CABLE)


def _ip(*told: str) -> None:
    subprocess.run(["ip", *told], check=True)


def claims(end: socket.socket, address: str) -> bytes:
    """Make an ARP reply (RFC 826) that says to all: this address is here."""
    own: bytes = end.getsockname()[4]
    everybody, teacher = b"\xff" * 6, socket.inet_aton(TEACHER)
    head = (everybody, own, 0x0806, 1, 0x0800, 6, 4, 2)
    return _REPLY.pack(*head, own, socket.inet_aton(address), everybody, teacher)


async def hostile(target: Target, _: random.Random) -> str:
    """Listen where the device did; speak TLS to whoever comes, as another school would."""
    host, port = target.address
    other = SmallSchool(target.school.id, now=now())
    context = listener_context(other.identity("device", HONEST), other.school)
    context.verify_mode = ssl.CERT_NONE  # it would take anybody
    came: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(*ENDS):
            came.append(await reader.read(4096))
        writer.transport.abort()

    dialled = 0

    def greeted(*_: object) -> None:
        nonlocal dialled
        dialled += 1

    context.sni_callback = greeted
    with Place(host), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as end:
        end.bind((CABLE, 0))
        server = await asyncio.start_server(take, host, port, ssl=context)
        print("begun", flush=True)
        async with server:
            until = monotonic() + SECONDS
            while monotonic() < until:
                end.send(claims(end, host))
                await asyncio.sleep(ARP_SECONDS)
    if heard := [raw for raw in came if raw]:
        raise LetIn(f"it was spoken to: {heard[0][:80]!r}")
    if not dialled:
        raise LetIn("nobody dialled, so nothing was tried")
    return f"{dialled} dialled and hung up"


async def run(ground: Ground, name: str) -> str:
    async with taught(ground, moved=True) as (guard, app):
        seen = await ground.hostile(name, guard)
        await asyncio.to_thread(ground.teacher.forget_neighbours, "net0")
        await asyncio.sleep(BACK_SECONDS)
    states = [change.state for change in app.shown.of(HONEST)]
    if states[-1] in {"gone", "not-here"}:
        raise Owed(f"after it the device was not back: {states}")
    if not {"gone", "stale", "not-here"} & set(states):
        raise Owed(f"nobody's place was taken, so nothing was tried: {states}")
    return f"{seen}; the tile was {', '.join(dict.fromkeys(states))}"


ATTACK: Final = Attack(
    "a_man_in_between",
    (3,),
    "takes the device's address by ARP and answers with another certificate",
    hostile,
    run,
    every_time=False,
)
