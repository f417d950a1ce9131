"""The journal's chain: BLAKE3 over the hash before and the act, personal fields by salted hash.

    apart = BLAKE3(salt, personal fields)      32 zero bytes where an act has none
    hash  = BLAKE3(hash before, sequence in 8 bytes, apart, body)

`apart` is kept in the journal's row, salt and fields beside it. Erasing a pupil drops salt and
fields: the chain is still complete, and from 16 lost random bytes nobody can try out names.
"""

import os
from collections.abc import Callable
from typing import Final

import msgspec
from blake3 import blake3
from msgspec import Struct

from classroom_app.domain.acts import Act

SALT_BYTES: Final = 16
NOTHING_APART: Final = bytes(32)
BEFORE_ALL: Final = b""


class Head(Struct, frozen=True):
    """The newest entry: what the next one follows."""

    sequence: int = 0
    hash: bytes = BEFORE_ALL


class Entry(Struct, frozen=True):
    """An act as it is kept. `salt` and `personal` None: it names no pupil."""

    act: Act
    body: bytes
    apart: bytes
    salt: bytes | None
    personal: bytes | None


def apart_of(salt: bytes, personal: bytes) -> bytes:
    return blake3(salt + personal).digest()


def link_of(before: Head, apart: bytes, body: bytes) -> Head:
    """Hash one entry onto the chain."""
    sequence = before.sequence + 1
    linked = blake3(before.hash + sequence.to_bytes(8, "big") + apart + body).digest()
    return Head(sequence, linked)


def entry_of(act: Act) -> Entry:
    """Part an act into what the chain covers and what stands apart from it."""
    fields = msgspec.to_builtins(act)
    if not act.PERSONAL:
        return Entry(act, msgspec.json.encode(fields), NOTHING_APART, None, None)
    personal = msgspec.json.encode({name: fields.pop(name) for name in act.PERSONAL})
    salt = os.urandom(SALT_BYTES)
    return Entry(act, msgspec.json.encode(fields), apart_of(salt, personal), salt, personal)


class Newest:
    """The chain's head in memory, for the one writer; `read` finds it again after a rollback."""

    def __init__(self) -> None:
        self._head: Head | None = None

    def head(self, read: Callable[[], Head]) -> Head:
        if self._head is None:
            self._head = read()
        return self._head

    def grew(self, head: Head) -> None:
        self._head = head

    def forget(self) -> None:
        """Note that a transaction was undone, and maybe what it added to the chain."""
        self._head = None
