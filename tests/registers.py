"""Registers as OneRoster's CSV, written for a test or a measurement."""

import csv
import io
import random
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

HEADERS: Final = {
    "manifest.csv": "propertyName,value",
    "orgs.csv": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
    "academicSessions.csv": "sourcedId,status,dateLastModified,title,type,startDate,endDate,"
    "parentSourcedId,schoolYear",
    "courses.csv": "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,"
    "orgSourcedId,subjects,subjectCodes",
    "classes.csv": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,"
    "classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,"
    "familyName,middleName,identifier,email",
    "roles.csv": "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,"
    "orgSourcedId,userProfileSourcedId",
    "enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,"
    "userSourcedId,role,primary,beginDate,endDate",
}
Rows = list[dict[str, Any]]


class Register:
    """What a school's office knows; `csv()` writes it out as it is now."""

    def __init__(self, mode: str = "bulk") -> None:
        self.mode = mode
        self.rows: dict[str, Rows] = {name: [] for name in HEADERS if name != "manifest.csv"}
        self.add("orgs.csv", sourcedId="school", name="Les Tilleuls", type="school")
        year = {"title": "2026", "type": "schoolYear", "schoolYear": "2027"}
        self.add(
            "academicSessions.csv",
            sourcedId="y26",
            startDate="2026-09-01",
            **year,
            endDate="2027-07-10",
        )

    def add(self, file: str, **row: str) -> None:
        self.rows[file].append(row)

    def class_(self, source: str, title: str, **more: str) -> None:
        row = {"title": title, "schoolSourcedId": "school", "termSourcedIds": "y26", **more}
        self.add("classes.csv", sourcedId=source, **row)

    def person(self, source: str, role: str, given: str, family: str, **more: str) -> None:
        names = {"givenName": given, "familyName": family, "username": source}
        self.add("users.csv", sourcedId=source, enabledUser="true", **{**names, **more})
        of = {"userSourcedId": source, "roleType": "primary", "role": role}
        self.add("roles.csv", sourcedId=f"r-{source}", orgSourcedId="school", **of)

    def enrol(self, class_: str, user: str, role: str = "student", **more: str) -> None:
        who = {"classSourcedId": class_, "userSourcedId": user, "role": role, **more}
        source = f"e-{class_}-{user}"
        self.add("enrollments.csv", sourcedId=source, schoolSourcedId="school", **who)

    def drop(self, file: str, **where: str) -> None:
        kept = [r for r in self.rows[file] if any(r.get(k) != v for k, v in where.items())]
        self.rows[file] = kept

    def csv(self) -> dict[str, bytes]:
        files = [name for name, rows in self.rows.items() if rows]
        told: Rows = [{"propertyName": "oneroster.version", "value": "1.2"}]
        told += [
            {"propertyName": f"file.{name[:-4]}", "value": self.mode if name in files else "absent"}
            for name in self.rows
        ]
        made = {name: table(HEADERS[name].split(","), self.rows[name]) for name in files}
        return {"manifest.csv": table(HEADERS["manifest.csv"].split(","), told), **made}

    def zip(self, path: Path) -> Path:
        return zipped(path, self.csv())


def table(header: list[str], rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def village() -> Register:
    """Make two classes of three pupils each, and two teachers."""
    made = Register()
    for class_, title in (("c-6a", "6e A"), ("c-6b", "6e B")):
        made.class_(class_, title, subjects="Maths,Physique", periods="Mo1,Tu3", location="12")
    for number, (given, family) in enumerate(PEOPLE):
        made.person(f"p{number}", "student", given, family)
        made.enrol("c-6a" if number < len(PEOPLE) / 2 else "c-6b", f"p{number}")
    for number, class_ in enumerate(("c-6a", "c-6b")):
        made.person(f"t{number}", "teacher", "Claire", f"Prof{number}")
        made.enrol(class_, f"t{number}", "teacher")
    return made


def region(*schools: str) -> Register:
    """Make such villages of one district; each school is an org, all names end with it."""
    made = Register()
    made.rows["orgs.csv"] = [{"sourcedId": "north", "name": "North", "type": "district"}]
    for school in schools:
        org = {"sourcedId": school, "name": school.title(), "type": "school"}
        made.add("orgs.csv", **org, parentSourcedId="north")
        for name, rows in village().rows.items():
            if name in {"classes.csv", "users.csv", "roles.csv", "enrollments.csv"}:
                made.rows[name] += [_of(school, row) for row in rows]
    return made


def _of(school: str, row: dict[str, Any]) -> dict[str, Any]:
    names = ("sourcedId", "userSourcedId", "classSourcedId", "username")
    told = {name: f"{row[name]}-{school}" for name in names if name in row}
    orgs = ("schoolSourcedId", "orgSourcedId")
    return {**row, **told, **{name: school for name in orgs if name in row}}


PEOPLE: Final = (
    ("Zoé", "Martin"), ("Zoé", "Moreau"), ("Amina", "Sow"),
    ("Béla", "Kovács"), ("Chloé", "Petit"), ("Chloé", "Petit"),
)  # fmt: skip


def large(folder: Path, rows: int, schools: int = 1, seed: int = 7) -> int:
    """Write a bundle of about `rows` rows into a folder; return how many it has.

    Each pupil has a row of their own, one of a role and three of classes, all at one school.
    """
    chance = random.Random(seed)  # noqa: S311 - the same names for the same seed
    pupils, made = rows // 5, 0
    classes = max(pupils // 10 // schools, 1) * schools
    names = Register()
    orgs = [{"sourcedId": org_of(n), "name": org_of(n), "type": "school"} for n in range(schools)]
    names.rows["orgs.csv"] = orgs
    for name in ("orgs.csv", "academicSessions.csv"):
        (folder / name).write_bytes(names.csv()[name])
    for name, content in _large(chance, pupils, classes, schools).items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADERS[name].split(","), restval="")
            writer.writeheader()
            for row in content:
                writer.writerow(row)
                made += 1
    return made


def org_of(number: int) -> str:
    return f"school-{number}"


def _large(
    chance: random.Random, pupils: int, classes: int, schools: int
) -> dict[str, Iterator[dict[str, Any]]]:
    teachers = max(pupils // 14, 1)
    people = [(f"p{n}", "student", org_of(n % schools)) for n in range(pupils)]
    people += [(f"t{n}", "teacher", org_of(n % schools)) for n in range(teachers)]
    each = classes // schools
    given = ("Zoé", "Amina", "Béla", "Chloé", "Noah", "Lina", "Yanis", "Inès", "Hugo", "Emma")

    def name() -> str:
        return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(8)).title()

    return {
        "classes.csv": (
            {
                "sourcedId": f"c{n}",
                "title": f"Class {n}",
                "schoolSourcedId": org_of(n % schools),
                "termSourcedIds": "y26",
                "periods": "1,2",
                "location": f"Room {n % 90}",
            }
            for n in range(classes)
        ),
        "users.csv": (
            {
                "sourcedId": source,
                "enabledUser": "true",
                "username": source,
                "givenName": chance.choice(given),
                "familyName": name(),
            }
            for source, _, _ in people
        ),
        "roles.csv": (
            {
                "sourcedId": f"r-{source}",
                "userSourcedId": source,
                "roleType": "primary",
                "role": role,
                "orgSourcedId": org,
            }
            for source, role, org in people
        ),
        "enrollments.csv": (
            {
                "sourcedId": f"e{n}-{k}",
                "classSourcedId": f"c{(n * 7 + k * 31) % each * schools + n % schools}",
                "schoolSourcedId": org_of(n % schools),
                "userSourcedId": f"p{n}",
                "role": "student",
            }
            for n in range(pupils)
            for k in range(3)
        ),
    }
