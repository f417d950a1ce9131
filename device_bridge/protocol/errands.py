"""What the guard has done in the pupil's own folders by the seat, where each is a user of its own.

On a local socket beside the seat's, never on the network: a message a packet, one errand at a
time. Bytes of a hand-out cross as a descriptor that may only be read; bytes of a hand-in as pieces,
for the guard takes no descriptor from a pupil.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from device_bridge.protocol.fields import Bytes, FileName, Hash, Words

ERRAND_PIECE_BYTES: Final = 64 * 1024
ERRAND_BYTES_MAX: Final = ERRAND_PIECE_BYTES + 8 * 1024
"""A packet fits into what a socket holds by itself (net.core.wmem_default)."""

Days = Annotated[int, Meta(ge=1)]


class LieAsked(Struct, frozen=True, tag="lie-asked"):
    """Does this document lie in `folder` of what was received? Answered by `Lies` or `Done`."""

    folder: FileName
    document: Hash
    name: FileName
    size: Bytes


class PlaceAsked(Struct, frozen=True, tag="place-asked"):
    """Copy the document behind the descriptor into `folder`; answered by `Lies`."""

    folder: FileName
    name: FileName


class TakeBackAsked(Struct, frozen=True, tag="take-back-asked"):
    """Remove the copy `name` where its hash is still so; answered by `Done`."""

    folder: FileName
    name: FileName
    hash: Hash


class HandInOpened(Struct, frozen=True, tag="hand-in-opened"):
    """Make a lesson's hand-in folder; answered by `Done`."""

    folder: FileName


class WorkAsked(Struct, frozen=True, tag="work-asked"):
    """Give what lies in a lesson's hand-in folder, within these quotas.

    Answered file by file by `Work`, its `WorkPiece`s and `WorkOver`; then by `Done`.
    """

    folder: FileName
    quota_files: Annotated[int, Meta(ge=0)]
    quota_bytes: Bytes


class CleanAsked(Struct, frozen=True, tag="clean-asked"):
    """Remove what past lessons left for so many days; `now` is UTC seconds. Answered by `Done`."""

    now: Annotated[float, Meta(ge=0, le=2**40)]
    received_days: Days
    hand_in_days: Days
    in_use: Annotated[tuple[str, ...], Meta(max_length=2)]


class FoldersHere(Struct, frozen=True, tag="folders-here"):
    """The seat's first word: where the pupil's folders lie. The guard only says it back."""

    received: Words
    hand_in: Words


class Lies(Struct, frozen=True, tag="lies"):
    """So the document lies with the pupil; `readable`: it is what its name says."""

    name: FileName
    hash: Hash
    readable: bool


class Done(Struct, frozen=True, tag="done"):
    """The errand is over; `so`: it was so, or was done. `left_out` counts files of a hand-in."""

    so: bool = True
    left_out: Bytes = 0


class CannotDo(Struct, frozen=True, tag="cannot-do"):
    """Not done, and why."""

    reason: Literal["disk-full", "unreadable"]
    needs: Bytes = 0
    has: Bytes = 0


class Work(Struct, frozen=True, tag="work"):
    """One file of a hand-in comes: at most `size` bytes."""

    name: FileName
    size: Bytes


class WorkPiece(Struct, frozen=True, tag="work-piece"):
    piece: Annotated[bytes, Meta(min_length=1, max_length=ERRAND_PIECE_BYTES)]


class WorkOver(Struct, frozen=True, tag="work-over"):
    """`whole` False: it could not be read to its end. `changing`: somebody writes to it."""

    whole: bool
    changing: bool = False


Errand = LieAsked | PlaceAsked | TakeBackAsked | HandInOpened | WorkAsked | CleanAsked
FromFolders = FoldersHere | Lies | Done | CannotDo | Work | WorkPiece | WorkOver
