"""Who asks for what on `/bulk`: two machines without I/O.

A supplier answers in the order it was asked. So one row of what is `Due` tells for each answer
whose it is and whether it may come now; and `advance` walks one document through its chunks.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from device_bridge.materials.part import Lack
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.materials import ChunkPiece, ChunkWanted, ManifestSent, NotHeld

# Enough asked ahead that the supplier never waits a round trip, whatever the chunks' size.
WINDOW_BYTES: Final = 8 * 1024 * 1024
WINDOW_CHUNKS: Final = 16


class Due(Struct, frozen=True):
    """An answer that is to come: to whom, about which hash, and from which byte to which.

    `size` 0: a manifest, which comes in one message.
    """

    owner: int
    hash: bytes
    offset: int = 0
    size: int = 0


def arrived(due: Due, message: ManifestSent | ChunkPiece | NotHeld) -> Due | None:
    """Say what is due after `message`, the answer to `due`; None: nothing more of it.

    Raises `Malformed` for anything that was not asked for, or not now.
    """
    match message:
        case ManifestSent(document=document) if due.size == 0 and document == due.hash:
            return None
        case NotHeld(hash=hash_) if hash_ == due.hash:
            return None
        case ChunkPiece(chunk, offset, piece) if (chunk, offset) == (due.hash, due.offset):
            come = offset + len(piece)
            if piece and come <= due.size:
                return replace(due, offset=come) if come < due.size else None
        case _:
            pass
    raise Malformed("an answer to nothing")


class Judged(Struct, frozen=True):
    """The library has hashed a chunk that came to its end."""

    chunk: bytes
    whole: bool


class Begun(Struct, frozen=True):
    """The library has said what lacks."""

    lacks: tuple[Lack, ...]


class Verified(Struct, frozen=True):
    """Effect: one more chunk lies verified on the disk."""


class Done(Struct, frozen=True):
    """Effect: nothing lacks."""


class Spoiled(Struct, frozen=True):
    """Effect: a chunk came wrong twice."""

    chunk: bytes


class Refused(Struct, frozen=True):
    """Effect: the supplier has not got it."""

    hash: bytes


class Order(Struct, frozen=True):
    """One document on its way. `asked` holds what is in flight, the oldest first."""

    document: bytes
    lacks: tuple[Lack, ...] = ()
    next: int = 0
    asked: tuple[Lack, ...] = ()
    again: frozenset[bytes] = frozenset()


Event = Begun | Judged | NotHeld
Effect = ChunkWanted | Verified | Done | Spoiled | Refused


def advance(order: Order, event: Event) -> tuple[Order, list[Effect]]:
    """Take one event; return the next state and what to do, in order."""
    match event:
        case Begun(lacks):
            return _asking(replace(order, lacks=lacks), [])
        case Judged(chunk, whole=True) if _is_first(order, chunk):
            return _asking(replace(order, asked=order.asked[1:]), [Verified()])
        case Judged(chunk) if _is_first(order, chunk):
            if chunk in order.again:
                return order, [Spoiled(chunk)]
            # From its first byte: which of them are wrong, nobody knows.
            once_more = Lack(chunk, order.asked[0].size)
            asked = (*order.asked[1:], once_more)
            state = replace(order, asked=asked, again=order.again | {chunk})
            return state, [_ask(state, once_more)]
        case NotHeld(hash=hash_):
            return order, [Refused(hash_)]
        case Judged():
            return order, []  # an echo of the past


def _is_first(order: Order, chunk: bytes) -> bool:
    return bool(order.asked) and order.asked[0].chunk == chunk


def _asking(order: Order, effects: list[Effect]) -> tuple[Order, list[Effect]]:
    """Fill the window."""
    asked, following = list(order.asked), order.next
    flying = sum(lack.size - lack.have for lack in asked)
    while following < len(order.lacks) and len(asked) < WINDOW_CHUNKS and flying < WINDOW_BYTES:
        lack = order.lacks[following]
        asked.append(lack)
        flying += lack.size - lack.have
        following += 1
        effects.append(_ask(order, lack))
    if not asked:
        effects.append(Done())
    return replace(order, next=following, asked=tuple(asked)), effects


def _ask(order: Order, lack: Lack) -> ChunkWanted:
    return ChunkWanted(order.document, lack.chunk, lack.have)
