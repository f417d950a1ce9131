"""The protocol's messages as bytes, for somebody who writes another agent or app.

`python -m tests.protocol_vectors` writes `resources/protocol/messages.json`: one example of every
message on every lane, as JSON (bytes as base64) and as the msgpack this program sends, in hex.
"""

import json
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec import Raw, Struct, structs

from device_bridge.protocol.attention import LockDeclared
from device_bridge.protocol.carrying import Brought, BundleGiven
from device_bridge.protocol.control import (
    ButtonPressed,
    ControlDeclared,
    ControlInput,
    KeyPressed,
    PointerMoved,
    TextTyped,
    WheelTurned,
)
from device_bridge.protocol.hello import (
    Answer,
    Carried,
    CertificateCarried,
    Held,
    Hello,
    LaneHello,
    LaneWelcome,
    MandateShown,
    NotUnderstood,
    Order,
    Pulse,
    Refused,
    Report,
    Screen,
    ScreensTold,
    Superseded,
    Welcome,
)
from device_bridge.protocol.journal import HeadAsked, HeadTold
from device_bridge.protocol.launching import PageOpened
from device_bridge.protocol.materials import (
    ChunkPiece,
    ChunkWanted,
    Document,
    HandInAsked,
    HandInOffered,
    HandInTaken,
    ManifestSent,
    ManifestWanted,
    MaterialReport,
    MaterialsDeclared,
    NotHeld,
    OfferedFile,
)
from device_bridge.protocol.messages import (
    Bulk,
    ControlFromApp,
    FromApp,
    FromDevice,
    PictureFromApp,
    PictureFromDevice,
    ShowingFromApp,
    ShowingFromDevice,
    decode_from_app,
    encode,
)
from device_bridge.protocol.pairing import (
    FromPairing,
    PairAnswered,
    PairAsked,
    PairConfirmed,
    PairOffered,
    PairSealed,
    PairTurned,
    ToPairing,
)
from device_bridge.protocol.pictures import Frame, covering
from device_bridge.protocol.presence import Choice, Company, LessonDeclared, SeatClaimed
from device_bridge.protocol.showing import ShowingDeclared, StillShowing
from device_bridge.protocol.talking import HandAnswered, Heard, MessageSaid, PupilSaid
from device_bridge.protocol.watching import Credit, StillAsked, WatchingDeclared

FILE: Final = Path(__file__).resolve().parents[1] / "resources" / "protocol" / "messages.json"
_HASH: Final = bytes(range(32))
_OTHER: Final = bytes(range(32, 64))

EXAMPLES: Final[tuple[Struct, ...]] = (
    Hello(1, 1, "pupitre 0.1", "aaa.bbb.ccc", "ddd.eee.fff"),
    Welcome(
        1, "dev-01", "b0f1", "agent 0.1", "linux", _HASH, _HASH[:16], 3,
        (Held("attention", 7), Held("presence", 2)), (Screen(1920, 1080),), -3600,
    ),
    Carried("ggg.hhh.iii", ("jjj.kkk.lll",), "-----BEGIN CERTIFICATE-----", "mmm.nnn.ooo"),
    CertificateCarried("-----BEGIN CERTIFICATE-----\n"),
    Brought("aaa.bbb.ccc", "ddd.eee.fff", _HASH),
    Order(_HASH[:16], 1, "m-1", Raw(encode(MandateShown("aaa.bbb.ccc", "ddd.eee.fff")))),
    MandateShown("aaa.bbb.ccc", "ddd.eee.fff"),
    LessonDeclared(
        2, 600, "on", "lesson-1", "5B", "5e B", "Mme Vidal", 3300, "", "",
        (Choice("p-1", "Zoé"), Choice("p-2", "Nguyễn")),
    ),
    WatchingDeclared(3, 600, "close", 1920, 1080, 4.0, 1),
    LockDeclared(7, True, 600, "Écoutez, s'il vous plaît.", "Mme Vidal"),  # noqa: FBT003
    MaterialsDeclared(
        4, "lesson-1", (Document("h-1", _HASH, "Übung 3.pdf", 5_242_880),), withdrawn=("h-0",)
    ),
    MessageSaid("m-1", 30, "Page 12, please."),
    HandAnswered("a-1", 30),
    StillAsked("k-1", 30),
    PageOpened("p-1", 30, "https://example.org/atlas"),
    HandInAsked("t-1", 120, "lesson-1"),
    HandInTaken("t-1", (_HASH,)),
    Heard("w-1"),
    HeadAsked("aaa.bbb.ccc", b"\x30\x82", "lesson-1", 12),
    ControlDeclared(5, 30, True, 1),  # noqa: FBT003
    ControlInput(
        5,
        (
            PointerMoved(960, 540), ButtonPressed(1, True), ButtonPressed(1, False),  # noqa: FBT003
            WheelTurned(0, -3), KeyPressed("Control_L", True), TextTyped("œuvre"),  # noqa: FBT003
        ),
    ),
    NotUnderstood("hologram"),
    Refused("lock-declared", "not-allowed", "lesson-ended"),
    Report("attention", 7, "locked"),
    MaterialReport("h-1", 4, "arrived", 5_242_880, _OTHER),
    Superseded("attention", 8, "M. Okafor", 1800),
    ScreensTold((Screen(1920, 1080), Screen(1280, 1024))),
    Company(("M. Okafor",)),
    Answer("m-1", "done"),
    HandInOffered("t-1", (OfferedFile("essay.odt", 18_000, _HASH, True),), 1),  # noqa: FBT003
    PupilSaid("w-1", "words", "I am stuck at 3b"),
    SeatClaimed("s-1", "lesson-1", "p-2"),
    Pulse(41, True, 7, 850, 76, 0),  # noqa: FBT003
    HeadTold("aaa.bbb.ccc", b"\x30\x82"),
    BundleGiven(_HASH),
    LaneHello(_HASH),
    LaneWelcome(),
    Credit(1),
    ShowingDeclared(9, 600, True, "window", "Lina", 9, 1920, 1080),  # noqa: FBT003
    StillShowing(4),
    Frame(41, 3, 320, 180, 1920, 1080, covering(b"\xff\xd8\xff\xd9", 320, 180)),
    ManifestWanted(_HASH),
    ManifestSent(_HASH, b"\x84"),
    ChunkWanted(_HASH, _OTHER, 262_144),
    ChunkPiece(_OTHER, 262_144, b"piece"),
    NotHeld(_OTHER),
    PairOffered(bytes(16)),
    PairAsked(b"A" + bytes(32)),
    PairAnswered(b"B" + bytes(32)),
    PairConfirmed(_HASH),
    PairSealed(b"\x81", _HASH),
    PairTurned("wrong-code"),
)  # fmt: skip

LANES: Final[dict[str, object]] = {
    "control, from the app": ControlFromApp,
    "control, in an order": FromApp,
    "control, from the device": FromDevice,
    "pictures, from the app": PictureFromApp,
    "pictures, from the device": PictureFromDevice,
    "bulk, both ways": Bulk,
    "showing, from the app": ShowingFromApp,
    "showing, from the device": ShowingFromDevice,
    "pair, from the app": ToPairing,
    "pair, from the device": FromPairing,
}


def lanes_of(kind: type[Struct]) -> list[str]:
    return [name for name, union in LANES.items() if kind in get_args(union)]


def vectors() -> list[dict[str, Any]]:
    """Make the file's rows, in the order of `EXAMPLES`."""
    return [
        {
            "type": str(type(message).__struct_config__.tag),
            "lanes": lanes_of(type(message)),
            "json": as_json(message),
            "msgpack": encode(message).hex(),
        }
        for message in EXAMPLES
    ]


def as_json(message: Struct) -> dict[str, Any]:
    """Write an order with its message as JSON, too, which on the wire is msgpack in msgpack."""
    if isinstance(message, Order):
        inner = decode_from_app(bytes(message.message))
        order = msgspec.json.encode(structs.replace(message, message=Raw(b"null")))
        return msgspec.json.decode(order) | {"message": as_json(inner)}
    return msgspec.json.decode(msgspec.json.encode(message))


def written() -> str:
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
