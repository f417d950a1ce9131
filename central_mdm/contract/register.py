"""What a school's administrator does to the roster, and what an import of its register tells."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from central_mdm.contract.names import TEXT, Count, Id, Name

Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}(?!\n)$")]
"""A day of the calendar, 2026-09-01."""
Short = Annotated[str, Meta(max_length=64, pattern=TEXT)]
IdOrNone = Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._:-]*(?!\n)$")]
"""An id; empty: none."""
UPLOAD_BYTES_MAX = 64 * 1024 * 1024


class Hour(Struct, frozen=True):
    """When and where a class is taught: OneRoster's period, as the school calls it, and place."""

    period: Name
    location: Short = ""


Hours = Annotated[tuple[Hour, ...], Meta(max_length=100)]


class ClassPut(Struct, frozen=True):
    """POST /api/admin/classes: a new class, or with an `id` a change of one.

    `hours` None: the timetable stays as it is.
    """

    name: Name
    id: IdOrNone = ""
    subject: Short = ""
    hours: Hours | None = None


class PupilPut(Struct, frozen=True):
    """POST /api/admin/pupils: a new pupil in a class, or with an `id` a change of one there.

    `display` empty: the first name, with as much behind it as the class needs.
    """

    class_id: Id
    given_name: Name
    family_name: Name
    id: IdOrNone = ""
    display: Short = ""
    seat: Count = 0


class Move(Struct, frozen=True):
    """POST /api/admin/moves: a pupil leaves a class, joins one, or both in one act.

    One of the two may be empty.
    """

    pupil: Id
    from_class: IdOrNone = ""
    to_class: IdOrNone = ""


class Placing(Struct, frozen=True):
    """POST /api/admin/places: devices leave a class, join one, or both in one act.

    No `devices`: all that are in `from_class`; somebody's own in `to_class` stay theirs. `pupil`:
    whose own it is in `to_class`, of one device; empty: nobody's.
    """

    devices: Annotated[tuple[Id, ...], Meta(max_length=200)] = ()
    from_class: IdOrNone = ""
    to_class: IdOrNone = ""
    pupil: IdOrNone = ""


class Placed(Struct, frozen=True):
    devices: Count


class Teaching(Struct, frozen=True):
    """POST /api/admin/teaching: who teaches a class from now on, or no more.

    `ends_at`, UTC seconds, is a substitute's; 0: for good.
    """

    teacher: Id
    class_id: Id
    teaches: bool = True
    ends_at: Count = 0


class Return(Struct, frozen=True):
    """POST /api/admin/returns: a person who was ended may sign in again, as they did before.

    What was revoked stays so: they get a new certificate, and a new grant for it.
    """

    teacher: Id


class Archive(Struct, frozen=True):
    """POST /api/admin/archives: the classes of a session that is over, or classes by name.

    Pupils and teachers leave them; what was is kept.
    """

    session: IdOrNone = ""
    classes: Annotated[tuple[Id, ...], Meta(max_length=500)] = ()


class Archived(Struct, frozen=True):
    classes: Count


class Put(Struct, frozen=True):
    """The id of what was made or changed."""

    id: Id


class Done(Struct, frozen=True):
    ok: bool = True


class SessionRow(Struct, frozen=True):
    """An academic session; `ends_on` is the first day after it."""

    id: Id
    title: Name
    kind: Short
    begins_on: Day
    ends_on: Day


class Sessions(Struct, frozen=True):
    """GET /api/admin/sessions, at most 500, the newest first."""

    sessions: tuple[SessionRow, ...]


class TaughtHour(Struct, frozen=True):
    class_id: Id
    class_name: Name
    period: Name
    location: Short = ""


class Timetable(Struct, frozen=True):
    """GET /api/timetable: when and where the signed-in teacher teaches which class."""

    hours: tuple[TaughtHour, ...]


class Counted(Struct, frozen=True):
    """How many of one kind are added, changed, moved (places only) or removed."""

    kind: Literal["session", "class", "pupil", "teacher", "place", "teaching", "term", "hour"]
    added: Count = 0
    changed: Count = 0
    moved: Count = 0
    removed: Count = 0


class RowRefused(Struct, frozen=True):
    """`line` is that of the row's end, 0 for a whole file; `value` is cut."""

    file: str
    line: Count
    field: str
    value: str
    why: str


class FileRead(Struct, frozen=True):
    file: str
    rows: Count
    refused: Count


class Imported(Struct, frozen=True):
    """POST /api/admin/imports?dry_run=&confirm=: what an import does, or did (`done`).

    `digest` names exactly this plan; where `asks` says why, nothing is done without it as
    `confirm`. `refused` has the first rows of each file, `files` counts all.
    """

    mode: Literal["bulk", "delta"]
    digest: str
    done: bool
    counts: tuple[Counted, ...]
    asks: tuple[str, ...]
    files: tuple[FileRead, ...]
    refused: tuple[RowRefused, ...]
