"""Bytes that are nearly right: an example changed in one place or a few, or cut, or blown up."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import msgspec

GROWTH_MAX: Final = 100_000
NUMBERS: Final = (0, -1, 1, 2**31, 2**32, 2**63 - 1, 2**64 - 1, -(2**63), 10**30, 1e308, 5e-324)
STRANGE: Final = (float("inf"), float("-inf"), float("nan"))
TEXTS: Final = ("", "\x00", "\u202e", "é" * 300, "a" * 5000, "../../x", "\ud7ff\U0010ffff", "{n}")
HEADS: Final = (  # of msgpack: lengths that nobody sends, and what is no type
    b"\xc1",
    b"\xdd\x7f\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xc9\xff\xff\xff\xff\x01",
    b"\xd6\xff\x00\x00\x00\x00",
)


def mutated(chance: random.Random, example: bytes) -> bytes:
    """Return `example` with something wrong in it; the same for the same `chance`."""
    outside, inside = (_bytes_changed, _cut, _repeated, _headed, _nested), (_inside,) * 8
    raw = example
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        raw = chance.choice((*outside, *inside))(chance, raw)[:GROWTH_MAX]
    return raw


def _bytes_changed(chance: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(min(len(changed), chance.choice((1, 1, 2, 8)))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] if chance.random() < 0.5 else raw[at:]


def _repeated(chance: random.Random, raw: bytes) -> bytes:
    start, end = sorted(chance.randrange(len(raw) + 1) for _ in range(2))
    return raw[:end] + raw[start:end] * chance.choice((1, 2, 500)) + raw[end:]


def _headed(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.choice(HEADS) + raw[at + chance.randrange(4) :]


def _nested(chance: random.Random, raw: bytes) -> bytes:
    at = chance.randrange(len(raw) + 1)
    deep = chance.choice((b"\x91", b"\x81\xa1x", b"[", b'{"x":')) * chance.choice((3, 2000, 30_000))
    return raw[:at] + deep + raw[at:]


def _inside(chance: random.Random, raw: bytes) -> bytes:
    """Change one value of what `raw` says; where it says nothing, change a byte."""
    for decode, encode in _CODECS:
        with suppress(ValueError, TypeError, RecursionError, OverflowError):
            told = decode(raw)
            if isinstance(told, dict | list):
                return encode(_told_otherwise(chance, told))
    return _bytes_changed(chance, raw)


def _to_json(told: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Write NaN and Infinity too, as a careless server does."""
    return json.dumps(told).encode()


_CODECS: Final[tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...]] = (
    (msgspec.msgpack.decode, msgspec.msgpack.encode),
    (msgspec.json.decode, _to_json),
)


def _told_otherwise(chance: random.Random, told: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(told, dict) and told and chance.random() < 0.85:
        return _one_key_other(chance, cast("dict[str, Any]", told))
    if isinstance(told, list) and told and chance.random() < 0.85:
        row = cast("list[Any]", told)
        at = chance.randrange(len(row))
        return [*row[:at], _told_otherwise(chance, row[at]), *row[at + 1 :]]
    return chance.choice(_OTHERS)


def _one_key_other(chance: random.Random, told: dict[str, Any]) -> dict[str, Any]:
    key = chance.choice(list(told))
    match chance.randrange(8):
        case 0:
            return {name: value for name, value in told.items() if name != key}
        case 1:
            return told | {"later": chance.choice(_OTHERS)}
        case _:
            return told | {key: _told_otherwise(chance, told[key])}


_MANY: Final[list[Any]] = [list[Any]()] * 500
_OTHERS: Final[tuple[Any, ...]] = (*NUMBERS, *STRANGE, *TEXTS, None, True, [], {}, _MANY, [0] * 9)
