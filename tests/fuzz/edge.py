"""What an edge is, what holds of everything that was read at one, and the school all are of."""

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import ModuleType
from typing import Final, NamedTuple, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from tests.school import SmallSchool

NUMBER_MAX: Final = 2**64  # above what `Count` and our moments hold, far below 30 digits
SCHOOL: Final = SmallSchool()
TEACHER: Final = SCHOOL.identity("teacher", "teacher-1")
DEVICE: Final = SCHOOL.identity("device", "dev-1")


class Edge(NamedTuple):
    """`read` takes any bytes; it returns, or raises one of `refusals`. `examples` it accepts."""

    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    examples: tuple[bytes, ...]


def holdable(told: object) -> None:
    """Hold what was read to numbers that every peer, clock and database can take."""
    match told:
        case int() | float():
            assert abs(told) <= NUMBER_MAX, f"a number of {len(str(told))} digits"
        case list() | tuple():
            for each in cast("Iterable[object]", told):
                holdable(each)
        case msgspec.Struct():
            holdable(msgspec.structs.astuple(told))
        case _:
            pass


def signed(payload: bytes, typ: str, key: Ed25519PrivateKey) -> str:
    """Sign whatever `payload` says: a right signature is no excuse."""
    header = {"alg": "Ed25519", "typ": typ}
    return jws.serialize_compact(header, payload, OKPKey(key, key), ["Ed25519"])


@contextmanager
def swapped(module: ModuleType, name: str, value: object) -> Generator[None]:
    """Put `value` in the place of a module's own while entered."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
