"""One try: a changed example at one edge, and what must hold whatever comes of it."""

import random
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from tests.fuzz.edges import EDGES
from tests.fuzz.mutate import mutated

End = Literal["accepted", "refused"]
CORPUS: Final = Path(__file__).parent / "corpus"
"""A folder an edge: inputs that reach what no example does, and `found-…` that once broke it."""
SHOWN: Final = 200
BYTES_A_BYTE: Final = 200
BYTES_ANYWAY: Final = 6 * 1024 * 1024
"""What reading may take at its peak, for each byte that came and besides: libraries that are
imported late, a regular expression compiled, the room for the largest of small files. A
claimed gigabyte is far above it."""


class Found(AssertionError):
    """An input that was neither read nor refused as it should be."""


class Counts(Struct):
    accepted: int = 0
    refused: int = 0

    @property
    def tried(self) -> int:
        return self.accepted + self.refused

    def note(self, end: End) -> None:
        if end == "accepted":
            self.accepted += 1
        else:
            self.refused += 1


@contextmanager
def memory_watched() -> Generator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def bytes_of(edge: str, seed: int, number: int) -> bytes:
    """Return the input of a try, always the same one."""
    chance = random.Random(f"{edge}-{seed}-{number}")  # noqa: S311 - to be repeated, not secret
    return mutated(chance, chance.choice(EDGES[edge].examples))


def tried(edge: str, seed: int, number: int) -> End:
    """Make one try, within `memory_watched`. Raises `Found`."""
    raw = bytes_of(edge, seed, number)
    end, fault = offered(edge, raw)
    if fault:
        head = raw[:SHOWN].hex() + ("…" if len(raw) > SHOWN else "")
        raise Found(f"{edge}, seed {seed}, try {number}: {fault}; {len(raw)} bytes: {head}")
    return end


def offered(edge: str, raw: bytes) -> tuple[End, str]:
    """Give bytes to an edge; return how it ended and what was wrong with that, or ""."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    end: End = "accepted"
    try:
        EDGES[edge].read(raw)
    except EDGES[edge].refusals:
        end = "refused"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return end, repr(error)[:SHOWN]
    took = tracemalloc.get_traced_memory()[1] - before
    bound = BYTES_ANYWAY + BYTES_A_BYTE * len(raw)
    return end, f"took {took} bytes of memory" if took > bound else ""
