"""What enrolment left in the folder: who this device is, whose, and what it serves."""

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from central_mdm.contract.grants import Assignment
from central_mdm.contract.names import DiscoveryKey
from central_mdm.contract.succession import Epoch, OptionalThumbprint
from device_bridge.agent.folder import Folder, read_kept
from device_bridge.agent.guard.ground import GroundHere
from device_bridge.protocol.errors import Broken, NotAllowed, NotPaired
from device_bridge.trust.accept import accept
from device_bridge.trust.grants import read_assignment
from device_bridge.trust.identity import (
    Identity,
    School,
    key_of_pem,
    key_to_pem,
    new_key,
    write_private,
)

LONG_AGO: Final = 0.0


class SchoolKept(Struct, frozen=True):
    """`school.json`: written last, so where it stands, enrolment is whole.

    `discovery`: the school's key for the names of the day; "" until it has come. `standby`,
    `epoch`: see `contract.succession`. `before`: the root that succession ended and that the own
    certificate may still be from; "" where there was none.
    """

    school: str
    school_name: str
    device: str
    root: str
    discovery: DiscoveryKey = ""
    standby: OptionalThumbprint = ""
    epoch: Epoch = 0
    before: str = ""


class Enrolment(Struct, frozen=True):
    """A whole enrolment, checked. `outdated`: the certificate is from before a succession."""

    device: str
    school: School
    identity: Identity
    assignment: Assignment | None
    discovery: bytes = b""
    epoch: int = 0
    outdated: bool = False
    school_name: str = ""


def read_enrolment(folder: Folder) -> Enrolment:
    """Read and check what enrolment left. Raises NotPaired where there is none or it is spoilt."""
    kept = read_school(folder)
    school = School.pin(kept.school, kept.root.encode())
    identity = Identity.load(folder.root)
    outdated = _check_any(identity, school, kept)
    assignment = _assignment(folder, school, kept.device)
    discovery = bytes.fromhex(kept.discovery)
    facts = (kept.device, school, identity, assignment, discovery, kept.epoch, outdated)
    return Enrolment(*facts, kept.school_name)


def _check_any(identity: Identity, school: School, kept: SchoolKept) -> bool:
    """Return whether the certificate is from before a succession. Raises NotPaired for no good."""
    try:
        check_identity(identity, school, kept.device)
    except NotPaired:
        if not kept.before:
            raise
        check_identity(identity, School.pin(kept.school, kept.before.encode()), kept.device)
        return True
    return False


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


def own_key(folder: Folder) -> Ed25519PrivateKey:
    """Return this device's key, made here and now where there is none; it never leaves."""
    folder.make()
    if read_kept(folder.key) is None:
        write_private(folder.key, key_to_pem(new_key()))
    return key_of_pem(read_kept(folder.key) or b"")


def check_given(
    key: Ed25519PrivateKey, given: SchoolKept, certificate: str, assignment: str
) -> None:
    """Check what a school gave for our key, as any teacher's app will.

    Raises NotPaired, or NotAllowed for another device's assignment; "" is none.
    """
    school = School.pin(given.school, given.root.encode())
    check_identity(Identity.of(key, certificate.encode()), school, given.device)
    if assignment:
        read_assignment(assignment, school, given.device)


def keep_given(folder: Folder, given: SchoolKept, certificate: str, assignment: str) -> None:
    """Write what `check_given` has checked, the school last.

    An erasure that the MDM of before could not be told of is over: it is not done once more here.
    """
    folder.wiping.unlink(missing_ok=True)
    write_private(folder.certificate, certificate.encode())
    write_private(folder.assignment, assignment.encode())
    write_school(folder, given)


def keep_assignment(folder: Folder, enrolment: Enrolment, ground: GroundHere, token: str) -> None:
    """Go by a newer assignment, whoever brought it, and keep it. Raises NotAllowed or OSError.

    Blocks for one small file: two that come at once are written in their order. One that could not
    be written holds until this agent ends, and is written when it comes again.
    """
    told = read_assignment(token, enrolment.school, enrolment.device)
    if told.version < ground.assignment_version:
        return
    try:
        if _raw(folder) != token.encode():
            write_private(folder.assignment, token.encode())
    finally:
        ground.assign(told)


def _raw(folder: Folder) -> bytes | None:
    try:
        return read_kept(folder.assignment)
    except Broken:
        return None


def write_school(folder: Folder, kept: SchoolKept) -> None:
    write_private(folder.school, msgspec.json.encode(kept))


def _assignment(folder: Folder, school: School, device: str) -> Assignment | None:
    try:
        raw = read_kept(folder.assignment)
        return read_assignment(raw.decode("ascii"), school, device) if raw else None
    except (NotAllowed, UnicodeDecodeError, Broken):
        return None  # the MDM sends it anew; until then no class is served
