"""What is said to the MDM, by whoever reaches it, and what it answers to app and devices."""

import ipaddress
from functools import partial
from typing import Any, Final

import httpx
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from litestar.exceptions import SerializationException
from litestar.serialization import decode_json

from central_mdm.contract.carried import (
    Answered,
    Bundle,
    Carried,
    Carry,
    Held,
    WantedSealed,
)
from central_mdm.contract.fleet import (
    CheckedIn,
    CheckIn,
    Enrol,
    Enrolled,
    Inventory,
    PapersGiven,
    Successor,
    Whereabout,
    Whereabouts,
)
from central_mdm.contract.heads import (
    HEAD_TYPE,
    Alarm,
    Head,
    HeadOutcome,
    HeadsHeard,
    HeadsTold,
    SignedHead,
)
from central_mdm.contract.identity import (
    GrantIssued,
    Problem,
    Refresh,
    Renew,
    Renewed,
    SignedIn,
    SignIn,
    Trust,
)
from central_mdm.contract.journal import Event, Outcome, Push, Pushed
from central_mdm.contract.leaving import Left, SignedReceipt
from central_mdm.contract.partage import ChunkRef, FileAnswer, FileOffered, Manifest
from central_mdm.contract.roster import Change, Changes, ClassRow, DeviceRow, PupilRow, Scopes
from central_mdm.identity.certificates import bearer_of, key_of_request, key_of_root
from central_mdm.identity.statements import read as read_statement_there
from central_mdm.journal.reading import class_of, read_batch
from central_mdm.partage.rules import read_manifest
from central_mdm.platform.authentication import read_token
from central_mdm.platform.errors import Malformed as BadRequest
from central_mdm.platform.errors import NotSignedIn
from classroom_app.cloud import answers
from classroom_app.cloud.errors import CloudError
from classroom_app.domain.lesson import DeviceId
from classroom_app.domain.whereabouts import Sight, Told, elsewhere, told_here
from device_bridge import server_clock
from device_bridge.agent.guard.enrolled import SchoolKept, check_given
from device_bridge.materials import manifest
from device_bridge.protocol.errors import NotAllowed, NotPaired
from device_bridge.trust.grants import read_statement
from device_bridge.trust.heads import read_head
from device_bridge.trust.identity import csr
from device_bridge.trust.leaving import read_release, sign_receipt
from tests.fuzz.edge import DEVICE, SCHOOL, TEACHER, Edge, holdable, signed
from tests.heads import head, mark
from tests.school import NOW

NOT_READ: Final = (SerializationException, UnicodeError, RecursionError, OverflowError)
"""What the MDM answers as malformed (`platform.api.tell`); any other exception is a 500."""
ROOT: Final = SCHOOL.school.root_pem.decode()
HEAD: Final = head(DEVICE, "dev-1", mark(3), mark(1), lesson="lesson-1")
DEVICE_DER: Final = DEVICE.certificate.public_bytes(Encoding.DER)


def asked(kind: type[Any], raw: bytes) -> None:
    """Read a request's body as the server does; what was understood can be said again."""
    told = decode_json(raw, target_type=kind)
    holdable(told)
    assert decode_json(msgspec.json.encode(told), target_type=kind) == told


def answered(kind: type[Any], raw: bytes) -> None:
    holdable(answers.read(raw, kind))


def _enrolled(raw: bytes) -> None:
    """Check what a server gave a device, as the device does before it keeps any of it."""
    told = answers.read(raw, Enrolled)
    given = SchoolKept(told.school, told.school_name, told.device, told.root)
    check_given(DEVICE.key, given, told.certificate, told.assignment)


def _where(raw: bytes) -> None:
    """Read on which networks devices say that they are, and compare them with our own."""
    told = answers.read(raw, Whereabouts)
    holdable(told)
    said = {DeviceId(one.device): Told(tuple(one.networks.split()), 0.0) for one in told.devices}
    sight = Sight(own=("10.0.0.0/24", "fd00::/64"), told=said)
    for there in elsewhere(sight, said, 1.0).values():
        ipaddress.ip_network(there.said)
    for device in said:
        told_here(sight, device, 1.0)


def _judged(raw: bytes) -> None:
    """Judge an answer whose status, header and body come from `raw`."""
    status, _, rest = raw.partition(b"\n")
    header, _, body = rest.partition(b"\n")
    text = header.decode("latin-1")
    number = int(status) if status.isdigit() and len(status) == 3 else 500
    headers = {b"content-type": b"application/json", b"retry-after": header}
    answers.judge(httpx.Response(number, headers=headers), body, NOW)
    server_clock.ahead_seconds(text, NOW)


def _batch(raw: bytes) -> None:
    """Read a batch item by item; one bad event has its objection, the others are whole."""
    for item in read_batch(raw).items:
        assert 0 < len(item.id) <= 64
        assert item.objection or item.event
        if item.event and not item.objection:
            holdable(item.event)
            class_of(item.event)


def _token(raw: bytes) -> None:
    role, school, token = read_token(raw.decode("latin-1"))
    assert token.startswith(f"{role[0]}.")
    assert token.endswith(school)


def _signed_there(raw: bytes) -> None:
    """Read any token as a device's head; here and there it is believed or not, alike."""
    token, key = raw.decode("latin-1"), DEVICE.key.public_key()
    there = read_statement_there(token, HEAD_TYPE, Head, key)
    try:
        assert read_statement(token, "head", (Head, HEAD_TYPE), key) == there
    except NotAllowed:
        assert there is None or len(token) > 4096, "believed by the MDM and by nobody else"
        raise


def _head(raw: bytes) -> None:
    """Sign whatever `raw` says as a device of the school would."""
    token = signed(raw, HEAD_TYPE, DEVICE.key)
    holdable(read_head(SignedHead(token, DEVICE_DER), SCHOOL.school, "device"))


def _bearer(raw: bytes) -> None:
    """Judge the certificate that comes with a head; nothing but the school's own is believed."""
    bearer = bearer_of(raw, ROOT)
    assert bearer is None or bearer[0].school == SCHOOL.id


def _brought(raw: bytes) -> None:
    """Hear a head by another's certificate, from whoever carries both."""
    read_head(SignedHead(HEAD.head, raw), SCHOOL.school, "device")


def _mdm_root(raw: bytes) -> None:
    key_of_root(raw.decode("utf-8", "replace"), SCHOOL.id)


def _mdm_manifest(raw: bytes) -> None:
    told = read_manifest(raw)
    assert told is None or sum(chunk.size for chunk in told.chunks) == told.size


def _requested(raw: bytes) -> None:
    key_of_request(raw.decode("utf-8", "replace"))


def _receipt() -> SignedReceipt:
    release = read_release(SCHOOL.release("dev-1", DEVICE), SCHOOL.school, "dev-1", DEVICE)
    return sign_receipt(release, DEVICE, NOW)


_GRANT: Final = SCHOOL.grant(TEACHER)
_MANIFEST: Final = manifest.encode(Manifest(1, "fixed-4m", 77, (ChunkRef(77, bytes(32)),)))
_INVENTORY: Final = Inventory("laptop", "Debian 12", networks="10.0.0.0/24 fd00::/64")
_CSR: Final = csr(TEACHER.key, "dev-1")
_EVENT: Final = Event(
    "e-1", "store-1", 1, "lesson-1", "lock-asked", NOW, "ab" * 32, msgspec.Raw(b'{"class_id":"5B"}')
)
_ENROLLED: Final = Enrolled(
    "dev-1",
    SCHOOL.id,
    "Test school",
    DEVICE.certificate_pem.decode(),
    ROOT,
    "d.x.school-1",
    SCHOOL.assignment("dev-1"),
    600,
)
_REQUESTS: Final = (
    SignIn("school-1", "vidal", "secret", _CSR),
    Refresh("t.x.school-1"),
    Renew(_CSR),
    Enrol("K7M2QX", _CSR, _INVENTORY),
    CheckIn(1, "applied", inventory=_INVENTORY, heads=(HEAD,)),
    Successor("ab" * 32),
    HeadsTold("store-1", (HEAD,)),
    FileOffered("f-1", "lesson-1", "5B", "p-1", "essay.odt", _MANIFEST),
    Carry((Bundle("dev-1", b"sealed"),), (Held("dev-1", 3),)),
    _receipt(),
)
_ANSWERS: Final = (
    SignedIn("t", 900, "r", "t-1", "Ms Vidal", "s-1", "Test school", "root"),
    GrantIssued(_GRANT, NOW),
    Renewed("certificate"),
    Trust(SCHOOL.deny_list(1, TEACHER)),
    Carried("aaa.bbb.ccc", (Answered("dev-1", "d.e.f"),), (WantedSealed("dev-1", 4, b"sealed"),)),
    Scopes(("class:5B",)),
    Changes(
        "class:5B",
        "epoch-1",
        (
            Change(5, "class", "5B", ClassRow("5B", "5e B")),
            Change(6, "pupil", "p-1", PupilRow("p-1", "5B", "Zoé", "Martin", "Zoé M.", 3)),
            Change(7, "device", "d-1", DeviceRow("d-1", "5B", "cart-7", "laptop", "p-1")),
            Change(8, "device", "d-2"),
        ),
        has_more=False,
        cursor="k2VwOA",
    ),
    Pushed((Outcome("e-1", "applied"), Outcome("e-2", "refused", "too old"))),
    HeadsHeard(
        (HeadOutcome(), HeadOutcome("forged")),
        3,
        (Alarm(NOW, "forked-head", "device", "dev-1", "dev-1"),),
    ),
    FileAnswer("f-1", "missing", ("00" * 32,)),
    PapersGiven("certificate", SCHOOL.assignment("dev-1")),
    _ENROLLED,
    CheckedIn(600),
    Left("dev-1"),
)
_BUSY: Final = b"503\nTue, 24 Nov 2026 08:00:00 GMT\n"
_REFUSED: Final = b"403\n120\n" + msgspec.json.encode(Problem("no-class", "not yours"))

SERVERS: Final[dict[str, Edge]] = {
    **{
        f"asked-{type(each).__name__}": Edge(
            partial(asked, type(each)), NOT_READ, (msgspec.json.encode(each),)
        )
        for each in _REQUESTS
    },
    "asked-batch": Edge(_batch, (BadRequest,), (msgspec.json.encode(Push((_EVENT, _EVENT))),)),
    "asked-token": Edge(_token, (NotSignedIn,), (b"Bearer t.5c5c5c.school-1", b"bearer d.x.s")),
    "asked-manifest": Edge(_mdm_manifest, (), (_MANIFEST,)),
    "csr": Edge(_requested, (BadRequest,), (_CSR.encode(),)),
    "mdm-root": Edge(_mdm_root, (BadRequest,), (ROOT.encode(),)),
    "mdm-bearer": Edge(_bearer, (), (DEVICE_DER,)),
    "mdm-statement": Edge(_signed_there, (NotAllowed,), (HEAD.head.encode(),)),
    "head-signed": Edge(
        _head,
        (NotAllowed,),
        (msgspec.json.encode(read_head(HEAD, SCHOOL.school, "device")),),
    ),
    "head-certificate": Edge(_brought, (NotAllowed,), (DEVICE_DER,)),
    "mdm-judged": Edge(_judged, (CloudError,), (_BUSY, _REFUSED, b"200\n\n{}")),
    "enrolled-checked": Edge(
        _enrolled, (CloudError, NotPaired, NotAllowed), (msgspec.json.encode(_ENROLLED),)
    ),
    "mdm-Whereabouts": Edge(
        _where,
        (CloudError,),
        (msgspec.json.encode(Whereabouts((Whereabout("d-1", 60, "10.0.7.0/24 fe80::/64"),))),),
    ),
    **{
        f"mdm-{type(each).__name__}": Edge(
            partial(answered, type(each)), (CloudError,), (msgspec.json.encode(each),)
        )
        for each in _ANSWERS
    },
}
