"""Shout ten thousand names into mDNS, with doubles, endless labels and goodbyes among them."""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from typing import Final

from device_bridge.discovery.browse import ASK_SECONDS, ENTRIES_MAX
from tests.attack.dialling import Target
from tests.attack.ground import ATTACKER, Ground, Owed
from tests.attack.kinds import Attack
from tests.attack.taught import taught

NAMES: Final = 10_000
A_PACKET: Final = 24
PACKET_SECONDS: Final = 0.01
"""Some 140,000 records a minute: the case asks for 5,000."""
ASKED_SECONDS: Final = 2 * ASK_SECONDS
"""Then the app has asked again, and named whom it knows."""
TTL_SECONDS: Final = 4500
MDNS: Final = ("224.0.0.251", 5353)
_TYPE: Final = b"\x08_pupitre\x04_tcp\x05local\x00"


def record(label: bytes, ttl: int) -> bytes:
    """Make a pointer record of our service (RFC 1035, 3.2.1; the type's name by 4.1.4)."""
    here = b"\xc0\x0c"
    instance = bytes([len(label) & 0xFF]) + label + here
    return here + struct.pack("!HHIH", 12, 0x8001, ttl, len(instance)) + instance


def packet(records: list[bytes]) -> bytes:
    """Answer a question of our own: it carries the type's name, where records point at it."""
    head = struct.pack("!6H", 0, 0x8400, 1, len(records), 0, 0)
    return head + _TYPE + struct.pack("!HH", 12, 1) + b"".join(records)


def packets(chance: random.Random) -> Iterator[bytes]:
    names = [b"dev-%032x" % number for number in range(NAMES)]
    chance.shuffle(names)
    for at in range(0, NAMES, A_PACKET):
        some = names[at : at + A_PACKET]
        yield packet([record(name, TTL_SECONDS) for name in some])
        match at // A_PACKET % 8:
            case 1:
                yield packet([record(name, TTL_SECONDS) for name in some])
            case 3:
                yield packet([record(name, 0) for name in some[:8]])
            case 5:
                yield packet([record(chance.randbytes(255), TTL_SECONDS)])
            case 7:
                yield packet([record(chance.randbytes(63), 1) for _ in range(8)])
            case _:
                pass


async def hostile(target: Target, chance: random.Random) -> str:
    del target
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(ATTACKER))
        for one in packets(chance):
            end.sendto(one, MDNS)
            sent += 1
            await asyncio.sleep(PACKET_SECONDS)
    return f"{NAMES} names in {sent} packets"


async def run(ground: Ground, name: str) -> str:
    async with taught(ground) as (guard, app):
        await app.do("locks")
        seen = await ground.hostile(name, guard)
        await asyncio.sleep(ASKED_SECONDS)
    shown = app.shown
    if shown.names > ENTRIES_MAX or shown.names + shown.turned_away < 2 * A_PACKET:
        raise Owed(f"{shown.names} names have a place, {shown.turned_away} were turned away")
    return f"{seen}; {shown.names} have a place; Qt's longest turn {shown.turn_ms_max} ms"


ATTACK: Final = Attack(
    "mdns_flood",
    (6, 8),
    "shouts 10,000 names into mDNS, with doubles, 255-byte labels, lives of 0 and 1 s",
    hostile,
    run,
    every_time=False,
)
