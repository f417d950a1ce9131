"""Ids of what happens in a class: UUIDs of version 7, which rise with time (RFC 9562, 5.7)."""

import secrets
import time
from uuid import UUID


def new_id() -> str:
    """Make an id that nobody else makes: 48 bits of the clock's milliseconds, 74 of chance.

    What is written together is so found together: the journal's index grows at its end, where
    ids of chance alone would touch a page of it for each act.
    """
    rest = secrets.randbits(80)
    number = (time.time_ns() // 1_000_000) << 80 | rest
    version = number & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=version & ~(0x3 << 62) | 0x2 << 62))
