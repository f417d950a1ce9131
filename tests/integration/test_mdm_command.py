"""What `pupitre-mdm` says on a terminal when it cannot do what it was asked."""

import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_mdm.cli import main
from central_mdm.identity.certificates import make_root
from central_mdm.platform.errors import Malformed
from central_mdm.platform.keys import FolderKeys
from central_mdm.pupils import NOBODY
from central_mdm.roster.oneroster.plan import NO_SESSION
from device_bridge.trust.identity import key_to_pem
from tests.mdm import Prepared
from tests.registers import village

LOOK = "Look at what you named, and at --school."


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str]:
    code = main([str(word) for word in words])
    return code, capsys.readouterr().err


def test_a_second_sample_in_one_folder_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = ("sample", "--devices", "3", "--folder", tmp_path / "school")
    assert said(capsys, *sample)[0] == 0
    before = (tmp_path / "school" / "sample.json").read_bytes()
    code, words = said(capsys, *sample)
    assert code == 1
    assert "there is a school in this folder already" in words
    assert (tmp_path / "school" / "sample.json").read_bytes() == before


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_who_lets_a_device_go_says_who_they_are_and_is_told_what_lacks(
    tmp_path: Path,
    prepared_school: Prepared,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = ("release", "--folder", tmp_path, "--school", "tilleuls", "--device", "x")
    lambert = (*release, "--as", "lambert")
    with prepared_school.copy(tmp_path):
        (first, *_) = json.loads((tmp_path / "sample.json").read_text())["teachers"]
        for words, typed, told in (
            (release, "", "Say who lets it go: --as LOGIN, the password on stdin."),
            (lambert, "?", "login and password do not belong to a person of this school."),
            (lambert, first["password"], f"There is no device x. {LOOK}"),
        ):
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
            code, heard = said(capsys, *words)
            assert (code, heard.splitlines()[-1]) == (1, f"pupitre-mdm: {told}")


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_a_person_who_could_not_sign_in_is_not_added_and_nobodys_hash_is_told(
    tmp_path: Path,
    prepared_school: Prepared,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = ("--folder", tmp_path, "--school", "tilleuls")
    long = "a long password"
    with prepared_school.copy(tmp_path):
        for command in (("teacher",), ("admin", "person")):
            for words, typed, told in (
                (("new", "login", "Anna"), "a", "A password has 8 characters or more."),
                (("bad id é", "login", "Anna"), long, "--id takes letters from a to z (no "),
                (("new", "login", ""), long, "--name may not be empty."),
                (("new", "lambert", "Anna"), long, "that id or that login already."),
            ):
                named = zip(("--id", "--login", "--name"), words, strict=True)
                monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
                code, heard = said(capsys, *command, *where, *(w for pair in named for w in pair))
                assert (code, told in heard, "argon2" in heard) == (1, True, False), heard


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_ids_names_and_numbers_of_a_command_are_those_of_the_contract(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--folder", tmp_path)
    with prepared_school.copy(tmp_path):
        for id_, name, told in (
            ("Saint-Exupéry", "Y", "--school takes letters from a to z (no accents), digits and "),
            ("x" * 65, "Y", "--school has 64 characters at most."),
            ("new", "", "--name may not be empty."),
        ):
            for command in (("school",), ("admin", "school")):
                code, heard = said(capsys, *command, "--school", id_, "--name", name, *where)
                assert (code, f"pupitre-mdm: {told}" in heard) == (1, True), heard
        for words in (
            ("code", "--class", "5B", "--hours", "-5"),
            ("admin", "audit", "--before", "9" * 30),
        ):
            with pytest.raises(SystemExit):
                said(capsys, *words, "--school", "tilleuls", *where)
            assert "is not from" in capsys.readouterr().err


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
@pytest.mark.parametrize("admin", [(), ("admin",)])
def test_a_school_that_is_here_gets_no_second_file_for_the_safe(
    tmp_path: Path,
    prepared_school: Prepared,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    admin: tuple[str, ...],
) -> None:
    first, second = tmp_path / "safe.json", tmp_path / "safe2.json"
    where = ("--folder", tmp_path, "--school", "chenes")
    typed = "a long passphrase\n" * 3
    with prepared_school.copy(tmp_path):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        school = (*admin, "school", *where, "--name", "Les Chênes", "--sealed")
        assert (said(capsys, *school, first)[0], first.exists()) == (0, True)
        for again in (school, ("standby", *where, "--sealed")):
            assert (said(capsys, *again, second)[0], second.exists()) == (1, False), again
        joins = (*school, second, "--joins")
        assert "pupitre-mdm standby" in said(capsys, *joins)[1]
        assert not second.exists()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_schools_and_codes_are_made_under_admin_as_well(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--folder", tmp_path, "--school")
    with prepared_school.copy(tmp_path):
        for admin in ((), ("admin",)):
            school = " ".join((*admin, "school"))
            name = school.replace(" ", "-")
            assert said(capsys, *admin, "school", *here, name, "--name", "N")[0] == 0
            words = [str(word) for word in (*admin, "code", *here, "tilleuls", "--class", "5B")]
            assert main(words) == 0
            assert len(json.loads(capsys.readouterr().out)["code"]) == len("AAAA-BBBB-CCCC")
            assert main([str(word) for word in ("admin", "audit", *here, name)]) == 0
            (act,) = json.loads(capsys.readouterr().out)["acts"]
            assert (act["act"], act["object"]) == (school, f"school {name}")


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_an_import_that_asks_names_who_would_be_gone_and_how_to_say_yes(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, register = tmp_path / "b.zip", village()
    words = ("admin", "import", "--folder", tmp_path, "--school", "tilleuls", bundle)
    with prepared_school.copy(tmp_path):
        register.zip(bundle)
        assert said(capsys, *words)[0] == 0
        for number in range(3):
            register.drop("users.csv", sourcedId=f"p{number}")
            register.drop("enrollments.csv", userSourcedId=f"p{number}")
        register.zip(bundle)
        code, heard = said(capsys, *words)
        last = heard.splitlines()[-1]
        told = "Gone would be: pupils Amina Sow, Zoé Martin, Zoé Moreau. Nothing is done yet."
        assert (code, told in last) == (1, True)
        assert said(capsys, *words, *last.split()[-2:])[0] == 0
        register.rows["academicSessions.csv"] = []
        for row in register.rows["classes.csv"]:
            row["termSourcedIds"] = "y62"
        register.zip(bundle)
        told = f"Refused: classes.csv: {NO_SESSION} Rows in all: 2; --report FILE.csv lists them."
        assert told in said(capsys, *words)[1]
        assert said(capsys, "admin", "erase", *words[2:6], "--pupil", "p4")[1].endswith(
            f"{NOBODY} {LOOK}\n"
        )


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_a_list_whose_reader_has_enough_ends_without_a_word(
    tmp_path: Path, prepared_school: Prepared
) -> None:
    here = ("--folder", str(tmp_path), "--school", "tilleuls")
    command = [sys.executable, "-m", "central_mdm", "admin", "list", "devices", *here]
    with prepared_school.copy(tmp_path):
        reads, writes = os.pipe()
        os.close(reads)
        with os.fdopen(writes, "wb") as out:
            ended = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("command", [("code",), ("admin", "code"), ("serve",)])
def test_help_says_what_is_meant_where_nothing_is_said(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    wanted = ("default: 24", "default: 40") if "code" in command else ("default: 127.0.0.1",)
    assert all(each in told for each in wanted)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_a_mistyped_school_is_told_and_has_no_clean_list_of_alarms(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    told = f"pupitre-mdm: There is no school tileuls. {LOOK}"
    with prepared_school.copy(tmp_path):
        for command in (("alarms",), ("ending",), ("tidy",), ("code", "--class", "5B"), ("rules",)):
            code, heard = said(capsys, *command, "--folder", tmp_path, "--school", "tileuls")
            assert (code, heard.splitlines()[-1]) == (1, told), command


def test_a_sample_is_not_mixed_with_what_lies_in_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "marks.ods").touch()
    code, words = said(capsys, "sample", "--folder", tmp_path)
    assert (code, words) == (1, f"pupitre-mdm: {tmp_path}: it is not empty. Name a new folder.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["marks.ods"]


def test_a_port_that_another_program_has_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "a-school.pem").touch()
    (tmp_path / "central.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, words = said(capsys, "serve", "--folder", tmp_path, "--port", port)
    assert code == 1
    assert words == "pupitre-mdm: another program has this port. End it, or name another --port.\n"


@pytest.mark.parametrize("command", [("serve",), ("restored", "--school", "tilleuls")])
def test_a_mistyped_folder_is_told_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    code, words = said(capsys, *command, "--folder", tmp_path / "shool")
    assert code == 1
    assert words.startswith(f"pupitre-mdm: there is no school in {tmp_path / 'shool'}.")
    assert not (tmp_path / "shool").exists()


@pytest.mark.parametrize("command", [("serve",), ("tidy",), ("admin", "backup", "--out", "/no")])
def test_keys_without_their_database_are_told_and_no_other_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    FolderKeys(tmp_path / "keys").make("tilleuls")
    code, words = said(capsys, *command, "--folder", tmp_path)
    assert (code, "has keys and no database: say --database" in words) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "command", [("tidy",), ("restored", "--school", "tilleuls"), ("admin", "verify")]
)
def test_a_command_that_looks_for_work_where_none_lies_harms_none_of_it(
    prepared_school: Prepared,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: tuple[str, ...],
) -> None:
    row = "INSERT INTO partage_chunks (school, hash, size) VALUES ('tilleuls', ?, 9)"
    with prepared_school.copy(tmp_path), closing(sqlite3.connect(tmp_path / "central.db")) as kept:
        kept.execute(row, ("0" * 64,))
        kept.commit()
        code, words = said(capsys, *command, "--folder", tmp_path)
        assert (code, "say --objects" in words) == (1, True)
        left = kept.execute("SELECT leaving, lost FROM partage_chunks").fetchall()
        assert left == [(0, 0)]


def test_a_damaged_key_and_a_database_that_cannot_be_opened_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FolderKeys(tmp_path / "keys").make("tilleuls")
    (tmp_path / "central.db").write_bytes(b"no database at all, but as long as the head of one" * 9)
    code, words = said(capsys, "tidy", "--folder", tmp_path)
    assert (code, "file is not a database. Look at --database" in words) == (1, True)
    assert "sqlalche.me" not in words
    next((tmp_path / "keys").glob("*.pem")).write_text("half of")
    with pytest.raises(Malformed, match="key-damaged"):
        FolderKeys(tmp_path / "keys").key("tilleuls")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://pupitre:SEC@RET@localhost/pupitre",
        "postgresql+psycopg://pupitre:SECRET@:notaport/pupitre",
        "postgresql+psycopg://pupitre:SECRET:PW@x@localhost/pupitre",
    ],
)
def test_an_address_with_a_password_that_is_not_quoted_is_refused_and_never_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        said(capsys, "serve", "--folder", tmp_path, "--database", url)
    words = capsys.readouterr().err
    assert ("are %40 %3A" in words, "RET" in words, "PW" in words) == (True, False, False)


def test_a_certificate_and_the_key_of_another_are_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    FolderKeys(tmp_path / "keys").make("tilleuls")
    (tmp_path / "central.db").touch()
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    paths[0].write_text(make_root("tilleuls", key, int(time.time())))
    paths[1].write_bytes(key_to_pem(other))
    code, words = said(capsys, "serve", "--folder", tmp_path, "--cert", paths[0], "--key", paths[1])
    assert (code, "are no certificate and its key" in words) == (1, True)


@pytest.mark.parametrize(
    "wrong", [("--port", "99999"), ("--cert", "/missing.pem"), ("--database", "postgres")]
)
def test_options_that_cannot_be_are_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        said(capsys, "serve", "--folder", tmp_path, *wrong)
    assert wrong[1] in capsys.readouterr().err


@pytest.mark.parametrize(("given", "lacks"), [("--cert", "--key"), ("--key", "--cert")])
def test_half_of_what_tls_needs_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, lacks: str
) -> None:
    file = tmp_path / "half.pem"
    file.touch()
    with pytest.raises(SystemExit, match="2"):
        said(capsys, "serve", "--folder", tmp_path, given, file)
    assert f"{given} is for TLS, and so needs {lacks} as well" in capsys.readouterr().err


def test_a_class_of_nobody_is_no_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        said(capsys, "sample", "--folder", tmp_path / "school", "--devices", "0")
    assert "a class has from 1" in capsys.readouterr().err
    assert not (tmp_path / "school").exists()


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_a_class_is_given_to_a_substitute_for_today_by_the_command(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    give = ("substitute", "--folder", tmp_path, "--school", "tilleuls", "--class", "5B")
    with prepared_school.copy(tmp_path):
        assert said(capsys, *give, "--teacher", "t-sane")[0] == 0
        code, heard = said(capsys, *give, "--teacher", "t-nobody")
    told = f"pupitre-mdm: There is no person t-nobody. {LOOK}"
    assert (code, heard.splitlines()[-1]) == (1, told)


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_a_mistyped_class_gets_no_code_and_a_mistyped_code_is_not_said_to_be_ended(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--folder", tmp_path, "--school", "tilleuls")
    with prepared_school.copy(tmp_path):
        for words, told in (
            (("code", *here, "--class", "9Z"), "This school has no class 9Z. There are: "),
            (("revoke-code", *here, "--code", "AAAA-BBBB-CCCC"), "none such (no-code). "),
        ):
            code, heard = said(capsys, *words)
            assert (code, told in heard, heard.splitlines()[-1].endswith(LOOK)) == (1, True, True)
