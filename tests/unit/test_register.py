"""A school's register as it comes out of a spreadsheet or from a stranger: read, or refused."""

import csv
import io
import os
import signal
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest
from msgspec import Struct

from central_mdm.contract.register import RowRefused
from central_mdm.platform.errors import Malformed
from central_mdm.roster.oneroster.bundle import open_bundle
from central_mdm.roster.oneroster.reading import Read, read_bundle
from central_mdm.roster.oneroster.report import EACH_MAX, Report, write_report
from central_mdm.roster.oneroster.rows import A_DATE, BROKEN
from central_mdm.roster.oneroster.staging import a_staging
from central_mdm.roster.oneroster.tables import Line, read_table
from tests.registers import Register, village, zipped

TODAY = date(2026, 11, 28)
HEAD = "sourcedId,givenName,familyName"


class Heard(Struct):
    read: Read
    report: Report
    people: set[tuple[str, str]]


def lines(content: bytes) -> list[Line]:
    return list(read_table(io.BufferedReader(io.BytesIO(content)), "users.csv"))  # type: ignore[arg-type]


def heard(path: Path) -> Heard:
    report = Report()
    with a_staging() as staging, open_bundle(path) as bundle:
        read = read_bundle(bundle, staging, report, TODAY)
        return Heard(read, report, set(staging.rows("SELECT source, given FROM f_user")))


def refused(register: Register, path: Path) -> list[tuple[str, int, str, str]]:
    found = heard(register.zip(path / "bundle.zip")).report.rows
    return [(row.file, row.line, row.field, row.value) for row in found]


@pytest.mark.parametrize(
    "content",
    [
        f"{HEAD}\r\n1,Zoé,Müller\r\n".encode(),
        f"\ufeff{HEAD}\n1,Zoé,Müller\n".encode(),
        "sourcedId;givenName;familyName\r\n1;Zoé;Müller".encode("cp1252"),
        "sep=;\nsourcedId;givenName;familyName;;\n;;;;\n1;Zoé;Müller;;\n".encode("latin-1"),
        "SOURCEDID\tgivenname\tfamilyName\r\n1\t Zoé \tMüller\t\t\r\n".encode("utf-16"),
        f'{HEAD},"list"\n"1",Zoé,"Müller",\n'.encode(),
        f"\ufeff{HEAD}\r1,Zoé,Müller\r".encode(),
        f"{HEAD}\r1,Zoé,Müller".encode("latin-1"),
    ],
)
def test_a_table_is_read_whatever_a_spreadsheet_made_of_it(content: bytes) -> None:
    (row,) = lines(content)
    assert row.fields == {"sourcedid": "1", "givenname": "Zoé", "familyname": "Müller"}
    assert not row.overfull


@pytest.mark.parametrize(
    "given",
    [
        b"Fran\x81ois",
        "Fran\x81ois".encode(),
        "Zoé".encode() + b"\xe9",
        "Zoé".encode().decode("cp1252").encode(),
        "Léa".encode().decode("latin-1").encode(),
        "Àlex".encode().decode("latin-1").encode(),
        "D\u2019Arc".encode().decode("cp1252").encode(),
        "Şükrü".encode().decode("cp1252").encode(),
        "Иван".encode().decode("latin-1").encode(),
        b"Zo\xef\xbf\xbd",
    ],
)
def test_a_name_whose_letters_are_lost_is_refused_with_its_line_and_column(
    tmp_path: Path, given: bytes
) -> None:
    head = b"sourcedId,role,orgSourcedIds,note,givenName,familyName\n"
    rows = head + b"p1,student,o,,Ada,B\np2,student,o,,%b,B\np3,student,o,%b,Eve,B\n"
    files = village().csv() | {"users.csv": rows % (given, given)}
    found = heard(zipped(tmp_path / "b.zip", files))
    (row,) = [row for row in found.report.rows if row.file == "users.csv"]
    assert (row.line, row.field, row.why) == (3, "givenName", BROKEN)
    assert found.people == {("p1", "Ada"), ("p3", "Eve")}, "a note is of no use, and hurts nobody"


@pytest.mark.parametrize(
    "name",
    ["ZOÉ", "Åse", "João", "IRMÃ", "Ñandú", "Øyvind", "L\u2019Hôte", "Łukasz", "«Éléa»", "Ωδή"],
)
def test_a_name_with_capitals_and_accents_is_read_as_it_is(name: str) -> None:
    (row,) = lines(f"{HEAD}\n1,{name},B\n".encode())
    assert (row.fields["givenname"], row.broken) == (name, ())
    if name.encode("cp1252", "ignore").decode("cp1252") == name:
        (row,) = lines(f"{HEAD}\n1,{name},B\n".encode("cp1252"))
        assert (row.fields["givenname"], row.broken) == (name, ())


def test_a_list_in_quotes_is_one_field_and_a_row_says_its_line() -> None:
    first, second = lines(b'sep=,\na,b\n"1,2","x\ny"\n3,4,5\n')
    assert (first.number, first.fields) == (4, {"a": "1,2", "b": "x\ny"})
    assert (second.number, second.overfull) == (5, True)


@pytest.mark.parametrize(
    ("rows", "swallow"),
    [
        ('p1,"Titi,A,x\np2,Ada,B,y\np3,"Coco",C,z\n', 5),
        ('p1,Zoé,A,"x\np2,"Ada",B,y\n', 4),
        ('p1,Zoé,A,"x\n"p2","Ada","B",""\n', 4),
        ('p1,"Zoé,A,x\np2,Ada,B,"y"\n', 4),
        ('p1,Zoé,A,"x\np2,Ada,B,y\n', 4),
        ('p1,Zoé,A,"x', 3),
    ],
)
def test_a_row_that_swallows_others_by_an_open_quotation_mark_is_not_taken_for_one(
    rows: str, swallow: int
) -> None:
    *_, row = lines(f"{HEAD},note\np0,Eve,D,\n{rows}".encode())
    assert (row.number, row.overfull) == (swallow, True)


def test_a_cell_that_is_written_in_lines_is_one(tmp_path: Path) -> None:
    note = '"12, Rue du Lac\n1000, Ville\n"'
    first, second = lines(f"{HEAD},note,more\np1,Zoé,A,{note},x\np2,Ada,B,y".encode())
    assert (first.overfull, first.fields["more"], second.fields["sourcedid"]) == (False, "x", "p2")
    made = village()
    made.rows["users.csv"][1]["middleName"] = "Anne\r\nMarie"
    assert not refused(made, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        f'{HEAD},"note\n"p1","Zoé","A",""\np2,Ada,B,\n'.encode(),
        b"a,b\n" + b"x" * 70_000,
        b'a,b\n1,"' + b"never closed\n" * 5_000,
        b"a,A\n1,2\n",
        b"\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8",
    ],
)
def test_what_is_no_table_is_refused_by_the_name_of_its_file(content: bytes) -> None:
    with pytest.raises(Malformed) as error:
        lines(content)
    assert error.value.detail.startswith("users.csv")


def test_a_whole_register_is_read_from_a_zip_a_folder_in_it_and_a_folder(tmp_path: Path) -> None:
    files = village().csv()
    flat = village().zip(tmp_path / "flat.zip")
    deep = zipped(tmp_path / "deep.zip", {f"Export/{name}": file for name, file in files.items()})
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, file in files.items():
        (folder / name).write_bytes(file)
    for path in (flat, deep, folder):
        found = heard(path)
        assert (found.read.mode, found.read.empty, found.report.rows) == ("bulk", (), [])
        assert len(found.people) == 8


def test_each_refused_row_is_told_with_line_field_and_value(tmp_path: Path) -> None:
    made = village()
    made.class_("c-bad", "x" * 65)
    made.person("p-bad", "pupil", "Zoé", "Bad")
    made.person("p-bare", "student", "", "Bare")
    made.person("p0", "student", "Zoé", "Twice")
    made.person("p-ext", "ext:zahnarzt", "Ed", "Other")
    made.add("academicSessions.csv", sourcedId="s", title="s", type="term", startDate="1.9.26")
    assert refused(made, tmp_path) == [
        ("academicsessions.csv", 3, "startDate", "1.9.26"),
        ("classes.csv", 4, "title", "x" * 39 + "…"),
        ("users.csv", 11, "givenName", ""),
        ("users.csv", 12, "sourcedId", "p0"),
        ("roles.csv", 10, "role", "pupil"),
        ("roles.csv", 12, "sourcedId", "r-p0"),
    ]


def test_the_report_has_an_end_and_no_formula_runs_in_a_spreadsheet(tmp_path: Path) -> None:
    made = village()
    for number in range(EACH_MAX + 5):
        made.enrol("c-6a", f"u{number}", "=cmd()")
    report = heard(made.zip(tmp_path / "b.zip")).report
    assert (report.refused["enrollments.csv"], len(report.rows)) == (EACH_MAX + 5, EACH_MAX)
    write_report(report.rows, tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["value"] for row in rows} == {"'=cmd()"}


def test_a_spreadsheet_of_a_decimal_comma_is_given_semicolons(tmp_path: Path) -> None:
    rows = [RowRefused("users.csv", 2, "role", "a, b", "Why; so.")]
    write_report(rows, tmp_path / "report.csv", semicolons=True)
    told = (tmp_path / "report.csv").read_bytes().decode("utf-8-sig").splitlines()
    assert told == ["file;line;field;value;why", 'users.csv;2;role;a, b;"Why; so."']


def test_a_word_that_is_none_is_refused_with_those_that_are(tmp_path: Path) -> None:
    made = village()
    made.add("users.csv", sourcedId="u", enabledUser="oui", givenName="A", familyName="B")
    made.person("p-bad", "pupil", "Zoé", "Bad")
    why = {row.field: row.why for row in heard(made.zip(tmp_path / "b.zip")).report.rows}
    assert why["enabledUser"] == "One of these stands here: true, false."
    assert why["role"].startswith("One of these stands here: administrator, aide, ")
    assert why["role"].endswith("student, systemadministrator, teacher, ext:….")


def test_dates_and_truths_are_read_as_a_french_and_a_german_excel_write_them(
    tmp_path: Path,
) -> None:
    made = village()
    year = made.rows["academicSessions.csv"][0]
    year |= {"startDate": "01/09/2026", "endDate": "10.7.2027"}
    for number, flag in enumerate(("VRAI", "Faux", "WAHR", "falsch")):
        made.rows["users.csv"][number]["enabledUser"] = flag
    first, second, third = made.rows["enrollments.csv"][:3]
    first |= {"beginDate": "28/11/2026", "endDate": "29/11/2026"}
    second |= {"beginDate": "29.11.2026"}
    third |= {"beginDate": "11/28/2026"}
    with a_staging() as staging, open_bundle(made.zip(tmp_path / "b.zip")) as bundle:
        report = Report()
        read_bundle(bundle, staging, report, TODAY)
        sessions = list(staging.rows("SELECT begins_on, ends_on FROM f_session"))
        enabled = list(staging.rows("SELECT enabled FROM f_user ORDER BY source LIMIT 4"))
        active = list(staging.rows("SELECT active FROM f_enrolment ORDER BY source LIMIT 2"))
    assert (sessions, enabled) == ([("2026-09-01", "2027-07-10")], [(1,), (0,), (1,), (0,)])
    assert active == [(1,), (0,)]
    (row,) = report.rows
    assert (row.field, row.value, row.why) == ("beginDate", "11/28/2026", A_DATE)


def test_a_column_that_is_called_otherwise_is_told_once_and_its_rows_are_counted(
    tmp_path: Path,
) -> None:
    users = "sourcedId,Prénom,Nom,enabledUser\np1,Zoé,B,oui\np2,Ada,C,true\np3,Eve,D,true\n"
    files = village().csv() | {"users.csv": users.encode()}
    found = heard(zipped(tmp_path / "b.zip", files)).report
    told = [(row.line, row.field, row.why) for row in found.rows if row.file == "users.csv"]
    assert told == [
        (2, "enabledUser", "One of these stands here: true, false."),
        (0, "givenName", "There is no column givenName, familyName."),
    ]
    assert found.refused["users.csv"] == 3


def test_a_file_alone_is_no_bundle_and_is_told_what_is(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("sourcedId\n")
    with pytest.raises(Malformed) as refused_, open_bundle(tmp_path / "users.csv"):
        pass
    assert "a zip of OneRoster's CSV files, or the folder they lie in" in refused_.value.detail


def test_demographics_are_not_read(tmp_path: Path) -> None:
    files = village().csv() | {"demographics.csv": b"sourcedId,sex\np0,female\n"}
    report = heard(zipped(tmp_path / "b.zip", files)).report
    assert [(row.file, row.line) for row in report.rows] == [("demographics.csv", 0)]
    assert not report.read["demographics.csv"]


def test_the_older_form_has_roles_in_users_and_needs_no_file_of_roles(tmp_path: Path) -> None:
    users = b"sourcedId,status,orgSourcedIds,role,givenName,familyName\np1,active,o,student,A,B\n"
    files = {"users.csv": users, "manifest.csv": b"propertyName,value\noneroster.version,1.1\n"}
    found = heard(zipped(tmp_path / "b.zip", files))
    assert found.people == {("p1", "A")}
    assert found.read.empty == ("classes.csv", "enrollments.csv")


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ("oneroster.version,1.0", "neither 1.1 nor 1.2"),
        ("file.users,bulk\nfile.classes,delta", "All files of a bundle are bulk"),
        ("file.users,all", "absent, bulk or delta"),
        ("file.users,delta,x", "Line 2 of the manifest: The row has more columns"),
        ('source.systemName,"A\nfile.users,delta', "Line 3 of the manifest: "),
        (",delta", "Line 2 of the manifest: This may not be empty."),
    ],
)
def test_a_manifest_that_means_something_else_is_refused(
    tmp_path: Path, manifest: str, why: str
) -> None:
    files = {"manifest.csv": f"propertyName,value\n{manifest}\n".encode()}
    with pytest.raises(Malformed) as error:
        heard(zipped(tmp_path / "b.zip", files))
    assert why in error.value.detail


@pytest.mark.parametrize(
    "files",
    [
        {"../users.csv": b"x"},
        {"/etc/users.csv": b"x"},
        {"a\\users.csv": b"x"},
        {"users.csv": b"\0" * 5_000_000},
        {f"{n}.csv": b"x" for n in range(65)},
        {"users.csv": b"x", "Export/Users.csv": b"x"},
    ],
)
def test_a_zip_that_leads_out_or_grows_without_end_is_refused(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    with pytest.raises(Malformed):
        heard(zipped(tmp_path / "b.zip", files))


def test_what_is_no_zip_or_half_of_one_is_refused(tmp_path: Path) -> None:
    whole = village().zip(tmp_path / "b.zip").read_bytes()
    spoilt = bytearray(whole)
    spoilt[whole.index(b"users.csv") + 40] ^= 0xFF
    for content in (b"", b"%PDF-1.7", whole[: len(whole) // 2], bytes(spoilt)):
        (tmp_path / "c.zip").write_bytes(content)
        with pytest.raises(Malformed):
            heard(tmp_path / "c.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert archive.testzip() is None


KILLED = """
import os, signal
from central_mdm.roster.oneroster.rows import BROKEN
from central_mdm.roster.oneroster.staging import a_staging
with a_staging() as staging:
    staging.many("INSERT INTO f_user (source, given) VALUES (?, ?)", [("p1", "Zofia")])
    staging.settle()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_import_has_left_is_removed_by_the_next_and_a_living_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with a_staging() as living:
        killed = subprocess.run(
            [sys.executable, "-c", KILLED], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False
        )
        assert killed.returncode == -signal.SIGKILL
        (left,) = (one for one in tmp_path.iterdir() if one != living.path.parent)
        assert b"Zofia" in (left / "staging.db").read_bytes()
        with a_staging():
            assert not left.exists()
        assert living.path.exists()
    assert list(tmp_path.iterdir()) == []
