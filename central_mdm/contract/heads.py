"""Signed heads: how far a journal goes and what its newest entry hashes to, said by its owner.

Signed as the statements of `grants.py` (JWS compact, alg `Ed25519`), by the device's or the
teacher's own key. Who holds an older head of a journal sees whether a newer one goes on from it.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from central_mdm.contract.grants import Seconds
from central_mdm.contract.names import TEXT, Count, Id, OptionalId, Role

HEAD_TYPE: Final = "pupitre-head+jws"
HEADS_MAX: Final = 50
TOLD_MAX: Final = 20
"""Of each list of an account: the whole head stays under the 4096 bytes of a statement."""
Digest = Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?(?!\n)$")]
"""A BLAKE3 hash in hex; empty for a journal without entries."""
Token = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[A-Za-z0-9._-]+(?!\n)$")]
Certificate = Annotated[bytes, Meta(min_length=1, max_length=2048)]
Ids = Annotated[tuple[Id, ...], Meta(max_length=TOLD_MAX)]
Fault = Literal["shorter-head", "forked-head"]


class Mark(Struct, frozen=True):
    """The journal's hash when it had `count` entries."""

    count: Count = 0
    hash: Digest = ""


class Account(Struct, frozen=True):
    """What a device's journal tells of one lesson: enough to be held against the teacher's.

    `locks` are the versions under which it was locked, `looks` counts close looks and `stills` the
    pictures kept, `handouts` and `tickets` are what it placed and what was asked and given back.
    `more`: some of it is left out. It was given when the teacher's journal `beside` had `until`
    entries.
    """

    beside: OptionalId = ""
    until: Count = 0

    locks: Annotated[tuple[Count, ...], Meta(max_length=TOLD_MAX)] = ()
    looks: Count = 0
    handouts: Ids = ()
    tickets: Ids = ()
    more: bool = False
    stills: Count = 0


class Head(Struct, frozen=True):
    """The newest entry of one journal. `journal`: a device's id, or a teacher's store by its own.

    `earlier` is what stood where the reader's newest head of this journal ends, so that a longer
    journal cannot hide that it was written anew. `lesson`, which `account` is of, may be empty.
    """

    school: Id
    role: Role
    party: Id
    journal: Id
    newest: Mark
    earlier: Mark
    lesson: OptionalId
    issued_at: Seconds
    account: Account | None = None


class SignedHead(Struct, frozen=True):
    """A head in JWS compact form, and the signer's certificate (DER), to check it by."""

    head: Token
    certificate: Certificate


class HeadsTold(Struct, frozen=True):
    """POST /api/journal/heads: a teacher's own, and those of devices that it carries.

    `journal` is the store that asks; the answer says how far the central side has it.
    """

    journal: Id
    heads: Annotated[tuple[SignedHead, ...], Meta(max_length=HEADS_MAX)] = ()


class HeadOutcome(Struct, frozen=True):
    """What became of one head, by its place in the request. `code` empty: kept, or known already.

    "shorter-head": less than was signed before, "forked-head": not what was signed before;
    "forged": no head of this school; "foreign": not this caller's to bring.
    """

    code: Annotated[str, Meta(max_length=40)] = ""
    count: Count = 0
    """How far the central side's newest head of this journal goes."""


class Alarm(Struct, frozen=True):
    """Two witnesses differ, or a journal is not what was signed; `code` says how."""

    at: Seconds
    code: Annotated[str, Meta(max_length=40)]
    role: Role
    party: Id
    journal: Id
    lesson: OptionalId = ""
    detail: Annotated[str, Meta(max_length=200, pattern=TEXT)] = ""


class HeadsHeard(Struct, frozen=True):
    """`held`: the highest sequence of the asking journal here; `alarms` of this teacher, newest."""

    outcomes: tuple[HeadOutcome, ...]
    held: Count
    alarms: tuple[Alarm, ...] = ()


def after(last: Head | None, now: int) -> int:
    """Return the `issued_at` of a journal's next head: by no clock is it before the `last` one's.

    A clock that was ahead is set right, and two heads are signed in one second: of both the one
    that comes late must be seen to be the older.
    """
    return max(now, last.issued_at + 1) if last else now


def fault_of(held: Head | None, told: Head) -> Fault | None:
    """Say what is wrong with a newer head of the journal that `held` is of; None: nothing is seen.

    A head that was signed before the held one and is shorter has only come late.
    """
    if held is None:
        return None
    if told.newest.count == held.newest.count and told.newest.hash != held.newest.hash:
        return "forked-head"
    if told.newest.count < held.newest.count:
        return "shorter-head" if told.issued_at >= held.issued_at else None
    if told.earlier.count == held.newest.count and told.earlier.hash != held.newest.hash:
        return "forked-head"
    return None
