"""Signed statements that a device checks with no server: JWS compact, alg `Ed25519` (RFC 9864).

The payload is the struct as JSON; the header is exactly `{"alg": "Ed25519", "typ": TYPE}` with
the struct's `TYPE`. Times are UTC seconds since 1970. Signed by the school's issuing key, but for
`Mandate`, which the teacher's own key signs.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from central_mdm.contract.names import Count, Id, Name

Verb = Literal["watch", "control", "lock", "handout", "collect", "message", "launch", "power"]
Seconds = Annotated[int, Meta(ge=0, le=2**40)]
Thumbprint = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
"""SHA-256 of the DER SubjectPublicKeyInfo, in hex."""

GRANT_TYPE: Final = "pupitre-grant+jws"
MANDATE_TYPE: Final = "pupitre-mandate+jws"
ASSIGNMENT_TYPE: Final = "pupitre-assignment+jws"
DENY_TYPE: Final = "pupitre-deny+jws"
MANDATE_SECONDS_MAX: Final = 4 * 3600
GRANT_SECONDS_MAX: Final = 14 * 24 * 3600
DENIED_MAX: Final = 250
"""A whole list fits into one message; a school with more raises `generation` instead."""
LIST_CHARS_MAX: Final = 48 * 1024
"""Of a signed deny list: `DENIED_MAX` keys and as many grants."""
Devices = Annotated[tuple[Id, ...], Meta(max_length=40)]


class Grant(Struct, frozen=True):
    """One teacher (by key), these classes, these verbs, these hours.

    `devices`: only these of the classes' devices; empty: all. `generation`: a deny list may end
    all grants of older ones. `deny_list`: the lowest deny list this grant may be honoured under.
    """

    id: Id
    school: Id
    teacher: Id
    teacher_name: Name
    thumbprint: Thumbprint
    classes: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=200)]
    verbs: Annotated[tuple[Verb, ...], Meta(min_length=1, max_length=16)]
    issued_at: Seconds
    ends_at: Seconds
    generation: Count = 0
    deny_list: Count = 0
    devices: Devices = ()
    role: Name = "teacher"


class Mandate(Struct, frozen=True):
    """One lesson of one class, narrowed from a grant and signed by the teacher; at most 4 h.

    `devices`: only these; empty: all that the grant has.
    """

    id: Id
    grant: Id
    school: Id
    lesson: Id
    class_id: Id
    verbs: Annotated[tuple[Verb, ...], Meta(min_length=1, max_length=16)]
    issued_at: Seconds
    ends_at: Seconds
    devices: Devices = ()


NETWORKS_MAX: Final = 16
PRIVATE_SECONDS_MAX: Final = 3600
CLOSE_SECONDS: Final = 600
CLOSE_SECONDS_MAX: Final = 3600
Network = Annotated[str, Meta(max_length=43, pattern=r"^[0-9a-fA-F:.]+/[0-9]{1,3}(?!\n)$")]
Gateway = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}:){5}[0-9a-f]{2}(?!\n)$")]


class Assignment(Struct, frozen=True):
    """Which classes a device serves. Newest `version` wins. `classes` ("*",): a cart, any class.

    `networks` are the school's, as ranges, and `gateways` the hardware addresses of its routers:
    only there the device is to be found (both: a network fits both; none of either: everywhere).
    `private_seconds`: how long its pupil may keep the screen private in a lesson; 0: not at all.
    `close_seconds`: how long a teacher may look closely before having to say so anew.
    """

    device: Id
    school: Id
    version: Count
    classes: Annotated[tuple[str, ...], Meta(max_length=200)]
    issued_at: Seconds
    networks: Annotated[tuple[Network, ...], Meta(max_length=NETWORKS_MAX)] = ()
    gateways: Annotated[tuple[Gateway, ...], Meta(max_length=NETWORKS_MAX)] = ()
    private_seconds: Annotated[int, Meta(ge=0, le=PRIVATE_SECONDS_MAX)] = 0
    close_seconds: Annotated[int, Meta(ge=60, le=CLOSE_SECONDS_MAX)] = CLOSE_SECONDS


class DenyList(Struct, frozen=True):
    """Whom nobody of the school obeys or trusts any more. Each list is whole; the highest holds.

    `keys`: thumbprints of teachers' and devices' keys. `grants`: ids. `generation`: grants of an
    older one have ended.
    """

    school: Id
    number: Count
    issued_at: Seconds
    generation: Count = 0
    keys: Annotated[tuple[Thumbprint, ...], Meta(max_length=DENIED_MAX)] = ()
    grants: Annotated[tuple[Id, ...], Meta(max_length=DENIED_MAX)] = ()
