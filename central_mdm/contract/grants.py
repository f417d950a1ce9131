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
Thumbprint = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the DER SubjectPublicKeyInfo, in hex."""

GRANT_TYPE: Final = "pupitre-grant+jws"
MANDATE_TYPE: Final = "pupitre-mandate+jws"
ASSIGNMENT_TYPE: Final = "pupitre-assignment+jws"
MANDATE_SECONDS_MAX: Final = 4 * 3600
GRANT_SECONDS_MAX: Final = 14 * 24 * 3600


class Grant(Struct, frozen=True):
    """One teacher (by key), these classes, these verbs, these hours."""

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


class Mandate(Struct, frozen=True):
    """One lesson of one class, narrowed from a grant and signed by the teacher; at most 4 h."""

    id: Id
    grant: Id
    school: Id
    lesson: Id
    class_id: Id
    verbs: Annotated[tuple[Verb, ...], Meta(min_length=1, max_length=16)]
    issued_at: Seconds
    ends_at: Seconds


class Assignment(Struct, frozen=True):
    """Which classes a device serves. Newest `version` wins. `classes` ("*",): a cart, any class."""

    device: Id
    school: Id
    version: Count
    classes: Annotated[tuple[str, ...], Meta(max_length=200)]
    issued_at: Seconds
