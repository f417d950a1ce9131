"""Every place where bytes of a stranger become something of ours, and how each may refuse."""

import asyncio
import hmac
import io
import ipaddress
import os
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, cast, get_args

import httpx
import msgspec
from blake3 import blake3
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from PIL import Image
from zeroconf import ServiceInfo
from zeroconf._dns import DNSText
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing

from central_mdm.contract.carried import (
    ARRIVED_TYPE,
    SEALING_TYPE,
    Arrived,
    Sealing,
    down_info,
)
from central_mdm.contract.grants import (
    ASSIGNMENT_TYPE,
    GRANT_TYPE,
    MANDATE_SECONDS_MAX,
    MANDATE_TYPE,
)
from central_mdm.contract.partage import ChunkRef, Manifest
from central_mdm.contract.succession import STANDBY_TYPE, SUCCESSION_TYPE, StandbyNamed
from central_mdm.identity.sealing import seal
from classroom_app.cloud import client
from classroom_app.cloud.errors import CloudError
from device_bridge.agent.guard import mdm
from device_bridge.agent.guard.central import refusal
from device_bridge.agent.guard.networks import Place, fits
from device_bridge.agent.local_socket import LocalWire
from device_bridge.discovery import wifi
from device_bridge.discovery.records import SERVICE_TYPE, read_text, text_of
from device_bridge.discovery.sightings import ADDRESSES_MAX, NotAnAddress, dialable, typed
from device_bridge.materials import manifest
from device_bridge.materials.names import safe_name
from device_bridge.pictures.canvas import BadPicture, Canvas, OutOfStep, single
from device_bridge.protocol import errands, messages
from device_bridge.protocol.asking import JoinAsked, JoinTold, Seen, SeenAsked, SeenTold
from device_bridge.protocol.errors import (
    Broken,
    Malformed,
    NotAllowed,
    NotPaired,
    TryAgain,
    Unsupported,
)
from device_bridge.protocol.pairing import (
    Bound,
    PairGiven,
    PairKept,
    PairRequested,
    PairSealed,
    Run,
    keys_of,
    unsealed,
)
from device_bridge.protocol.pictures import Frame, Patch, covering
from device_bridge.protocol.seat import CurtainAnswered, RaiseCurtain
from device_bridge.trust.accept import accept
from device_bridge.trust.authority import key_of_request
from device_bridge.trust.grants import (
    read_assignment,
    read_deny_list,
    read_grant,
    read_mandate,
    sign,
)
from device_bridge.trust.identity import School, csr, new_key, thumbprint
from device_bridge.trust.leaving import read_receipt, read_release, sign_receipt
from device_bridge.trust.mandates import Mandates
from device_bridge.trust.pairing import Pake, Secret, stranger
from device_bridge.trust.sealing import box_key, read_arrived, read_sealing, unseal_wanted
from device_bridge.trust.succession import Line, succeed
from tests.fuzz.edge import DEVICE, SCHOOL, TEACHER, Edge, holdable, signed, swapped
from tests.fuzz.files import FILES
from tests.fuzz.servers import SERVERS
from tests.protocol_vectors import EXAMPLES
from tests.school import NOW, SmallSchool, mandate_for

PICTURE: Final = (320, 180)
GRANT: Final = SCHOOL.grant(TEACHER)
MANDATE: Final = mandate_for(TEACHER)
ASSIGNMENT: Final = SCHOOL.assignment(
    "dev-1", networks=("10.0.0.0/16", "fd00::/48"), gateways=("02:00:00:00:00:01",)
)
RELEASE: Final = SCHOOL.release("dev-1", DEVICE)
STANDBY: Final = new_key()
LINE: Final = Line(SCHOOL.school, thumbprint(STANDBY.public_key()))


def _spoken(decode: Callable[[bytes], Any], raw: bytes) -> None:
    """Read a message; what was understood can be said again and is understood the same."""
    told = decode(raw)
    holdable(told)
    again = messages.encode(told)
    assert decode(again) == told, "not the same when it is said again"


BOUND: Final = Bound("a" * 64, "d" * 64)
REQUESTED: Final = PairRequested("csr", "Lina's", "linux")
GIVEN: Final = PairGiven("school-1", "Collège", "d-1", "cert", "root", "", "jws")


def payload_of(token: str) -> bytes:
    return jws.extract_compact(token.encode()).payload


def _messages(union: object, decode: Callable[[bytes], Any]) -> Edge:
    kinds = get_args(union)
    examples = [each for each in (*EXAMPLES, *_LOCAL) if isinstance(each, kinds)]
    refusals = (Malformed, Unsupported)
    return Edge(partial(_spoken, decode), refusals, tuple(map(messages.encode, examples)))


_LOCAL: Final = (
    RaiseCurtain(7, "Eyes up", "Ms Vidal", 600),
    CurtainAnswered(7, "held elsewhere"),
    SeenAsked(),
    JoinAsked(really=True),
    SeenTold((Seen(NOW, NOW + 60, "seen-close", "Ms Vidal", "lesson-1", "5B"),)),
    JoinTold(("10.0.7.0/24",)),
    errands.LieAsked("5B lesson-1", bytes(32), "plan.pdf", 77),
    errands.WorkAsked("5B lesson-1", 50, 200_000_000),
    errands.CleanAsked(float(NOW), 30, 30, ("5B lesson-1",)),
    errands.Lies("plan.pdf", bytes(32), readable=True),
    errands.Work("essay.odt", 5),
    errands.WorkPiece(b"bytes"),
    errands.CannotDo("disk-full", 77, 5),
)


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


def _granted(raw: bytes) -> None:
    holdable(read_grant(raw.decode("latin-1"), SCHOOL.school))


def _mandated(raw: bytes) -> None:
    holdable(read_mandate(raw.decode("latin-1"), TEACHER.key.public_key()))


def _grant_signed(raw: bytes) -> None:
    """Sign whatever `raw` says with the school's own key: the signature is no excuse."""
    holdable(read_grant(signed(raw, GRANT_TYPE, SCHOOL.key), SCHOOL.school))


def _sealing_signed(raw: bytes) -> None:
    holdable(read_sealing(signed(raw, SEALING_TYPE, SCHOOL.key), SCHOOL.school))


def _arrived_signed(raw: bytes) -> None:
    holdable(read_arrived(signed(raw, ARRIVED_TYPE, SCHOOL.key), SCHOOL.school, "dev-1"))


def _wanted_sealed() -> bytes:
    box = box_key(DEVICE.key).public_key().public_bytes_raw().hex()
    return seal(b"aaa.bbb.ccc", box, down_info(SCHOOL.id, "dev-1")) or b""


def _wanted_unsealed(raw: bytes) -> None:
    """Open whatever somebody says was sealed for this device."""
    unseal_wanted(raw, DEVICE.key, SCHOOL.school, "dev-1")


def _mandate_signed(raw: bytes) -> None:
    """Sign whatever `raw` says as a teacher with an app of their own making would."""
    told = read_mandate(signed(raw, MANDATE_TYPE, TEACHER.key), TEACHER.key.public_key())
    holdable(told)
    assert Mandates(lambda: 5.0).see(told).ends_at <= 5 + MANDATE_SECONDS_MAX


def _assignment_signed(raw: bytes) -> None:
    """Sign whatever the school may have ruled, and ask on which networks that is."""
    token = signed(raw, ASSIGNMENT_TYPE, SCHOOL.key)
    told = read_assignment(token, SCHOOL.school, "dev-1")
    holdable(told)
    for network in ("10.0.0.0/24", "fd00::/64"):
        fits(Place("eth0", network, "02:00:00:00:00:01"), told)


def _succession_signed(raw: bytes) -> None:
    """Sign whatever `raw` says as the pinned standby; only a whole root takes its place."""
    after = LINE.after(signed(raw, SUCCESSION_TYPE, STANDBY))
    assert after.school.id == SCHOOL.id


def _pair_inside(raw: bytes) -> None:
    """Seal whatever `raw` says as the app that proved the code would."""
    run = Run("device", BOUND, b"B", keys=keys_of(b"k" * 32, b"transcript"))
    mac = hmac.digest(run.keys.seals["app"], raw, "sha256")
    holdable(unsealed(run, PairSealed(raw, mac)))


def _shared(raw: bytes) -> None:
    Pake("device", b"K7M2QX", BOUND).agree(raw)


def _requested(raw: bytes) -> None:
    key_of_request(raw.decode("utf-8", "replace"))


def _secret(raw: bytes) -> None:
    """Read what was scanned or pasted; what was understood can be written down again."""
    told = Secret.read(raw.decode("utf-8", "replace"))
    assert Secret.read(told.text()) == told


def _framed(raw: bytes) -> None:
    """Read what a pupil's process says at the guard's local socket."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        reader.feed_eof()
        # Only its reading end is asked.
        wire = LocalWire(reader, cast("asyncio.StreamWriter", None))
        with suppress(ConnectionResetError):
            while True:
                messages.decode_from_seat(await wire.receive())

    loop = asyncio.new_event_loop()  # unlike `asyncio.run`, it leaves the test's own alone
    try:
        loop.run_until_complete(read())
    finally:
        loop.close()


def _frames() -> bytes:
    said = [messages.encode(one) for one in (CurtainAnswered(7, ""), CurtainAnswered(8, "no"))]
    return b"".join(len(one).to_bytes(4, "big") + one for one in said)


def _dialled(raw: bytes) -> None:
    """Keep of a record's addresses what may be dialled: none of them leads to ourselves."""
    four = [raw[at : at + 4] for at in range(0, len(raw) - 3, 4)][:20]
    six = [raw[at : at + 16] for at in range(0, len(raw) - 15, 16)][:20]
    info = ServiceInfo(SERVICE_TYPE, f"x.{SERVICE_TYPE}", port=7000, addresses=[*four, *six])
    found = dialable(info.parsed_scoped_addresses(), info.port, loopback=False)
    assert len(found) <= ADDRESSES_MAX
    assert not any(ipaddress.ip_address(host).is_loopback for host, _ in found)


def _packet(raw: bytes) -> None:
    """Hear a whole packet of anybody on the network, as far as our records are in it."""
    heard = DNSIncoming(raw)
    for record in heard.answers() if heard.valid else ():
        if isinstance(record, DNSText):
            _announced(record.text)


def _packed() -> bytes:
    out = DNSOutgoing(0x8400)
    text = _txt(text_of("dev-7", "laptop"))
    out.add_answer_at_time(DNSText(f"x.{SERVICE_TYPE}", 16, 0x8001, 4500, text), 0)
    return out.packets()[0]


def _wifi(raw: bytes) -> None:
    """Read what a program of the system says of a Wi-Fi that anybody may have named."""

    def said(*_: str) -> bytes:
        return raw

    with swapped(wifi, "_ask", said):
        for name in wifi.names_of(("wlan0",)).values():
            assert len(name) <= 32
            assert name.isprintable() or not any(ord(letter) < 32 for letter in name)


def _server(raw: bytes) -> None:
    """Take an address as typed, or as imaging has placed it, on both sides."""
    text = raw.decode("utf-8", "replace")
    client._base(text)  # pyright: ignore[reportPrivateUsage] - before there is a client
    mdm._check_address(text.strip())  # pyright: ignore[reportPrivateUsage] - as above


def _device_refused(raw: bytes) -> None:
    """Judge a refusal as a device does; its status and its header come from `raw` as well."""
    status, _, rest = raw.partition(b"\n")
    header, _, body = rest.partition(b"\n")
    number = int(status) if status.isdigit() and len(status) == 3 else 500
    response = httpx.Response(number, headers={b"retry-after": header})
    told = refusal(response, body)
    assert not isinstance(told, TryAgain) or 0 <= told.after_seconds <= 3600


def _assigned(raw: bytes) -> None:
    holdable(read_assignment(raw.decode("latin-1"), SCHOOL.school, "dev-1"))


def _denied(raw: bytes) -> None:
    holdable(read_deny_list(raw.decode("latin-1"), SCHOOL.school))


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


def _named(raw: bytes) -> None:
    """Make a harmless name; it is one plain entry, and harmless as it stands."""
    name = safe_name(raw.decode("utf-8", "replace"))
    assert name == safe_name(name), "not harmless when it is said again"
    assert Path(name).name == name not in {"", ".", ".."}, "no plain entry"
    assert len(os.fsencode(name)) <= 255, "longer than a file system takes"


def _der() -> bytes:
    return TEACHER.certificate.public_bytes(Encoding.DER)


def _typed(raw: bytes) -> None:
    typed(raw.decode("utf-8", "replace"))


def _seen(raw: bytes) -> None:
    single(Frame(1, 1, 64, 48, 64, 48, covering(raw, 64, 48)), PICTURE)


def _laid(raw: bytes) -> None:
    """Lay it on a picture, as what the bytes themselves claim to be."""
    canvas, codec = Canvas(), "webp" if raw.startswith(b"RIFF") else "jpeg"
    canvas.lay(Frame(1, 1, 64, 48, 64, 48, covering(_WHOLE, 64, 48)), PICTURE)
    place = Patch(len(raw) % 32, 8, 32, 16, codec, raw)
    canvas.lay(Frame(2, 1, 64, 48, 64, 48, (place,), 1), PICTURE)


def _jpeg_of(width: int, height: int, codec: str = "JPEG") -> bytes:
    painted, written = Image.new("RGB", (width, height)), io.BytesIO()
    painted.frombytes(random.Random(1).randbytes(width * height * 3))  # noqa: S311 - any picture
    painted.save(written, codec)
    return written.getvalue()


_WHOLE: Final = _jpeg_of(64, 48)
EDGES: Final[dict[str, Edge]] = {
    "control-from-app": _messages(messages.ControlFromApp, messages.decode_control),
    "from-app": _messages(messages.FromApp, messages.decode_from_app),
    "from-device": _messages(messages.FromDevice, messages.decode_from_device),
    "pictures-from-app": _messages(messages.PictureFromApp, messages.decode_picture_from_app),
    "showing-from-app": _messages(messages.ShowingFromApp, messages.decode_showing_from_app),
    "showing-from-device": _messages(
        messages.ShowingFromDevice, messages.decode_showing_from_device
    ),
    "pictures-from-device": _messages(
        messages.PictureFromDevice, messages.decode_picture_from_device
    ),
    "bulk": _messages(messages.Bulk, messages.decode_bulk),
    "errand": _messages(errands.Errand, messages.decode_errand),
    "errand-answer": _messages(errands.FromFolders, messages.decode_from_folders),
    "to-seat": _messages(messages.ToSeat, messages.decode_to_seat),
    "from-seat": _messages(messages.FromSeat, messages.decode_from_seat),
    "manifest": Edge(manifest.decode, (Malformed,), (_manifest(),)),
    "to-pairing": _messages(messages.ToPairing, messages.decode_to_pairing),
    "from-pairing": _messages(messages.FromPairing, messages.decode_from_pairing),
    "to-guard": _messages(messages.ToGuard, messages.decode_to_guard),
    "from-guard": _messages(messages.FromGuard, messages.decode_from_guard),
    "local-frames": Edge(_framed, (Malformed, Unsupported), (_frames(),)),
    "pairing-inside": Edge(
        _pair_inside, (Malformed,), tuple(map(messages.encode, (REQUESTED, GIVEN, PairKept())))
    ),
    "pairing-share": Edge(_shared, (Malformed,), (Pake("app", b"K7M2QX", BOUND).share,)),
    "pairing-text": Edge(
        _secret,
        (Malformed,),
        (Secret(bytes(16), "ab" * 32).text().encode(),),
    ),
    "pairing-csr": Edge(
        _requested,
        (NotPaired,),
        (csr(DEVICE.key, "dev-1").encode(),),
    ),
    "pairing-certificate": Edge(stranger, (NotPaired,), (_der(),)),
    "mdns-addresses": Edge(_dialled, (), (b"\x0a\0\0\x04" * 2, b"\xfe\x80" + bytes(14))),
    "server-address": Edge(_server, (CloudError, Broken), (b"https://mdm.school.example:8000/",)),
    "wifi-name": Edge(_wifi, (), (b"yes:wlan0:5e\\:B\nno:wlan0:x\n", b"\tSSID: \\xc3\\xa9cole\n")),
    "mdns-packet": Edge(_packet, (), (_packed(),)),
    "mdm-refuses-device": Edge(
        _device_refused, (), (b"503\n120\n", b'403\n\n{"code": "bad-code"}')
    ),
    "mdns-text": Edge(_announced, (), (_txt(text_of("dev-7", "laptop")),)),
    "typed-address": Edge(
        _typed,
        (NotAnAddress,),
        (b"10.0.0.4:7000", b"[fe80::1%eth0]:7000", b"pc-12.school.example"),
    ),
    "grant": Edge(_granted, (NotAllowed,), (GRANT.encode(),)),
    "grant-signed": Edge(_grant_signed, (NotAllowed,), (payload_of(GRANT),)),
    "mandate-signed": Edge(_mandate_signed, (NotAllowed,), (payload_of(MANDATE),)),
    "assignment-signed": Edge(_assignment_signed, (NotAllowed,), (payload_of(ASSIGNMENT),)),
    "sealing-signed": Edge(
        _sealing_signed,
        (NotAllowed,),
        (msgspec.json.encode(Sealing(SCHOOL.id, "ab" * 32, NOW)),),
    ),
    "arrived-signed": Edge(
        _arrived_signed,
        (NotAllowed,),
        (msgspec.json.encode(Arrived("dev-1", SCHOOL.id, 3, "ab" * 32, NOW)),),
    ),
    "wanted-sealed": Edge(_wanted_unsealed, (NotAllowed,), (_wanted_sealed(),)),
    "succession-signed": Edge(
        _succession_signed, (NotAllowed,), (payload_of(_succession().decode()),)
    ),
    "mandate": Edge(_mandated, (NotAllowed,), (MANDATE.encode(),)),
    "assignment": Edge(_assigned, (NotAllowed,), (SCHOOL.assignment("dev-1").encode(),)),
    "deny-list": Edge(_denied, (NotAllowed,), (SCHOOL.deny_list(1, TEACHER).encode(),)),
    "succession": Edge(_succeeded, (NotAllowed,), (_succession(),)),
    "standby": Edge(_named_standby, (NotAllowed,), (_standby_named(),)),
    "release": Edge(_released, (NotAllowed,), (RELEASE.encode(),)),
    "receipt": Edge(_received, (NotAllowed,), (_receipt(),)),
    "certificate": Edge(_shown, (NotPaired,), (_der(),)),
    "root": Edge(_pinned, (NotPaired,), (SCHOOL.school.root_pem,)),
    "file-name": Edge(_named, (), (b"Rapport final.odt", b"../../x", "\u202egpj.exe".encode())),
    "picture": Edge(_seen, (BadPicture,), (_WHOLE,)),
    "patch": Edge(_laid, (BadPicture, OutOfStep), (_jpeg_of(32, 16), _jpeg_of(32, 16, "WEBP"))),
    **FILES,
    **SERVERS,
}
