"""The journal's chain: BLAKE3 over the hash before and the act, personal fields by salted hash.

    apart = BLAKE3(salt, personal fields)      32 zero bytes where an act has none
    hash  = BLAKE3(hash before, sequence in 8 bytes, apart, body)

All stand in the journal's row. Erasing a pupil drops salt and fields: `apart` stays, so the chain
is still complete, and from 16 lost random bytes nobody can try out names.
"""

import os
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from blake3 import blake3
from msgspec import Struct

from central_mdm.contract.chain import BEFORE_ALL, NOTHING_APART, link_bytes_of
from classroom_app.domain.acts import Act
from classroom_app.domain.lesson import LessonId

SALT_BYTES: Final = 16


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
    linked = blake3(link_bytes_of(before.hash, sequence, apart, body)).digest()
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
    """The chain's head and the ids of the lessons written to, in memory for the one writer.

    `read` finds them again after a start and after a rollback.
    """

    def __init__(self) -> None:
        self._head: Head | None = None
        self._ids: dict[LessonId, set[str]] = {}

    def head(self, read: Callable[[], Head]) -> Head:
        if self._head is None:
            self._head = read()
        return self._head

    def ids(self, lesson: LessonId, read: Callable[[], Iterable[str]]) -> set[str]:
        """Return the ids of a lesson's acts; empty: it has none."""
        if lesson not in self._ids:
            self._ids[lesson] = set(read())
        return self._ids[lesson]

    def grew(self, head: Head, act: Act) -> None:
        self._head = head
        self._ids[act.lesson].add(act.id)

    def forget(self) -> None:
        """Note that a transaction was undone, and maybe what it added to the chain."""
        self._head = None
        self._ids.clear()
