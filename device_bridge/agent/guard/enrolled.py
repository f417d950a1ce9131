"""What enrolment left in the folder: who this device is, whose, and what it serves."""

from typing import Final

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from central_mdm.contract.grants import Assignment
from central_mdm.contract.names import DiscoveryKey
from device_bridge.agent.folder import Folder, read_kept, write_private
from device_bridge.protocol.errors import Broken, NotAllowed, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.grants import read_assignment
from device_bridge.trust.identity import Identity, School

LONG_AGO: Final = 0.0


class SchoolKept(Struct, frozen=True):
    """`school.json`: written last, so where it stands, enrolment is whole.

    `discovery`: the school's key for the names of the day; "" until it has come.
    """

    school: str
    school_name: str
    device: str
    root: str
    discovery: DiscoveryKey = ""


class Enrolment(Struct, frozen=True):
    """A whole enrolment, checked."""

    device: str
    school: School
    identity: Identity
    assignment: Assignment | None
    discovery: bytes = b""


def read_enrolment(folder: Folder) -> Enrolment:
    """Read and check what enrolment left. Raises NotPaired where there is none or it is spoilt."""
    kept = read_school(folder)
    school = School.pin(kept.school, kept.root.encode())
    identity = Identity.load(folder.root)
    check_identity(identity, school, kept.device)
    assignment = _assignment(folder, school, kept.device)
    return Enrolment(kept.device, school, identity, assignment, bytes.fromhex(kept.discovery))


def read_school(folder: Folder) -> SchoolKept:
    """Read `school.json`. Raises NotPaired where there is none or it is spoilt."""
    raw = read_kept(folder.school)
    if raw is None:
        raise NotPaired("not enrolled")
    try:
        return msgspec.json.decode(raw, type=SchoolKept)
    except (ValueError, RecursionError) as error:
        raise NotPaired("school.json is spoilt") from error


def check_identity(identity: Identity, school: School, device: str) -> None:
    """Check that the certificate is this device's, as any teacher's app will."""
    der = identity.certificate.public_bytes(Encoding.DER)
    peer = accept(der, school, LONG_AGO, "device")
    if peer.party.id != device:
        raise NotPaired("the certificate names another device")


def write_school(folder: Folder, kept: SchoolKept) -> None:
    write_private(folder.school, msgspec.json.encode(kept))


def _assignment(folder: Folder, school: School, device: str) -> Assignment | None:
    try:
        raw = read_kept(folder.assignment)
        return read_assignment(raw.decode("ascii"), school, device) if raw else None
    except (NotAllowed, UnicodeDecodeError, Broken):
        return None  # the MDM sends it anew; until then no class is served
