"""Every place where bytes of a stranger become something of ours, and how each may refuse."""

import io
import os
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, cast, get_args

import httpx
import msgspec
from blake3 import blake3
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from joserfc.jwk import OKPKey
from PIL import Image
from zeroconf import ServiceInfo

from central_mdm.contract.fleet import CheckedIn
from central_mdm.contract.grants import GRANT_TYPE
from central_mdm.contract.identity import GrantIssued, Problem, SignedIn
from central_mdm.contract.journal import Outcome, Pushed
from central_mdm.contract.partage import ChunkRef, FileAnswer, Manifest
from central_mdm.contract.roster import Change, Changes, ClassRow, DeviceRow, PupilRow, Scopes
from central_mdm.contract.succession import STANDBY_TYPE, StandbyNamed
from central_mdm.identity.certificates import key_of_request
from central_mdm.platform.errors import Malformed as BadRequest
from classroom_app.cloud import answers
from classroom_app.cloud.errors import CloudError
from classroom_app.media.pixels import BadPicture, pixels
from device_bridge import server_clock
from device_bridge.discovery.records import SERVICE_TYPE, read_text, text_of
from device_bridge.discovery.sightings import NotAnAddress, typed
from device_bridge.materials import manifest
from device_bridge.materials.names import safe_name
from device_bridge.protocol import messages
from device_bridge.protocol.errors import Malformed, NotAllowed, NotPaired, Unsupported
from device_bridge.protocol.seat import CurtainAnswered, RaiseCurtain
from device_bridge.trust.accept import accept
from device_bridge.trust.grants import (
    read_assignment,
    read_deny_list,
    read_grant,
    read_mandate,
    sign,
)
from device_bridge.trust.identity import School, csr, new_key, thumbprint
from device_bridge.trust.leaving import read_receipt, read_release, sign_receipt
from device_bridge.trust.succession import Line, succeed
from tests.protocol_vectors import EXAMPLES
from tests.school import NOW, SmallSchool, mandate_for

NUMBER_MAX: Final = 2**64  # above what `Count` and our moments hold, far below 30 digits
PICTURE: Final = (320, 180)
SCHOOL: Final = SmallSchool()
TEACHER: Final = SCHOOL.identity("teacher", "teacher-1")
GRANT: Final = SCHOOL.grant(TEACHER)
MANDATE: Final = mandate_for(TEACHER)
DEVICE: Final = SCHOOL.identity("device", "dev-1")
RELEASE: Final = SCHOOL.release("dev-1", DEVICE)
STANDBY: Final = new_key()
LINE: Final = Line(SCHOOL.school, thumbprint(STANDBY.public_key()))


class Edge(NamedTuple):
    """`read` takes any bytes; it returns, or raises one of `refusals`. `examples` it accepts."""

    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    examples: tuple[bytes, ...]


def _holdable(told: object) -> None:
    """Hold what was read to numbers that every peer, clock and database can take."""
    match told:
        case int() | float():
            assert abs(told) <= NUMBER_MAX, f"a number of {len(str(told))} digits"
        case list() | tuple():
            for each in cast("Iterable[object]", told):
                _holdable(each)
        case msgspec.Struct():
            _holdable(msgspec.structs.astuple(told))
        case _:
            pass


def _spoken(decode: Callable[[bytes], Any], raw: bytes) -> None:
    """Read a message; what was understood can be said again and is understood the same."""
    told = decode(raw)
    _holdable(told)
    again = messages.encode(told)
    assert decode(again) == told, "not the same when it is said again"


def _messages(union: object, decode: Callable[[bytes], Any]) -> Edge:
    kinds = get_args(union)
    examples = [each for each in (*EXAMPLES, *_SEAT) if isinstance(each, kinds)]
    refusals = (Malformed, Unsupported)
    return Edge(partial(_spoken, decode), refusals, tuple(map(messages.encode, examples)))


_SEAT: Final = (RaiseCurtain(7, "Eyes up", "Ms Vidal", 600), CurtainAnswered(7, "held elsewhere"))


def _manifest() -> bytes:
    chunks = tuple(ChunkRef(size, blake3(bytes(size)).digest()) for size in (4096, 77, 77))
    return manifest.encode(Manifest(1, "fixed-4m", 4250, chunks))


def _announced(raw: bytes) -> None:
    """Read a TXT record as the mDNS library hands it over."""
    said = read_text(ServiceInfo(SERVICE_TYPE, f"x.{SERVICE_TYPE}", properties=raw).properties)
    assert said is None or (len(said.name) <= 64 and len(said.kind) <= 64)


def _txt(strings: Mapping[str, str]) -> bytes:
    lines = [f"{key}={value}".encode() for key, value in strings.items()]
    return b"".join(bytes([len(line)]) + line for line in lines)


def _answered(kind: type[Any], raw: bytes) -> None:
    _holdable(answers.read(raw, kind))


def _judged(raw: bytes) -> None:
    """Judge an answer whose status, header and body come from `raw`."""
    status, _, rest = raw.partition(b"\n")
    header, _, body = rest.partition(b"\n")
    text = header.decode("latin-1")
    number = int(status) if status.isdigit() and len(status) == 3 else 500
    headers = {b"content-type": b"application/json", b"retry-after": header}
    answers.judge(httpx.Response(number, headers=headers), body, NOW)
    server_clock.ahead_seconds(text, NOW)


def _granted(raw: bytes) -> None:
    _holdable(read_grant(raw.decode("latin-1"), SCHOOL.school))


def _mandated(raw: bytes) -> None:
    _holdable(read_mandate(raw.decode("latin-1"), TEACHER.key.public_key()))


def _signed_anyhow(raw: bytes) -> None:
    """Sign whatever `raw` says with the school's own key: the signature is no excuse."""
    header = {"alg": "Ed25519", "typ": GRANT_TYPE}
    token = jws.serialize_compact(header, raw, OKPKey(SCHOOL.key, SCHOOL.key), ["Ed25519"])
    _holdable(read_grant(token, SCHOOL.school))


def _assigned(raw: bytes) -> None:
    _holdable(read_assignment(raw.decode("latin-1"), SCHOOL.school, "dev-1"))


def _denied(raw: bytes) -> None:
    _holdable(read_deny_list(raw.decode("latin-1"), SCHOOL.school))


def _succeeded(raw: bytes) -> None:
    """Hear a new root, as a device hears it from anybody who reaches it."""
    assert LINE.after(raw.decode("latin-1")).epoch <= 1


def _named_standby(raw: bytes) -> None:
    Line(SCHOOL.school, "").named(raw.decode("latin-1"))


def _released(raw: bytes) -> None:
    read_release(raw.decode("latin-1"), SCHOOL.school, "dev-1", DEVICE)


def _receipt() -> bytes:
    release = read_release(RELEASE, SCHOOL.school, "dev-1", DEVICE)
    return msgspec.json.encode(sign_receipt(release, DEVICE, NOW))


def _received(raw: bytes) -> None:
    read_receipt(raw, SCHOOL.school)


def _succession() -> bytes:
    root = SmallSchool().school.root_pem.decode()
    return succeed(LINE, STANDBY, root, LINE.standby, NOW).encode()


def _standby_named() -> bytes:
    named = StandbyNamed(SCHOOL.id, 0, LINE.standby, NOW)
    return sign(named, STANDBY_TYPE, SCHOOL.key).encode()


def _shown(raw: bytes) -> None:
    """Judge whatever a peer shows in the handshake; nothing but the school's own is let in."""
    accept(raw, SCHOOL.school, NOW, "teacher")


def _pinned(raw: bytes) -> None:
    School.pin(SCHOOL.id, raw)


def _requested(raw: bytes) -> None:
    key_of_request(raw.decode("utf-8", "replace"))


def _named(raw: bytes) -> None:
    """Make a harmless name; it is one plain entry, and harmless as it stands."""
    name = safe_name(raw.decode("utf-8", "replace"))
    assert name == safe_name(name), "not harmless when it is said again"
    assert Path(name).name == name not in {"", ".", ".."}, "no plain entry"
    assert len(os.fsencode(name)) <= 255, "longer than a file system takes"


def _der() -> bytes:
    return TEACHER.certificate.public_bytes(Encoding.DER)


def _payload() -> bytes:
    return msgspec.json.encode(read_grant(GRANT, SCHOOL.school))


def _typed(raw: bytes) -> None:
    typed(raw.decode("utf-8", "replace"))


def _seen(raw: bytes) -> None:
    pixels(raw, PICTURE)


def _jpeg() -> bytes:
    painted, written = Image.new("RGB", (64, 48)), io.BytesIO()
    painted.frombytes(random.Random(1).randbytes(64 * 48 * 3))  # noqa: S311 - any picture
    painted.save(written, "JPEG")
    return written.getvalue()


_ANSWERS: Final[dict[type[Any], object]] = {
    SignedIn: SignedIn("t", 900, "r", "t-1", "Ms Vidal", "s-1", "Test school", "root"),
    GrantIssued: GrantIssued(GRANT, NOW),
    Scopes: Scopes(("class:5B",)),
    Changes: Changes(
        "class:5B",
        "epoch-1",
        (
            Change(5, "class", "5B", ClassRow("5B", "5e B")),
            Change(6, "pupil", "p-1", PupilRow("p-1", "5B", "Zoé", "Martin", "Zoé M.", 3)),
            Change(7, "device", "d-1", DeviceRow("d-1", "5B", "cart-7", "laptop", "p-1")),
            Change(8, "device", "d-2"),
        ),
        8,
        has_more=False,
    ),
    Pushed: Pushed((Outcome("e-1", "applied"), Outcome("e-2", "refused", "too old"))),
    FileAnswer: FileAnswer("f-1", "missing", ("00" * 32,)),
    CheckedIn: CheckedIn(600),
}
_BUSY: Final = b"503\nTue, 24 Nov 2026 08:00:00 GMT\n"
_REFUSED: Final = b"403\n120\n" + msgspec.json.encode(Problem("no-class", "not yours"))

EDGES: Final[dict[str, Edge]] = {
    "control-from-app": _messages(messages.ControlFromApp, messages.decode_control),
    "from-app": _messages(messages.FromApp, messages.decode_from_app),
    "from-device": _messages(messages.FromDevice, messages.decode_from_device),
    "pictures-from-app": _messages(messages.PictureFromApp, messages.decode_picture_from_app),
    "pictures-from-device": _messages(
        messages.PictureFromDevice, messages.decode_picture_from_device
    ),
    "bulk": _messages(messages.Bulk, messages.decode_bulk),
    "to-seat": _messages(messages.ToSeat, messages.decode_to_seat),
    "from-seat": _messages(messages.FromSeat, messages.decode_from_seat),
    "manifest": Edge(manifest.decode, (Malformed,), (_manifest(),)),
    "mdns-text": Edge(_announced, (), (_txt(text_of("dev-7", "laptop")),)),
    "typed-address": Edge(
        _typed,
        (NotAnAddress,),
        (b"10.0.0.4:7000", b"[fe80::1%eth0]:7000", b"pc-12.school.example"),
    ),
    "grant": Edge(_granted, (NotAllowed,), (GRANT.encode(),)),
    "grant-signed": Edge(_signed_anyhow, (NotAllowed,), (_payload(),)),
    "mandate": Edge(_mandated, (NotAllowed,), (MANDATE.encode(),)),
    "assignment": Edge(_assigned, (NotAllowed,), (SCHOOL.assignment("dev-1").encode(),)),
    "deny-list": Edge(_denied, (NotAllowed,), (SCHOOL.deny_list(1, TEACHER).encode(),)),
    "succession": Edge(_succeeded, (NotAllowed,), (_succession(),)),
    "standby": Edge(_named_standby, (NotAllowed,), (_standby_named(),)),
    "release": Edge(_released, (NotAllowed,), (RELEASE.encode(),)),
    "receipt": Edge(_received, (NotAllowed,), (_receipt(),)),
    "certificate": Edge(_shown, (NotPaired,), (_der(),)),
    "root": Edge(_pinned, (NotPaired,), (SCHOOL.school.root_pem,)),
    "csr": Edge(_requested, (BadRequest,), (csr(TEACHER.key, "dev-1").encode(),)),
    "file-name": Edge(_named, (), (b"Rapport final.odt", b"../../x", "\u202egpj.exe".encode())),
    "mdm-judged": Edge(_judged, (CloudError,), (_BUSY, _REFUSED, b"200\n\n{}")),
    "picture": Edge(_seen, (BadPicture,), (_jpeg(),)),
    **{
        f"mdm-{kind.__name__}": Edge(
            partial(_answered, kind), (CloudError,), (msgspec.json.encode(answer),)
        )
        for kind, answer in _ANSWERS.items()
    },
}
