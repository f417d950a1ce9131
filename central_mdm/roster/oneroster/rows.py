"""What a row of each file must be, as OneRoster 1.2 means it; 1.1's column `role` is taken too."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct, ValidationError

from central_mdm.contract.names import TEXT, Name
from central_mdm.roster.oneroster.tables import Line

Source = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+(?!\n)$")]
"""The register's own name of a thing, `sourcedId`."""
GONE: Final = frozenset({"tobedeleted", "inactive"})
_STATUS: Final = r"(?i)^(active|tobedeleted|inactive)$"
_ROLES: Final = (
    r"(?i)^(administrator|aide|counselor|districtadministrator|guardian|parent|principal|proctor"
    r"|relative|siteadministrator|student|systemadministrator|teacher|ext:.+)$"
)
_SESSIONS: Final = r"(?i)^(gradingperiod|semester|schoolyear|term|ext:.+)$"
Status = Annotated[str, Meta(pattern=_STATUS)]
Role = Annotated[str, Meta(max_length=64, pattern=_ROLES)]
SessionType = Annotated[str, Meta(max_length=64, pattern=_SESSIONS)]
Flag = Annotated[str, Meta(pattern=r"(?i)^(true|false)$")]
Text = Annotated[str, Meta(max_length=255, pattern=TEXT)]
List = Annotated[str, Meta(max_length=2000, pattern=TEXT)]
Login = Annotated[str, Meta(max_length=128, pattern=TEXT)]
Place = Annotated[str, Meta(max_length=64, pattern=TEXT)]


class Entry(Struct, frozen=True, rename="camel", kw_only=True):
    sourced_id: Source
    status: Status = "active"

    @property
    def gone(self) -> bool:
        return self.status.lower() in GONE


class Org(Entry, frozen=True):
    """`type`: "school", or what schools are under or in."""

    name: Text
    type: Text = ""


class Session(Entry, frozen=True):
    title: Name
    type: SessionType
    start_date: date
    end_date: date

    def __post_init__(self) -> None:
        if self.end_date < self.start_date:
            raise ValueError("It ends before it begins.")


class Course(Entry, frozen=True):
    title: Text


class Class(Entry, frozen=True):
    """`subjects`, `periods` and `term_sourced_ids` are lists with commas."""

    title: Name
    school_sourced_id: Source
    course_sourced_id: Text = ""
    subjects: List = ""
    location: Place = ""
    periods: List = ""
    term_sourced_ids: List = ""


class User(Entry, frozen=True):
    """`role` and `org_sourced_ids` are 1.1's; in 1.2 they stand in a file of their own.

    A password is never read.
    """

    given_name: Name
    family_name: Name
    username: Login = ""
    email: Login = ""
    enabled_user: Flag = "true"
    role: Role = "ext:none"
    org_sourced_ids: List = ""


class UserRole(Entry, frozen=True):
    user_sourced_id: Source
    role: Role
    org_sourced_id: Text = ""
    begin_date: date | None = None
    end_date: date | None = None


class Enrollment(Entry, frozen=True):
    class_sourced_id: Source
    user_sourced_id: Source
    role: Role
    school_sourced_id: Text = ""
    begin_date: date | None = None
    end_date: date | None = None


class Property(Struct, frozen=True, rename="camel"):
    """A line of manifest.csv."""

    property_name: Text
    value: Text = ""


class Objection(Struct, frozen=True):
    """Why a row is refused; `field` empty: the whole row. `of_all`: and so is each of the file."""

    field: str
    value: str
    why: str
    of_all: bool = False


E = TypeVar("E", bound=Entry | Property)
_PLACE: Final = re.compile(r"^(.*?)(?: - at `\$\.?(\w*)[^`]*`)?$", re.DOTALL)
OVERFULL: Final = "The row has more columns than the header, or a quotation mark is not closed."
BROKEN: Final = "Letters are lost: save the file as UTF-8 from the program that has them right."
A_DATE: Final = "A date is written 2026-09-01, or the day first: 01/09/2026, 01.09.2026."
_CHOICE: Final = re.compile(r"matching regex '\(\?i\)\^\((.+)\)\$'")
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_SAYS: Final = (
    ("missing required field", "This may not be empty."),
    ("matching regex", "It has signs in it that cannot be seen."),
    ("length <=", "This is too long."),
    ("RFC3339 encoded date", A_DATE),
    ("date", A_DATE),
)
_DAY_FIRST: Final = re.compile(r"(\d\d?)([/.])(\d\d?)\2(\d{4})", re.ASCII)
_FLAGS: Final = {"vrai": "true", "wahr": "true", "faux": "false", "falsch": "false"}
"""As a French or a German Excel writes a date and a truth out again."""


def read_row(line: Line, kind: type[E]) -> E | Objection:
    """Read a row as `kind`, or say what speaks against it; columns of no use are passed over."""
    if line.overfull:
        return Objection("", "", OVERFULL)
    words = _words(kind)
    for word in line.broken:
        if word in words:
            return Objection(words[word], line.fields.get(word, ""), BROKEN)
    known = {words[word]: value for word, value in line.fields.items() if word in words}
    for word, meant in _meant(kind).items():
        if word in known:
            known[word] = meant(known[word])
    try:
        return msgspec.convert(known, kind)
    except ValidationError as error:
        told = _objection(str(error), known)
    lacks = [name for word, name in _needed(kind).items() if word not in line.columns]
    if told.field in lacks:
        return Objection(told.field, "", f"There is no column {', '.join(lacks)}.", of_all=True)
    return told


def read_source(line: Line, column: str) -> str:
    """Return the register's name that stands in a column; "" for one that cannot be read."""
    if column in line.broken:
        return ""
    try:
        return msgspec.convert(line.fields.get(column), Source)
    except ValidationError:
        return ""


@cache
def _words(kind: type[Entry | Property]) -> dict[str, str]:
    return {field.encode_name.lower(): field.encode_name for field in msgspec.structs.fields(kind)}


@cache
def _needed(kind: type[Entry | Property]) -> dict[str, str]:
    fields = msgspec.structs.fields(kind)
    return {field.encode_name.lower(): field.encode_name for field in fields if field.required}


@cache
def _meant(kind: type[Entry | Property]) -> dict[str, Callable[[str], str]]:
    """Return by column what makes the standard's word of a spreadsheet's."""
    return {
        field.encode_name: _flag if field.type == Flag else _date
        for field in msgspec.structs.fields(kind)
        if field.type in (Flag, date, date | None)
    }


def _flag(text: str) -> str:
    return _FLAGS.get(text.lower(), text)


def _date(text: str) -> str:
    """Read the day before the month, never after: 09/13/2026 stays what it is, no date."""
    if (found := _DAY_FIRST.fullmatch(text)) is None:
        return text
    try:
        return date(int(found[4]), int(found[3]), int(found[1])).isoformat()
    except ValueError:
        return text


def words_of(text: str) -> list[str]:
    """Split a list as it stands in one field."""
    return [word for each in text.split(",") if (word := each.strip())]


def _objection(told: str, known: dict[str, str]) -> Objection:
    what, field = _PLACE.match(told).groups("")  # type: ignore[union-attr] - it matches anything
    if missing := _MISSING.search(what):
        field = missing[1]
    why = next((sentence for word, sentence in _SAYS if word in what), what)
    if choice := _CHOICE.search(what):
        words = choice[1].replace(".+", "…").split("|")
        why = f"One of these stands here: {', '.join(words)}."
    return Objection(field, known.get(field, ""), why)
