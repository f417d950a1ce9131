"""A temporary file of SQLite in which a bundle and what stands lie side by side.

Two million rows are compared there by joins, in memory that does not grow with them. `f_` is what
the files say, `t_` what follows from them for today, `s_` what stands, `d_` the difference: all
of these name things by the register's own names. `i_` is what stands by our ids.
"""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from central_mdm.platform.alone import scratch
from central_mdm.platform.errors import Malformed

PREFIX: Final = "pupitre-register-"
FILE: Final = "staging.db"
ROWS_AT_ONCE: Final = 2000
BYTES_MAX: Final = 4 * 1024**3
"""Four times what two million people take; a bundle that is made to fill the disk ends here."""
PAGE_BYTES: Final = 4096
FULL: Final = (
    "There is no room to look at it: it takes more than 4 GiB, or than the server's temporary "
    "folder has."
)


class Kind(Struct, frozen=True):
    """One kind of thing: what names it, and what else is known of it."""

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...] = ()

    @property
    def columns(self) -> str:
        return ", ".join(self.keys + self.values)


SESSION: Final = Kind("session", ("source",), ("title", "kind", "begins_on", "ends_on"))
CLASS: Final = Kind("class", ("source",), ("name", "subject"))
PUPIL: Final = Kind("pupil", ("source",), ("given", "family"))
TEACHER: Final = Kind("teacher", ("source",), ("login", "name"))
PLACE: Final = Kind("place", ("class", "user"))
TEACHING: Final = Kind("teaching", ("class", "user"))
TERM: Final = Kind("term", ("class", "session"))
HOUR: Final = Kind("hour", ("class", "period"), ("location",))
KINDS: Final = (SESSION, CLASS, PUPIL, TEACHER, PLACE, TEACHING, TERM, HOUR)

_SCHEMA: Final = """
CREATE TABLE f_org (source PRIMARY KEY, name, school) WITHOUT ROWID;
-- Who is of which school, as roles and users say; whose classes are whose says more.
CREATE TABLE f_belongs (org, user, PRIMARY KEY (org, user)) WITHOUT ROWID;
CREATE TABLE f_session (source PRIMARY KEY, gone, title, kind, begins_on, ends_on) WITHOUT ROWID;
CREATE TABLE f_course (source PRIMARY KEY, title) WITHOUT ROWID;
CREATE TABLE f_class (source PRIMARY KEY, line, gone, name, subject, course, org) WITHOUT ROWID;
CREATE TABLE f_term (class, session, PRIMARY KEY (class, session)) WITHOUT ROWID;
CREATE TABLE f_hour (class, period, location, PRIMARY KEY (class, period)) WITHOUT ROWID;
CREATE TABLE f_user (
  source PRIMARY KEY, line, gone, enabled, given, family, login
) WITHOUT ROWID;
CREATE TABLE f_role_row (source PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE f_role (user, role, org, PRIMARY KEY (user, role, org)) WITHOUT ROWID;
CREATE TABLE f_role_over (user, role, org, PRIMARY KEY (user, role, org)) WITHOUT ROWID;
CREATE TABLE f_enrolment (
  source PRIMARY KEY, line, active, class, user, role, org
) WITHOUT ROWID;
-- What a refused row names stays as it stands.
CREATE TABLE named (what, source, PRIMARY KEY (what, source)) WITHOUT ROWID;
-- Our ids.
CREATE TABLE known (what, source, id, PRIMARY KEY (what, source)) WITHOUT ROWID;
CREATE TABLE i_session (id PRIMARY KEY, title, kind, begins_on, ends_on) WITHOUT ROWID;
CREATE TABLE i_class (id PRIMARY KEY, name, subject) WITHOUT ROWID;
CREATE TABLE i_pupil (id PRIMARY KEY, given, family) WITHOUT ROWID;
CREATE TABLE i_teacher (id PRIMARY KEY, login, name, role, ended) WITHOUT ROWID;
CREATE TABLE i_term (class, session);
CREATE TABLE i_hour (class, period, location);
CREATE TABLE i_teaching (class, teacher, ends_at);
CREATE TABLE login (login PRIMARY KEY, id, free) WITHOUT ROWID;
CREATE TABLE seat (class, pupil, display, seat, PRIMARY KEY (class, pupil)) WITHOUT ROWID;
CREATE TABLE owned (class, pupil, device, name, kind);
CREATE TABLE holds (class, teacher, PRIMARY KEY (class, teacher)) WITHOUT ROWID;
CREATE TABLE news (scope, entity, id, told, PRIMARY KEY (scope, entity, id)) WITHOUT ROWID;
"""


class Staging:
    """Statements over the file; call them in a thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536", "temp_store=1"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(f"PRAGMA max_page_count={BYTES_MAX // PAGE_BYTES}")
        self._connection.executescript(_SCHEMA)
        for kind in KINDS:
            keys = ", ".join(kind.keys)
            for prefix in ("t", "s"):
                self.run(
                    f"CREATE TABLE {prefix}_{kind.name} "
                    f"({kind.columns}, PRIMARY KEY ({keys})) WITHOUT ROWID"
                )
            self.run(f"CREATE TABLE d_{kind.name} (act, {kind.columns}, PRIMARY KEY ({keys}))")
        self.run("BEGIN")

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; return how many rows it touched."""
        return self._connection.execute(statement, values).rowcount

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(statement, rows)

    def rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        return self._connection.execute(query, values)

    def count(self, query: str, values: Sequence[Any] = ()) -> int:
        return int(self._connection.execute(query, values).fetchone()[0] or 0)

    def parts(self, query: str) -> Iterator[list[tuple[Any, ...]]]:
        """Yield what a query finds, some rows at a time; meanwhile its tables must not change."""
        cursor = self._connection.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield rows

    def settle(self) -> None:
        """Write out what was read, and index by which school's it is; again, it does nothing."""
        if self._connection.in_transaction:
            self.run("CREATE INDEX class_of ON f_class (org)")
            self.run("CREATE INDEX enrolment_in ON f_enrolment (class)")
            self.run("CREATE INDEX enrolment_of ON f_enrolment (org)")
            self.run("COMMIT")

    def take_from(
        self, other: "Staging", statements: Iterable[str], values: Mapping[str, str]
    ) -> None:
        """Run statements that read a settled one, by the name `whole`."""
        self.run("COMMIT")
        self.run("ATTACH ? AS whole", (str(other.path),))
        self.run("BEGIN")
        for statement in statements:
            self._connection.execute(statement, values)
        self.run("COMMIT")
        self.run("DETACH whole")
        self.run("BEGIN")

    def close(self) -> None:
        self._connection.close()


@contextmanager
def a_staging() -> Generator[Staging]:
    """Make a staging; at the end nothing is left of it, for names of minors are in it.

    What a killed process has left is removed by the next one.
    """
    with scratch(PREFIX) as folder, _told_if_full():
        made = Staging(folder / FILE)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _told_if_full() -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        raise Malformed("too-large", FULL) from error
