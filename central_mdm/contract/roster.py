"""What a teacher's app pulls: classes, pupils, devices, and who sits where by assignment."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from central_mdm.contract.names import TEXT, Count, Id, Name

Scope = Annotated[str, Meta(max_length=80)]
"""`class:<id>` or `teacher:<id>`; each has its own sequence."""
NEXT_SECONDS_MAX: Final = 1800
OWN_SCOPE: Final = "teacher:"
"""How the scope begins that each teacher has, with or without classes."""


class ClassRow(Struct, frozen=True, tag="class"):
    id: Id
    name: Name
    subject: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""


class PupilRow(Struct, frozen=True, tag="pupil"):
    """`display` is the short first name a tile shows, unique within the class."""

    id: Id
    class_id: Id
    given_name: Name
    family_name: Name
    display: Name
    seat: Count = 0


class DeviceRow(Struct, frozen=True, tag="device"):
    """`pupil` empty: a shared device, nobody's own."""

    id: Id
    class_id: Id
    name: Name
    kind: Name
    pupil: Annotated[str, Meta(max_length=64, pattern=TEXT)] = ""


Row = ClassRow | PupilRow | DeviceRow
CURSOR_MAX: Final = 256
Cursor = Annotated[str, Meta(max_length=CURSOR_MAX, pattern=r"^[A-Za-z0-9_-]*(?!\n)$")]
"""How far a scope was told. Opaque: the server makes it and alone reads it; it fits into a URL.

Empty: not at all; also by a server of the version before, which says none.
"""


class Change(Struct, frozen=True):
    """One row as it is now, or its tombstone (`row` None).

    No pupil stands in a teacher's own scope: a pupil's tombstone there says that the school has
    erased the pupil, with all that was known of them. Apps of before find nothing to remove.
    """

    sequence: Count
    entity: Literal["class", "pupil", "device"]
    id: Id
    row: Row | None = None


class Changes(Struct, frozen=True):
    """GET /api/changes?scope=&cursor=&limit=.

    `cursor` is what to send next time, without which the scope is told from its start; so it is
    where the server cannot go on from a cursor. `epoch` changes when the server was restored: what
    an app has of the scope from another epoch goes first.
    `count` and `checksum` are over the whole scope's live rows, when `has_more` is False.
    """

    scope: Scope
    epoch: Id
    changes: tuple[Change, ...]
    has_more: bool
    cursor: Cursor = ""
    count: Count = 0
    checksum: str = ""


class Scopes(Struct, frozen=True):
    """GET /api/scopes: what the signed-in teacher may pull.

    `cursors`, in the same order: where each scope ends now. Who has all of one goes on by that very
    cursor, so who holds it need not ask. `next_seconds`: when to come again by itself, where there
    is nothing to tell meanwhile; 0: as the app would.
    """

    scopes: tuple[Scope, ...]
    cursors: tuple[Cursor, ...] = ()
    next_seconds: Annotated[int, Meta(ge=0, le=NEXT_SECONDS_MAX)] = 0
