"""A bundle into the staging, row by row: what cannot be is refused with its line, and kept out."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct

from central_mdm.platform.errors import Malformed
from central_mdm.roster.oneroster.bundle import Bundle
from central_mdm.roster.oneroster.report import Report
from central_mdm.roster.oneroster.rows import (
    Class,
    Course,
    Enrollment,
    Entry,
    Objection,
    Org,
    Property,
    Session,
    User,
    UserRole,
    read_row,
    read_source,
    words_of,
)
from central_mdm.roster.oneroster.staging import Staging
from central_mdm.roster.oneroster.tables import Line, read_table

Mode = Literal["bulk", "delta"]
MANIFEST: Final = "manifest.csv"
_PROPERTY: Final = "propertyname"
_SENDER: Final = "source."
"""So begins what a bundle says of the program that wrote it, which nothing hangs on."""
TWICE: Final = "This name stands in an earlier row of the file already."
EARLY: Final = "It has not begun: import it from that day on."
UNREAD: Final = "This file is of no use in class, so by law it is not read."
NEEDED: Final = ("classes.csv", "users.csv", "enrollments.csv")
_ABOUT: Final = {
    "academicsessions.csv": ("session", "sourcedid"),
    "classes.csv": ("class", "sourcedid"),
    "users.csv": ("user", "sourcedid"),
    "roles.csv": ("user", "usersourcedid"),
    "enrollments.csv": ("user", "usersourcedid"),
}
"""What a row of each file is about, and the column that names it."""
E = TypeVar("E", bound=Entry)


class Read(Struct, frozen=True):
    """`empty`: the needed files that are missing, or have no good row.

    `nameless`: the files with a refused row of which nobody knows what it is about.
    """

    mode: Mode
    empty: tuple[str, ...]
    nameless: tuple[str, ...]


def read_bundle(bundle: Bundle, staging: Staging, report: Report, today: date) -> Read:
    """Read all files of use. Raises Malformed for what is no bundle, or no table at all."""
    meant = _manifest(bundle)
    reader = _Reader(bundle, staging, report, today, meant)
    good = reader.read_all()
    needed = NEEDED if reader.roles_in_users else (*NEEDED, "roles.csv")
    for name in sorted(bundle.names):
        if name == "demographics.csv":
            report.refuse(name, 0, "", "", UNREAD)
    empty = tuple(name for name in needed if not good[name])
    return Read(meant.mode, empty, tuple(sorted(reader.nameless)))


class _Meant(Struct, frozen=True):
    """How a bundle is meant; `absent`: the files that it says are not there."""

    mode: Mode = "bulk"
    absent: frozenset[str] = frozenset()


def _manifest(bundle: Bundle) -> _Meant:
    if MANIFEST not in bundle.names:
        return _Meant()
    told: dict[str, str] = {}
    with bundle.open(MANIFEST) as file:
        for line in read_table(file, MANIFEST):
            if isinstance(row := read_row(line, Property), Property):
                told[row.property_name.lower()] = row.value.lower()
            elif line.overfull or not line.fields.get(_PROPERTY, "").lower().startswith(_SENDER):
                # It may say "delta", and a delta that is taken for all there is ends everybody.
                raise Malformed("manifest", f"Line {line.number} of the manifest: {row.why}")
    version = told.get("oneroster.version", "1.2")
    if version not in {"1.1", "1.2"}:
        raise Malformed("other-version", "This is OneRoster, but neither 1.1 nor 1.2.")
    files = {
        f"{word.removeprefix('file.')}.csv": value
        for word, value in told.items()
        if word.startswith("file.")
    }
    modes = {value for value in files.values() if value != "absent"}
    if not modes <= {"bulk", "delta"}:
        raise Malformed("manifest", "In the manifest a file is absent, bulk or delta.")
    if len(modes) > 1:
        raise Malformed("manifest", "All files of a bundle are bulk, or all are delta.")
    absent = frozenset(name for name, value in files.items() if value == "absent")
    return _Meant("delta" if modes == {"delta"} else "bulk", absent)


class _Reader:
    def __init__(
        self,
        bundle: Bundle,
        staging: Staging,
        report: Report,
        today: date,
        meant: _Meant,
    ) -> None:
        self._names = bundle.names - meant.absent
        self._delta = meant.mode == "delta"
        self._bundle = bundle
        self._staging = staging
        self._report = report
        self._today = today
        self.roles_in_users = False
        self.nameless: set[str] = set()
        self._of_all: set[tuple[str, Objection]] = set()

    def read_all(self) -> dict[str, int]:
        """Read each file; return how many good rows each had."""
        return {
            "orgs.csv": self._read("orgs.csv", Org, self._org),
            "academicsessions.csv": self._read("academicsessions.csv", Session, self._session),
            "courses.csv": self._read("courses.csv", Course, self._course),
            "classes.csv": self._read("classes.csv", Class, self._class),
            "users.csv": self._read("users.csv", User, self._user),
            "roles.csv": self._read("roles.csv", UserRole, self._role),
            "enrollments.csv": self._read("enrollments.csv", Enrollment, self._enrolment),
        }

    def _read(self, name: str, kind: type[E], keep: Callable[[int, E], int]) -> int:
        good = 0
        for line in self._lines(name):
            self._report.read[name] += 1
            row = self._in_time(read_row(line, kind))
            if isinstance(row, Objection):
                self._refuse(name, line, row)
                self._leave_alone(name, line)
            elif keep(line.number, row):
                good += 1
            else:
                self._report.refuse(name, line.number, "sourcedId", row.sourced_id, TWICE)
                self.nameless.add(name)  # it may be another's, filled in one row too far
        return good

    def _in_time(self, row: E | Objection) -> E | Objection:
        """Refuse what a delta announces: read as not active, it would take back what holds now."""
        begins = row.begin_date if isinstance(row, UserRole | Enrollment) else None
        if self._delta and begins is not None and begins > self._today:
            return Objection("beginDate", begins.isoformat(), EARLY)
        return row

    def _refuse(self, name: str, line: Line, why: Objection) -> None:
        """Tell of the row, or, where each is refused for the same, once of the file."""
        if (name, why) in self._of_all:
            self._report.refused[name] += 1
            return
        if why.of_all:
            self._of_all.add((name, why))
        number = 0 if why.of_all else line.number
        self._report.refuse(name, number, why.field, why.value, why.why)

    def _lines(self, name: str) -> Iterator[Line]:
        if name in self._names:
            with self._bundle.open(name) as file:
                yield from read_table(file, name)

    def _leave_alone(self, name: str, line: Line) -> None:
        """Note what a refused row was about: a slip in a row must not retire a pupil."""
        if name not in _ABOUT:
            return
        what, column = _ABOUT[name]
        source = read_source(line, column)
        if source:
            self._staging.run("INSERT OR IGNORE INTO named VALUES (?, ?)", (what, source))
        if not source or line.overfull:  # where a row is too long, what stands where is unsure
            self.nameless.add(name)

    def _add(self, table: str, *values: Any) -> int:  # noqa: ANN401 - what SQLite takes
        places = ", ".join("?" * len(values))
        return self._staging.run(f"INSERT OR IGNORE INTO {table} VALUES ({places})", values)

    def _org(self, _: int, row: Org) -> int:
        is_school = row.type.lower() == "school" and not row.gone
        return self._add("f_org", row.sourced_id, row.name, is_school)

    def _session(self, _: int, row: Session) -> int:
        dates = row.start_date.isoformat(), row.end_date.isoformat()
        return self._add("f_session", row.sourced_id, row.gone, row.title, row.type.lower(), *dates)

    def _course(self, _: int, row: Course) -> int:
        return self._add("f_course", row.sourced_id, row.title)

    def _class(self, line: int, row: Class) -> int:
        subject = next(iter(words_of(row.subjects)), "")
        about = row.title, subject[:64], row.course_sourced_id, row.school_sourced_id
        if not self._add("f_class", row.sourced_id, line, row.gone, *about):
            return 0
        for session in words_of(row.term_sourced_ids):
            self._add("f_term", row.sourced_id, session)
        for period in words_of(row.periods):
            self._add("f_hour", row.sourced_id, period[:64], row.location)
        return 1

    def _user(self, line: int, row: User) -> int:
        login = row.username or row.email or row.sourced_id[:128]
        enabled = row.enabled_user.lower() == "true"
        names = row.given_name, row.family_name
        added = self._add("f_user", row.sourced_id, line, row.gone, enabled, *names, login)
        if added and row.role != "ext:none":
            self.roles_in_users = True
            self._add("f_role", row.sourced_id, row.role.lower(), "")
            for org in words_of(row.org_sourced_ids):
                self._add("f_belongs", org, row.sourced_id)
        return added

    def _role(self, _: int, row: UserRole) -> int:
        added = self._add("f_role_row", row.sourced_id)
        if added:
            active = not row.gone and self._holds(row.begin_date, row.end_date)
            table = "f_role" if active else "f_role_over"
            self._add(table, row.user_sourced_id, row.role.lower(), row.org_sourced_id)
            if row.org_sourced_id:
                self._add("f_belongs", row.org_sourced_id, row.user_sourced_id)
        return added

    def _enrolment(self, line: int, row: Enrollment) -> int:
        active = not row.gone and self._holds(row.begin_date, row.end_date)
        about = row.class_sourced_id, row.user_sourced_id, row.role.lower(), row.school_sourced_id
        return self._add("f_enrolment", row.sourced_id, line, active, *about)

    def _holds(self, begins: date | None, ends: date | None) -> bool:
        """Say whether today lies within; OneRoster's ends are the first day that does not."""
        return (begins is None or begins <= self._today) and (ends is None or self._today < ends)
