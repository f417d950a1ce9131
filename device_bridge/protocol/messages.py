"""What goes over each lane: tagged structs in msgpack, told apart by their field `type`.

A feature's structs stand in its own file; here they are only listed. A new feature is one line.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import Meta, Struct

from device_bridge.protocol.asking import FromGuard, ToGuard
from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.carrying import Brought, BundleGiven
from device_bridge.protocol.control import ControlDeclared, ControlInput
from device_bridge.protocol.errands import ERRAND_BYTES_MAX, Errand, FromFolders
from device_bridge.protocol.errors import Malformed, Unsupported
from device_bridge.protocol.fields import BULK_BYTES_MAX, CONTROL_BYTES_MAX, PICTURE_BYTES_MAX
from device_bridge.protocol.hello import (
    Answer,
    Carried,
    CertificateCarried,
    Hello,
    LaneHello,
    LaneWelcome,
    MandateShown,
    NotUnderstood,
    Order,
    Pulse,
    Refused,
    Report,
    ScreensTold,
    Superseded,
    Welcome,
)
from device_bridge.protocol.journal import HeadAsked, HeadTold
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import (
    ChunkPiece,
    ChunkWanted,
    HandInAsked,
    HandInOffered,
    HandInTaken,
    ManifestSent,
    ManifestWanted,
    MaterialReport,
    MaterialsDeclared,
    NotHeld,
)
from device_bridge.protocol.pairing import FromPairing, ToPairing
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.presence import Company, LessonDeclared, SeatClaimed
from device_bridge.protocol.seat import FromSeat, ToSeat
from device_bridge.protocol.showing import ShowingDeclared, StillShowing
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid, PupilSaid
from device_bridge.protocol.watching import Credit, StillAsked, WatchingDeclared

Declaration = LessonDeclared | WatchingDeclared | LockDeclared | MaterialsDeclared | ShowingDeclared
"""What lasts: one a feature, the highest version holds."""
Command = MessageSaid | HandAnswered | PageOpened | HandInAsked | StillAsked
"""One-off acts: an id, a deadline, an `Answer`."""
FromApp = (
    Hello
    | Carried
    | CertificateCarried
    | Brought
    | MandateShown
    | Declaration
    | Command
    | HandInTaken
    | Heard
    | HeadAsked
    | ControlDeclared
    | ControlInput
    | NotUnderstood
)
ControlFromApp = Hello | Carried | Order
"""What goes over the wire: all but the greeting comes in an `Order`, as a `FromApp`."""
FromDevice = (
    Welcome
    | Refused
    | Report
    | MaterialReport
    | Superseded
    | ScreensTold
    | Company
    | Answer
    | HandInOffered
    | PupilSaid
    | SeatClaimed
    | Pulse
    | HeadTold
    | BundleGiven
    | NotUnderstood
)
PictureFromApp = LaneHello | Credit
PictureFromDevice = LaneWelcome | Refused | Frame
ShowingFromApp = LaneHello | Frame | StillShowing
ShowingFromDevice = LaneWelcome | Refused | Credit
Bulk = (
    LaneHello
    | LaneWelcome
    | Refused
    | ManifestWanted
    | ManifestSent
    | ChunkWanted
    | ChunkPiece
    | NotHeld
)


class _Envelope(Struct):
    type: Annotated[str, Meta(max_length=40)]


_envelope: Final = msgspec.msgpack.Decoder(_Envelope)


def _decoder(union: object, bytes_max: int) -> Callable[[bytes], Any]:
    """Make the `decode` of one lane and direction.

    It raises `Unsupported` for a message we do not know (answer it) and `Malformed` for all else
    (close). Unknown fields are skipped, so newer peers stay understood.
    """
    kinds: tuple[type[Struct], ...] = get_args(union)
    known = frozenset(str(kind.__struct_config__.tag) for kind in kinds)
    message: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(union)

    def decode(raw: bytes) -> object:
        if len(raw) > bytes_max:
            raise Malformed("too large")
        try:
            if (kind := _envelope.decode(raw).type) not in known:
                raise Unsupported(kind)
            return message.decode(raw)
        except (ValueError, RecursionError) as error:
            # msgspec lets UnicodeDecodeError and, on deep nesting, RecursionError through.
            raise Malformed(type(error).__name__) from error

    return decode


decode_control: Final[Callable[[bytes], ControlFromApp]] = _decoder(
    ControlFromApp, CONTROL_BYTES_MAX
)
decode_from_app: Final[Callable[[bytes], FromApp]] = _decoder(FromApp, CONTROL_BYTES_MAX)
decode_from_device: Final[Callable[[bytes], FromDevice]] = _decoder(FromDevice, CONTROL_BYTES_MAX)
decode_picture_from_app: Final[Callable[[bytes], PictureFromApp]] = _decoder(
    PictureFromApp, CONTROL_BYTES_MAX
)
decode_picture_from_device: Final[Callable[[bytes], PictureFromDevice]] = _decoder(
    PictureFromDevice, PICTURE_BYTES_MAX
)
decode_showing_from_app: Final[Callable[[bytes], ShowingFromApp]] = _decoder(
    ShowingFromApp, PICTURE_BYTES_MAX
)
decode_showing_from_device: Final[Callable[[bytes], ShowingFromDevice]] = _decoder(
    ShowingFromDevice, CONTROL_BYTES_MAX
)
decode_bulk: Final[Callable[[bytes], Bulk]] = _decoder(Bulk, BULK_BYTES_MAX)
decode_to_pairing: Final[Callable[[bytes], ToPairing]] = _decoder(ToPairing, CONTROL_BYTES_MAX)
decode_from_pairing: Final[Callable[[bytes], FromPairing]] = _decoder(
    FromPairing, CONTROL_BYTES_MAX
)
decode_to_seat: Final[Callable[[bytes], ToSeat]] = _decoder(ToSeat, PICTURE_BYTES_MAX)
decode_from_seat: Final[Callable[[bytes], FromSeat]] = _decoder(FromSeat, PICTURE_BYTES_MAX)
decode_errand: Final[Callable[[bytes], Errand]] = _decoder(Errand, ERRAND_BYTES_MAX)
decode_from_folders: Final[Callable[[bytes], FromFolders]] = _decoder(FromFolders, ERRAND_BYTES_MAX)
decode_to_guard: Final[Callable[[bytes], ToGuard]] = _decoder(ToGuard, CONTROL_BYTES_MAX)
decode_from_guard: Final[Callable[[bytes], FromGuard]] = _decoder(FromGuard, PICTURE_BYTES_MAX)

encode: Final[Callable[[Struct], bytes]] = msgspec.msgpack.Encoder().encode
