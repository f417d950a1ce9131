"""What an import changes: the register's word for today against what stands, by joins.

What the register never named is not touched, nor is what a refused row was about. An
administrator is never retired by a file.
"""

from collections.abc import Iterator
from typing import Final

from blake3 import blake3
from msgspec import Struct, json

from central_mdm.contract.register import Counted
from central_mdm.roster.oneroster.reading import Mode, Read
from central_mdm.roster.oneroster.report import Report
from central_mdm.roster.oneroster.staging import (
    CLASS,
    HOUR,
    KINDS,
    PLACE,
    PUPIL,
    SESSION,
    TEACHER,
    TEACHING,
    TERM,
    Kind,
    Staging,
)

RETIRED_MAX: Final = 0.05
RENAMED_MAX: Final = 0.25
MOVED_MAX: Final = 0.5
"""More than these parts of any one kind are asked for first: a file without its teachers, or with a
column sorted by itself, is well formed."""
FEW: Final = 2
"""So many may go without being asked for, where they are not all: somebody leaves."""
SOME: Final = 5
"""So many are named of whom would be gone."""
_NAMES: Final = {
    "class": "classes",
    "pupil": "pupils",
    "teacher": "teachers",
    "place": "places of pupils in class",
    "teaching": "places of teachers in class",
}
_KINDS_OF: Final = {
    "academicsessions.csv": frozenset({"session"}),
    "classes.csv": frozenset({"class"}),
    "users.csv": frozenset({"pupil", "teacher"}),
    "roles.csv": frozenset({"pupil", "teacher"}),
    "enrollments.csv": frozenset({"place", "teaching"}),
}
"""What goes where a bulk file has no row of it."""
_ROLES: Final = {"pupil": "student", "teacher": "teacher"}
NO_SESSION: Final = "No such session in academicSessions.csv, or its row there is refused."


class Plan(Struct, frozen=True):
    """`digest` names the mode and each single step; `asks`: why somebody has to say yes."""

    digest: str
    counts: tuple[Counted, ...]
    asks: tuple[str, ...]

    @property
    def empty(self) -> bool:
        return not any(
            each.added + each.changed + each.moved + each.removed for each in self.counts
        )


def make_plan(staging: Staging, report: Report, read: Read, today: str) -> Plan:
    """Fill the `t_` and `d_` tables; what stands is in the staging already."""
    target = _Target(staging, report, read.mode, today)
    target.fill()
    counts = tuple(_count(staging, kind) for kind in KINDS)
    return Plan(_digest(staging, read.mode), counts, target.asks + _asks(staging, read, counts))


class _Target:
    """Each kind in turn: what shall stand, what of that is new, what of what stands goes.

    `asks`: what is so much amiss with its rows that somebody has to say yes.
    """

    def __init__(self, staging: Staging, report: Report, mode: Mode, today: str) -> None:
        self._staging = staging
        self._report = report
        self._bulk = mode == "bulk"
        self._today = today
        self.asks: tuple[str, ...] = ()

    def fill(self) -> None:
        self._sessions()
        self._classes()
        for kind in (PUPIL, TEACHER):
            self._people(kind)
        self._enrolments_of_nobody()
        for kind, role in ((PLACE, "pupil"), (TEACHING, "teacher")):
            self._enrolled(kind, role)
        for kind in (TERM, HOUR):
            self._of_class(kind)

    def _sessions(self) -> None:
        self._staging.run(
            "INSERT INTO t_session SELECT source, title, kind, begins_on, ends_on "
            "FROM f_session WHERE NOT gone"
        )
        told = self._staging.count("SELECT count(*) FROM f_session")
        # A bundle without sessions says nothing of them.
        self._compare(SESSION, self._gone("session", "f_session") if told else "0")

    def _classes(self) -> None:
        run = self._staging.run
        run("CREATE TABLE ends (source PRIMARY KEY, ends_on) WITHOUT ROWID")
        run("INSERT INTO ends SELECT source, ends_on FROM s_session")
        run("INSERT OR REPLACE INTO ends SELECT source, ends_on FROM f_session WHERE NOT gone")
        if self._bulk:
            unknown = (
                "SELECT source, line, org FROM f_class WHERE org NOT IN (SELECT source FROM f_org) "
                "AND EXISTS (SELECT 1 FROM f_org)"
            )
            self._refuse_classes(unknown, "schoolSourcedId", "No such school in orgs.csv.")
        unknown = (
            "SELECT source, line, min(session) FROM f_class JOIN f_term ON class = source "
            "WHERE NOT gone AND session NOT IN (SELECT source FROM ends) "
            "GROUP BY source ORDER BY line"
        )
        # Nobody knows when such a class is over: it is neither taught nor ended by a guess.
        told = self._staging.count("SELECT count(*) FROM f_class WHERE NOT gone")
        lost = self._refuse_classes(unknown, "termSourcedIds", NO_SESSION)
        if lost > told * RETIRED_MAX and (lost > FEW or lost == told):
            self.asks = (f"{lost} of {told} classes name a session that is not there.",)
        # A class whose sessions are all over is over itself, as at the end of the year.
        run(
            "INSERT INTO t_class SELECT source, name, "
            "CASE WHEN subject = '' THEN substr(coalesce((SELECT title FROM f_course "
            "WHERE f_course.source = course), ''), 1, 64) ELSE subject END "
            "FROM f_class WHERE NOT gone AND NOT (EXISTS (SELECT 1 FROM f_term WHERE class = "
            "f_class.source) AND NOT EXISTS (SELECT 1 FROM f_term JOIN ends ON session = "
            "ends.source WHERE class = f_class.source AND ends_on > ?))",
            (self._today,),
        )
        self._compare(CLASS, self._gone("class", "f_class"))
        self._after(CLASS)

    def _refuse_classes(self, unknown: str, field: str, why: str) -> int:
        """Refuse what a query finds: the class, its line, and what it names; say how many."""
        found = list(self._staging.rows(unknown))
        for source, line, value in found:
            self._report.refuse("classes.csv", line, field, value, why)
            self._staging.run("INSERT OR IGNORE INTO named VALUES ('class', ?)", (source,))
            self._staging.run("DELETE FROM f_class WHERE source = ?", (source,))
        return len(found)

    def _people(self, kind: Kind) -> None:
        role, name = _ROLES[kind.name], kind.name
        fields = "given, family"
        condition = "NOT gone"
        if kind is TEACHER:
            fields = "login, substr(given || ' ' || family, 1, 64)"
            condition = "NOT gone AND enabled"
            self._refuse_ended()
            self._refuse_logins()
        has = f"source IN (SELECT user FROM f_role WHERE role = '{role}')"
        lost = f"source IN (SELECT user FROM f_role_over WHERE role = '{role}') AND NOT {has}"
        left = self._gone("user", "f_user")
        if not self._bulk:  # it tells of changes only: who has not lost a role has it still
            off = f"source IN (SELECT source FROM f_user WHERE NOT ({condition}))"
            left = f"({off} OR ({lost}))"
            has = f"({has} OR (source IN (SELECT source FROM s_{name}) AND NOT ({lost})))"
        self._staging.run(
            f"INSERT INTO t_{name} SELECT source, {fields} FROM f_user WHERE {condition} AND {has}"
        )
        if kind is TEACHER:
            self._match_logins()
            left += " AND source NOT IN (SELECT source FROM named WHERE what = 'administrator')"
        self._compare(kind, left)
        self._after(kind)

    def _refuse_ended(self) -> None:
        """Who was ended here by hand is not brought back by a file; whom a file ended is."""
        ended = (
            "SELECT source FROM known JOIN i_teacher i ON what = 'teacher' AND known.id = i.id "
            "WHERE ended"
        )
        self._staging.run(
            "INSERT OR IGNORE INTO known SELECT 'teacher', source, id FROM known WHERE "
            "what = 'left' AND source IN (SELECT source FROM f_user)"
        )
        left = "SELECT source FROM known WHERE what = 'left'"
        query = (
            f"SELECT source, line FROM f_user WHERE source IN ({ended}) AND source NOT IN ({left}) "
            "AND NOT gone"
        )
        for source, line in list(self._staging.rows(query)):
            self._refuse_teacher(source, line, "sourcedId", source, "This person was ended here.")

    def _refuse_teacher(self, source: str, line: int, field: str, value: str, why: str) -> None:
        self._report.refuse("users.csv", line, field, value, why)
        self._staging.run("INSERT OR IGNORE INTO named VALUES ('user', ?)", (source,))
        self._staging.run("DELETE FROM f_role WHERE user = ? AND role = 'teacher'", (source,))

    def _refuse_logins(self) -> None:
        """Two teachers of one login, or a login that is somebody else's here already."""
        teaches = "source IN (SELECT user FROM f_role WHERE role = 'teacher') AND NOT gone"
        known = "SELECT id FROM known WHERE what = 'teacher' AND known.source = f_user.source"
        taken = (
            f"EXISTS (SELECT 1 FROM login WHERE login.login = f_user.login AND login.id <> "
            f"coalesce(({known}), '') AND (NOT free OR EXISTS ({known})))"
        )
        double = (
            "EXISTS (SELECT 1 FROM logins WHERE logins.login = f_user.login "
            "AND logins.line < f_user.line)"
        )
        self._staging.run("CREATE TABLE logins (login PRIMARY KEY, line) WITHOUT ROWID")
        self._staging.run(
            f"INSERT INTO logins SELECT login, min(line) FROM f_user WHERE {teaches} GROUP BY login"
        )
        query = f"SELECT source, line, login FROM f_user WHERE {teaches} AND ({taken} OR {double})"
        for source, line, login in list(self._staging.rows(query)):
            self._refuse_teacher(source, line, "username", login, "Another person has this login.")

    def _match_logins(self) -> None:
        """Take a teacher who is here by hand for the register's of the same login."""
        self._staging.run(
            "INSERT OR IGNORE INTO known SELECT 'teacher', source, id FROM t_teacher "
            "JOIN login USING (login) WHERE free"
        )

    def _enrolments_of_nobody(self) -> None:
        no_class = (
            "class NOT IN (SELECT source FROM f_class) "
            "AND class NOT IN (SELECT source FROM a_class)"
        )
        refused = f"{no_class} AND class IN (SELECT source FROM named WHERE what = 'class')"
        nobody = (
            "user NOT IN (SELECT source FROM f_user) AND user NOT IN (SELECT source FROM a_pupil) "
            "AND user NOT IN (SELECT source FROM a_teacher)"
        )
        stranger = " OR ".join(
            f"(role = '{role}' AND user NOT IN (SELECT source FROM a_{kind}) AND user NOT IN "
            "(SELECT source FROM f_user WHERE gone OR NOT enabled))"
            for kind, role in _ROLES.items()
        )
        for condition, field, why in (
            (refused, "classSourcedId", "The row of its class is refused."),
            (no_class, "classSourcedId", "No such class in the register."),
            (nobody, "userSourcedId", "No such person in the register."),
            (stranger, "role", "The person does not have this role."),
        ):
            wanted = f"FROM f_enrolment WHERE active AND ({condition})"
            shown = {"classSourcedId": "class", "userSourcedId": "user"}.get(field, "role")
            for line, value in self._staging.rows(f"SELECT line, {shown} {wanted}"):
                self._report.refuse("enrollments.csv", line, field, value, why)
            self._staging.run(
                "INSERT OR IGNORE INTO named SELECT 'user', user FROM f_enrolment "
                f"WHERE active AND ({condition})"
            )
            self._staging.run(f"DELETE {wanted}")

    def _enrolled(self, kind: Kind, who: str) -> None:
        role = _ROLES[who]
        self._staging.run(
            f"INSERT OR IGNORE INTO t_{kind.name} SELECT class, user FROM f_enrolment "
            "WHERE active AND role = ? AND class IN (SELECT source FROM a_class) "
            f"AND user IN (SELECT source FROM a_{who})",
            (role,),
        )
        left = (
            f"class NOT IN (SELECT source FROM a_class) OR user NOT IN (SELECT source FROM a_{who})"
        )
        if self._bulk:
            left += (
                " OR (class NOT IN (SELECT source FROM named WHERE what = 'class') "
                "AND user NOT IN (SELECT source FROM named WHERE what = 'user'))"
            )
        else:
            left += (
                " OR (class, user) IN (SELECT class, user FROM f_enrolment "
                f"WHERE NOT active AND role = '{role}')"
            )
        self._compare(kind, f"({left})")

    def _of_class(self, kind: Kind) -> None:
        """Take sessions and hours: a class's row says all of them, in a delta too."""
        self._staging.run(
            f"INSERT INTO t_{kind.name} SELECT {kind.columns} FROM f_{kind.name} "
            "WHERE class IN (SELECT source FROM t_class)"
            + (" AND session IN (SELECT source FROM ends)" if kind is TERM else "")
        )
        self._compare(kind, "class IN (SELECT source FROM t_class)")

    def _gone(self, what: str, table: str) -> str:
        """Say which of what stands and is not told goes: in a delta, what its row takes back."""
        if self._bulk:
            return f"source NOT IN (SELECT source FROM named WHERE what = '{what}')"
        return f"source IN (SELECT source FROM {table})"

    def _compare(self, kind: Kind, left: str) -> None:
        """Write the difference; `left` says which of what stands, and is not told, goes."""
        name, keys = kind.name, ", ".join(kind.keys)
        mine = " AND ".join(f"s.{key} = t.{key}" for key in kind.keys)
        first = kind.keys[0]
        told = ", ".join(f"t.{column}" for column in kind.keys + kind.values)
        self._staging.run(
            f"INSERT INTO d_{name} SELECT 'added', {told} FROM t_{name} t "
            f"LEFT JOIN s_{name} s ON {mine} WHERE s.{first} IS NULL"
        )
        if kind.values:
            now, then = (", ".join(f"{side}.{v}" for v in kind.values) for side in "ts")
            self._staging.run(
                f"INSERT INTO d_{name} SELECT 'changed', {told} FROM t_{name} t "
                f"JOIN s_{name} s ON {mine} WHERE ({now}) IS NOT ({then})"
            )
        self._staging.run(
            f"INSERT INTO d_{name} SELECT 'removed', {kind.columns} FROM s_{name} "
            f"WHERE ({keys}) NOT IN (SELECT {keys} FROM t_{name}) AND {left}"
        )

    def _after(self, kind: Kind) -> None:
        """Name all that there will be of a kind."""
        name = kind.name
        self._staging.run(f"CREATE TABLE a_{name} (source PRIMARY KEY) WITHOUT ROWID")
        self._staging.run(f"INSERT INTO a_{name} SELECT source FROM t_{name}")
        self._staging.run(
            f"INSERT OR IGNORE INTO a_{name} SELECT source FROM s_{name} WHERE source NOT IN "
            f"(SELECT source FROM d_{name} WHERE act = 'removed')"
        )


def who_goes(staging: Staging) -> str:
    """Say who and what would be gone, the first of each kind by name; "" for nobody.

    It is for who asked, and for no log.
    """
    told: list[str] = []
    for kind, name in ((CLASS, "name"), (TEACHER, "name"), (PUPIL, "given || ' ' || family")):
        gone = f"FROM d_{kind.name} WHERE act = 'removed'"
        some = [
            f"{row}" for (row,) in staging.rows(f"SELECT {name} {gone} ORDER BY 1 LIMIT {SOME}")
        ]
        more = staging.count(f"SELECT count(*) {gone}") - len(some)
        if some:
            rest = f" and {more} more" if more else ""
            told.append(f"{_NAMES[kind.name]} {', '.join(some)}{rest}")
    return f"Gone would be: {'; '.join(told)}." if told else ""


def _count(staging: Staging, kind: Kind) -> Counted:
    query = f"SELECT act, count(*) FROM d_{kind.name} GROUP BY act"
    found = {act: int(count) for act, count in staging.rows(query)}
    moved = 0
    if kind is PLACE:
        # Who leaves a class and joins another is moved, not lost and new.
        moved = staging.count(
            "SELECT sum(min(joins, leaves)) FROM (SELECT sum(act = 'added') AS joins, "
            "sum(act = 'removed') AS leaves FROM d_place GROUP BY user)"
        )
    return Counted(
        kind.name,  # type: ignore[arg-type] - the contract lists these very kinds
        found.get("added", 0) - moved,
        found.get("changed", 0),
        moved,
        found.get("removed", 0) - moved,
    )


def _digest(staging: Staging, mode: Mode) -> str:
    hashed = blake3(mode.encode())
    for kind in KINDS:
        keys = ", ".join(kind.keys)
        for row in staging.rows(f"SELECT act, {kind.columns} FROM d_{kind.name} ORDER BY {keys}"):
            hashed.update(json.encode((kind.name, row)))
    return hashed.hexdigest()[:16]


def _asks(staging: Staging, read: Read, counts: tuple[Counted, ...]) -> tuple[str, ...]:
    asks = [f"{name} is missing, or has no good row." for name in read.empty if read.mode == "bulk"]
    asks += _asks_of_nameless(read, counts)
    for told in counts:
        # Each term has other hours; a file without any is one that was made without them.
        if told.kind == "hour" and told.removed > FEW and not told.added + told.changed:
            asks.append(f"{told.removed} hours of the timetable would be gone.")
        if (name := _NAMES.get(told.kind)) is None:
            continue
        here = staging.count(f"SELECT count(*) FROM s_{told.kind}")
        steps = (
            (told.removed, RETIRED_MAX, "would be gone"),
            (told.changed, RENAMED_MAX, "would be called otherwise"),
            (told.moved, MOVED_MAX, "would move to another class"),
        )
        asks += [
            f"{number} of {here} {name} {what}."
            for number, most, what in steps
            if number > here * most and (number > FEW or number == here)
        ]
    return tuple(asks)


def _asks_of_nameless(read: Read, counts: tuple[Counted, ...]) -> Iterator[str]:
    """Ask where what goes may be what a refused row was about: one is as bad as many."""
    for name in read.nameless:
        kinds = _KINDS_OF.get(name, frozenset())
        if any(told.removed + told.moved for told in counts if told.kind in kinds):
            yield f"{name}: a refused row may be of what would be gone, and nobody can tell."
