"""What cannot be as it was typed at `pupitre-mdm` is told before anything of it is done."""

import asyncio
import io
import json
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import insert

from central_mdm import leaving_commands
from central_mdm.cli import main
from central_mdm.erased import unread
from central_mdm.identity.model import certificates
from central_mdm.joining import ground_at
from central_mdm.load.running import come_up
from central_mdm.load.school import make_school
from central_mdm.load.target import Target
from central_mdm.load.wire import Lines
from central_mdm.platform.errors import Refused
from tests.mdm import Mdm, Prepared
from tests.registers import village

pytestmark = pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
SCHOOL: Final = "tilleuls"
PASSPHRASE: Final = "a long passphrase"  # noqa: S105 - of a test's file
FLEET: Final = ("dev-a", "dev-b")
Says = Callable[..., tuple[int, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "server"


@pytest.fixture
def says(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Says:
    """Run a command in `folder`; return its code, and its answer or what it says instead."""

    def run(*words: str | Path, typed: str = "") -> tuple[int, Any]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        here = () if "--folder" in words else ("--folder", folder)
        code = 2
        with suppress(SystemExit):
            code = main([str(word) for word in (*words, *here)])
        heard = capsys.readouterr()
        return code, json.loads(heard.out) if heard.out else heard.err.splitlines()[-1]

    return run


def no_cost(*_: object) -> bytes:
    """Make the key of a passphrase; what a real one costs is another test's."""
    return bytes(32)


async def certified(folder: Path) -> None:
    """Enrol the fleet as far as letting it go has to know."""
    same = {"school": SCHOOL, "role": "device", "ends_at": 2**40}
    rows = [same | {"party": one, "serial": one, "thumbprint": one} for one in FLEET]
    async with ground_at(folder, "") as ground, ground.database.writing(SCHOOL) as connection:
        await connection.execute(insert(certificates), rows)


def acts_of(says: Says, school: str = SCHOOL) -> list[tuple[str, str]]:
    """Return what the audit has, the oldest first."""
    _, told = says("admin", "audit", "--school", school)
    return [(act["act"], act["detail"].partition(" ")[0]) for act in told["acts"]][::-1]


def test_no_device_is_let_go_whose_statement_could_not_be_written(
    prepared_school: Prepared,
    folder: Path,
    tmp_path: Path,
    says: Says,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with prepared_school.copy(folder):
        asyncio.run(certified(folder))
        one, two, *_ = json.loads((folder / "sample.json").read_text())["teachers"]

        def release(who: dict[str, str], *words: str | Path) -> tuple[int, Any]:
            named = ("--school", SCHOOL, "--as", who["login"])
            return says("release", *named, *words, typed=who["password"])

        a_file, none = tmp_path / "file", tmp_path / "none" / "x"
        a_file.touch()
        for out, told in (
            (none, f"There is no folder {none.parent}. Make it, or name another file."),
            (tmp_path, f"{tmp_path} is a folder. Name a file."),
        ):
            code, heard = release(one, "--device", FLEET[0], "--out", out)
            assert (code, heard) == (1, f"pupitre-mdm: {told}")
        code, asked = release(one, "--device", *FLEET, "--out", a_file)
        assert code == 0, "nothing is written yet"
        confirm = ("--confirm", asked["waits"], "--out")
        assert release(two, *confirm, a_file)[1].endswith(f"{a_file} is no folder. Name a folder.")
        assert acts_of(says) == [
            ("release", "refused:"),
            ("release", "refused:"),
            ("release-asked", "dev-a"),
            ("release", "refused:"),
        ]
        code, done = release(two, *confirm, none)
        written = {path.stem: path.read_text() for path in none.iterdir()}
        assert (code, done["releases"]) == (0, written), "the folder is made, and its parent"

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(leaving_commands, "_write", full)
        code, done = release(one, "--device", FLEET[0], "--out", tmp_path / "full")
        assert (code, list(done["releases"])) == (0, [FLEET[0]])
        assert "could not be written (No space left on device)" in done["note"]
        assert acts_of(says)[-2:] == [("release-confirmed", "dev-a"), ("device-released", "dev-a")]


def test_nothing_is_imported_or_copied_where_the_file_asked_for_could_not_be_written(
    prepared_school: Prepared, folder: Path, tmp_path: Path, says: Says
) -> None:
    bundle, none = tmp_path / "b.zip", tmp_path / "none"
    village().zip(bundle)
    told = f"pupitre-mdm: There is no folder {none}. Make it, or name another file."
    with prepared_school.copy(folder):
        imports = ("admin", "import", "--school", SCHOOL, bundle, "--report")
        assert says(*imports, none / "r.csv") == (1, told)
        assert says("admin", "backup", "--out", none / "b", typed=PASSPHRASE) == (1, told)
        assert acts_of(says) == [("admin import", "refused:"), ("admin backup", "refused:")]
        code, imported = says(*imports, tmp_path / "r.csv")
        assert (code, imported["done"]) == (0, True)


def test_a_school_joins_a_region_that_there_is_and_once(
    prepared_school: Prepared, folder: Path, says: Says
) -> None:
    def school(id_: str, *more: str) -> tuple[int, Any]:
        return says("admin", "school", "--school", id_, "--name", "N", *more)

    joins = ("--region", "north", "--joins")
    look = "Look at what you named, and at --school."
    with prepared_school.copy(folder):
        assert school("north", "--kind", "region")[0] == 0
        for words, told in (
            (("new", "--region", "nowhere"), f"There is no region nowhere. {look}"),
            (("new", "--region", SCHOOL), f"There is no region {SCHOOL}. {look}"),
            (("new", *joins), f"There is no school new. {look}"),
            ((SCHOOL, "--joins"), "Say which region it joins: --region."),
        ):
            assert school(*words) == (1, f"pupitre-mdm: {told}")
        assert "note" in school("new", "--region", "north")[1], "it was not opened by the first"
        assert f"There is a school {SCHOOL} already." in school(SCHOOL)[1]
        assert school(SCHOOL, *joins) == (0, {"done": "admin school"})
        note = f"School {SCHOOL} is under region north already. Nothing has changed."
        assert school(SCHOOL, *joins) == (0, {"done": "admin school", "note": note})


def test_a_class_is_known_by_its_name_or_told_to_be_none(
    prepared_school: Prepared, folder: Path, says: Says
) -> None:
    here = ("--school", SCHOOL)
    group = ("group", *here, "--id", "lab", "--name", "Lab", "--class")
    place = ("admin", "place", *here, "--all", "--from")
    with prepared_school.copy(folder):
        for words in ((*group, "6e X"), (*place, "6e X"), (*place, "5B", "--to", "6e X")):
            code, heard = says(*words)
            assert (code, "This school has no class 6e X. There are: " in heard) == (1, True)
        assert says(*group, "5e b") == (0, {"group": "lab", "devices": 0})
        code, placed = says(*place, "5e B", "--to", "4e A")
        assert (code, placed["placed"] > 1) == (0, True)
        assert acts_of(says)[3:] == [("group", "class_id=5B"), ("admin place", "dev-0001-4cdd2055")]


def test_what_is_no_list_of_the_erased_restores_nothing(
    prepared_school: Prepared,
    folder: Path,
    tmp_path: Path,
    says: Says,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("central_mdm.strongbox.key_from", no_cost)
    backup, list_, new = tmp_path / "backup", tmp_path / "list", tmp_path / "new"
    restore = ("admin", "restore", backup, "--erased", list_, "--folder")
    erased = b'{"school":"tilleuls","pupil":"p","at":1}'
    with prepared_school.copy(folder):
        assert says("admin", "backup", "--out", backup, typed=PASSPHRASE)[0] == 0
    list_.write_bytes(b"Dear all,\n\nplease find\n")
    told = "pupitre-mdm: This is no erased.jsonl."
    assert (says(*restore, new, typed=PASSPHRASE), new.exists()) == ((1, told), False)
    assert (unread(b""), unread(b"\n" + erased + b"\n")) == (0, 0)
    list_.write_bytes(erased + b"\n" + erased.replace(b'"p"', b'"\xff"'))
    code, told = says(*restore, new, typed=PASSPHRASE)
    assert (code, "could not be read: 1." in told["mind"]) == (0, True)
    caplog.clear()


def test_a_wrong_value_is_named(prepared_school: Prepared, folder: Path, says: Says) -> None:
    here = ("--school", SCHOOL)
    account = ("--issuer", "https://login.example", "--client", "c", "--label")
    with prepared_school.copy(folder):
        for words, told in (
            (("rules", "--network", "10.0.0.0/99"), "10.0.0.0/99 is no range of addresses, "),
            (("rules", "--gateway", "bar"), "bar is no hardware address, "),
            (("rules", "--private-minutes", "61"), "60 minutes for what is private, "),
            (("quota", "--gib", "abc"), "argument --gib: abc is no whole number"),
            (("quota", "--gib", "-1"), "argument --gib: -1 is not from 0 to "),
            (("admin", "openid", *account, " "), "one letter or more."),
        ):
            code, heard = says(*words, *here)
            assert (code > 0, told in heard) == (True, True), heard
        gateway = ("--gateway", "02-00-5E-10-00-01")
        assert says("rules", "--network", "10.0.1.2/16", *gateway, *here)[0] == 0
        devices = ("load", "http://127.0.0.1:1", "--devices", "x")
        assert says(*devices)[1].endswith("a load has from 1 to 5000 devices")


@pytest.mark.real_loop
async def test_a_load_says_that_the_server_does_not_serve_all_rooms(mdm: Mdm) -> None:
    made = await make_school(mdm.ground, "load-1", devices=1, people=0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer as a server of other rooms does: `test_mdm_rooms` asks a real one."""
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with (
            closing(Lines(Target("127.0.0.1", port))) as lines,
            pytest.raises(Refused, match="not-all-rooms") as refused,
        ):
            await come_up(lines, made)
    assert "does not serve all rooms" in refused.value.detail
