"""The journal's chain: BLAKE3 over the hash before and the act, personal fields by salted hash."""

import secrets

import msgspec
from blake3 import blake3
from msgspec import Struct

from classroom_app.domain.acts import Act

SALT_BYTES = 16


class Entry(Struct, frozen=True):
    """One row of the journal and what stands apart from it."""

    sequence: int
    id: str
    lesson: str
    kind: str
    at: int
    body: bytes
    hash: bytes
    salt: bytes
    personal: bytes


def link_of(before: bytes, sequence: int, body: bytes, salt: bytes, personal: bytes) -> bytes:
    """Hash one entry onto the chain; without `personal` its salted hash alone would do."""
    apart = blake3(salt + personal).digest()
    return blake3(before + sequence.to_bytes(8, "big") + apart + body).digest()


def chained(act: Act, sequence: int, before: bytes) -> Entry:
    """Make the entry that follows the hash `before`."""
    fields = msgspec.to_builtins(act)
    apart = {name: fields.pop(name) for name in act.PERSONAL}
    body, personal = msgspec.json.encode(fields), msgspec.json.encode(apart)
    salt = secrets.token_bytes(SALT_BYTES)
    kind = str(act.__struct_config__.tag)
    linked = link_of(before, sequence, body, salt, personal)
    return Entry(sequence, act.id, act.lesson, kind, act.at, body, linked, salt, personal)
