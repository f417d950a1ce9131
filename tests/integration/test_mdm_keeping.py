"""A backup is all of a server, sealed; restored elsewhere it is the same one in a new epoch."""

import asyncio
import io
import json
import logging
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from blake3 import blake3
from msgspec import msgpack
from sqlalchemy import make_url, select, text, update

from central_mdm.cli import main
from central_mdm.identity.model import audit_acts
from central_mdm.joining import COPIES, ground_at
from central_mdm.keeping import ALL_SEEING, back_up, restore
from central_mdm.partage.model import chunks
from central_mdm.platform.errors import Malformed, Refused
from central_mdm.platform.passes import DAY_SECONDS
from central_mdm.roster import uploading
from central_mdm.roster.model import scopes
from central_mdm.strongbox import PIECE_BYTES, Opening, Sealing
from central_mdm.verifying import look_through
from tests import postgres
from tests.integration.test_mdm_partage import an_offer, offer, put
from tests.integration.test_passes import coming, enrolled
from tests.mdm import BACKENDS, Mdm, Prepared, running

pytestmark = pytest.mark.real_loop
PASSPHRASE = "seven horses by the sea"  # noqa: S105 - of a file that a test makes
CHUNK = b"what a pupil wrote" * 1000
SALT, NONCE = bytes(16), bytes(7)


def quick_key(passphrase: str, salt: bytes) -> bytes:
    """Make a key at no cost: one test asks what the real one does."""
    return blake3(passphrase.encode() + salt).digest()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("central_mdm.strongbox.key_from", quick_key)


def sealed(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = io.BytesIO()
    sealing = Sealing(file, passphrase, SALT, NONCE)
    for start in range(0, len(content), 300_000):
        sealing.write(content[start : start + 300_000])
    sealing.close()
    return file.getvalue()


def opened(raw: bytes, passphrase: str = PASSPHRASE) -> bytes:
    opening = Opening(io.BytesIO(raw), passphrase)
    return b"".join(iter(lambda: opening.read(70_000), b""))


@pytest.fixture
def three_pieces(quick: None) -> tuple[bytes, bytes]:
    del quick
    content = bytes(range(256)) * (2 * PIECE_BYTES // 256) + b"and a little more"
    return content, sealed(content)


def test_what_was_sealed_is_read_whole_and_by_its_passphrase_only(
    three_pieces: tuple[bytes, bytes],
) -> None:
    content, raw = three_pieces
    assert opened(raw) == content
    assert b"and a little more" not in raw
    with pytest.raises(Malformed, match="backup"):
        opened(raw, "another passphrase")
    with pytest.raises(Malformed, match="passphrase"):
        sealed(b"", "too short")


@pytest.mark.parametrize("spoil", ["cut", "flip", "swap", "drop", "twice", "header"])
def test_a_sealed_stream_that_was_touched_is_refused(
    three_pieces: tuple[bytes, bytes], spoil: str
) -> None:
    _, raw = three_pieces
    start, piece = raw.index(b"\n") + 1, PIECE_BYTES + 16
    first, second, rest = (
        raw[start:][:piece],
        raw[start + piece :][:piece],
        raw[start + 2 * piece :],
    )
    touched = {
        "cut": raw[: start + 2 * piece],
        "flip": raw[:-1] + bytes([raw[-1] ^ 1]),
        "swap": raw[:start] + second + first + rest,
        "drop": raw[:start] + second + rest,
        "twice": raw[:start] + first + first + second + rest,
        "header": raw[:start].replace(b"-1", b"-2") + raw[start:],
    }[spoil]
    with pytest.raises(Malformed, match="backup"):
        opened(touched)


def manifest_of(chunk: bytes) -> bytes:
    pieces = [[len(chunk), blake3(chunk).digest()]]
    told = {"format": 1, "chunking": "fixed-4m", "size": len(chunk), "chunks": pieces}
    return msgpack.encode(told)


async def furnish(folder: Path, url: str) -> str:
    """Let a file be handed in; return the school's epoch."""
    async with running(folder, url) as mdm:
        headers = await mdm.as_teacher()
        name = blake3(CHUNK)
        await mdm.http.put(f"/api/chunks/{name.hexdigest()}", content=CHUNK, headers=headers)
        manifest = manifest_of(CHUNK)
        offered = {"id": "file-1", "lesson": "l", "class_id": "5B", "pupil": "", "name": "d.odt"}
        kept = await mdm.http.post(
            "/api/files",
            content=json.dumps(offered | {"manifest": b64encode(manifest).decode()}),
            headers=headers,
        )
        assert kept.json()["state"] == "kept", kept.text
        return await epoch_of(mdm.http, headers)


async def epoch_of(http: httpx.AsyncClient, headers: dict[str, str]) -> str:
    answer = await http.get("/api/changes?scope=class:5B", headers=headers)
    return answer.json()["epoch"]


async def spoilt_is_found(mdm: Mdm, folder: Path) -> None:
    (chunk,) = [one for one in (folder / "objects").rglob("*") if one.is_file()]
    chunk.write_bytes(CHUNK[1:])
    async with mdm.ground.database.writing(mdm.school) as connection:
        await connection.execute(update(scopes).values(sequence=1))
    faults = (await look_through(mdm.ground))[mdm.school].faults
    assert any("is not what its name says" in fault for fault in faults)
    assert any("its counter is behind" in fault for fault in faults)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_restored_server_is_the_same_in_a_new_epoch(
    tmp_path: Path,
    backend: str,
    school_on: Callable[[str], Prepared],
    caplog: pytest.LogCaptureFixture,
) -> None:
    old, new, out = tmp_path / "old", tmp_path / "new", tmp_path / "kept" / "of-today"
    out.parent.mkdir()
    prepared = school_on(backend)
    with prepared.copy(old) as url:
        epoch = await furnish(old, url)
        # Only who is shown all schools can copy them all.
        all_seeing = url.replace(f"//{postgres.ROLE}@", f"//{postgres.OWNER}@")
        if url:
            with pytest.raises(Refused, match="postgresql"):
                async with ground_at(old, url) as ground:
                    await back_up(ground, old, out, PASSPHRASE)
        async with ground_at(old, all_seeing) as ground:
            kept = await back_up(ground, old, out, PASSPHRASE)
            looked = await look_through(ground)
        # Two keys: the school's, and the servers' own, by which refresh tokens tell their descent.
        assert (kept.schools, kept.keys, kept.chunks, kept.lost_chunks) == (1, 2, 1, 0)
        assert [path.name for path in out.parent.iterdir()] == [out.name], "nothing else is left"
        assert (out.stat().st_mode & 0o777, b"Lambert" in out.read_bytes()) == (0o600, False)
        with postgres.database(prepared.cluster, "restored") if url else nullcontext("") as empty:
            with pytest.raises(Malformed):
                await restore(out, new, empty, passphrase="another passphrase")  # noqa: S106
            assert not new.exists()
            assert (await restore(out, new, empty, passphrase=PASSPHRASE)).chunks == 1
            shutil.copy(old / "sample.json", new)
            async with running(new, empty) as mdm:
                assert await look_through(mdm.ground) == looked
                assert await last_act(mdm) == "admin restore"
                headers = await mdm.as_teacher()
                assert (await mdm.http.get("/api/files/file-1", headers=headers)).content == CHUNK
                assert await epoch_of(mdm.http, headers) != epoch
                await spoilt_is_found(mdm, new)
                caplog.clear()  # "collected work is lost"


RIGHTS = (
    (
        "SELECT proname, proowner::regrole::text, proacl::text FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    ),
    (
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
        " WHERE grantee = 'pupitre_gather'"
    ),
    "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies",
    (
        "SELECT kind, has_schema_privilege('pupitre_gather', 'public', kind)"
        " FROM unnest(ARRAY['USAGE', 'CREATE']) AS kind"
    ),
)
"""Who owns the functions over many schools and may call them, and what they may see."""


async def rights_in(mdm: Mdm) -> list[set[tuple[object, ...]]]:
    if mdm.ground.database.is_sqlite:
        return []
    async with mdm.ground.database.reading("") as connection:
        return [{tuple(row) for row in await connection.execute(text(each))} for each in RIGHTS]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_restored_server_knows_devices_by_their_passes_and_keys(
    tmp_path: Path, backend: str, school_on: Callable[[str], Prepared]
) -> None:
    old, new, out = (tmp_path / name for name in ("old", "new", "file"))
    prepared = school_on(backend)
    with prepared.copy(old) as url:
        async with running(old, url) as mdm, enrolled(mdm, tmp_path) as (folder, check_ins, asked):
            await check_ins.once()
            rights = await rights_in(mdm)
        async with ground_at(
            old, url.replace(f"//{postgres.ROLE}@", f"//{postgres.OWNER}@")
        ) as all_:
            await back_up(all_, old, out, PASSPHRASE)
        with postgres.database(prepared.cluster, "restored") if url else nullcontext("") as empty:
            await restore(out, new, empty, passphrase=PASSPHRASE)
            shutil.copy(old / "sample.json", new)
            async with running(new, empty) as mdm:
                check_ins = coming(mdm, folder, asked)
                for _ in range(2):
                    await check_ins.once()
                    mdm.clock.at += DAY_SECONDS
                assert await rights_in(mdm) == rights
    assert asked == ["/api/check-in"] * 3 + ["/api/proofs", "/api/check-in"]


async def last_act(mdm: Mdm) -> str:
    async with mdm.ground.database.reading(mdm.school) as connection:
        acts = select(audit_acts.c.act).order_by(audit_acts.c.number.desc())
        return str((await connection.execute(acts)).scalars().first())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("spoilt", ["lost", "rotten"])
async def test_what_a_backup_could_not_copy_is_counted_and_asked_for_after_the_restore(
    tmp_path: Path,
    school_on: Callable[[str], Prepared],
    spoilt: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with school_on("sqlite").copy(old) as url:
        await furnish(old, url)
        (chunk,) = (old / "objects").rglob(blake3(CHUNK).hexdigest())
        chunk.unlink()
        if spoilt == "rotten":
            chunk.write_bytes(CHUNK[1:])
        async with ground_at(old, url) as ground:
            kept = await back_up(ground, old, tmp_path / "file", PASSPHRASE)
    lost, rotten = spoilt == "lost", spoilt == "rotten"
    assert (kept.chunks, kept.lost_chunks, kept.rotten_chunks) == (0, lost, rotten)
    assert (await restore(tmp_path / "file", new, passphrase=PASSPHRASE)).lost_chunks == 1
    said = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert said == ["collected work is lost"]
    caplog.clear()
    shutil.copy(old / "sample.json", new)
    async with running(new, "") as mdm:
        offered = an_offer(mdm, manifest_of(CHUNK), pupil="")
        assert (await offer(mdm, offered))["missing"] == [blake3(CHUNK).hexdigest()]
        assert await put(mdm, CHUNK) == 204
        assert (await offer(mdm, offered))["state"] == "kept"


@pytest.mark.usefixtures("quick")
async def test_a_backup_misses_nothing_that_a_tidying_was_killed_at(
    tmp_path: Path, school_on: Callable[[str], Prepared]
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with school_on("sqlite").copy(old) as url:
        async with running(old, url) as mdm:
            assert await put(mdm, CHUNK) == 204
            async with mdm.ground.database.writing(mdm.school) as connection:
                await connection.execute(update(chunks).values(leaving=True))
            await mdm.ground.objects.remove(mdm.school, blake3(CHUNK).hexdigest())
            kept = await back_up(mdm.ground, old, tmp_path / "file", PASSPHRASE)
    again = await restore(tmp_path / "file", new, passphrase=PASSPHRASE)
    assert (kept.chunks, kept.lost_chunks, again.lost_chunks) == (0, 0, 0)


@pytest.mark.parametrize("is_volume", [False, True])
async def test_a_copy_is_put_into_an_empty_volume_and_what_a_killed_restore_left_goes(
    tmp_path: Path, school_on: Callable[[str], Prepared], *, is_volume: bool
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with school_on("sqlite").copy(old) as url:
        async with running(old, url) as mdm:
            await back_up(mdm.ground, old, tmp_path / "file", PASSPHRASE)
    of_one_killed = (new if is_volume else tmp_path) / ".new.part-x"  # the schools' keys in clear
    shutil.copytree(old, of_one_killed / "new")
    await restore(tmp_path / "file", new, passphrase=PASSPHRASE)
    left = {each.name for each in new.iterdir()}
    assert {"keys", "central.db"} <= left
    assert not [name for name in left if "part" in name]
    assert not of_one_killed.exists()
    with pytest.raises(Refused, match="exists"):
        await restore(tmp_path / "file", new, passphrase=PASSPHRASE)
    with pytest.raises(Refused, match="exists"):
        await restore(tmp_path / "file", tmp_path / "file", passphrase=PASSPHRASE)


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from central_mdm import keeping, strongbox
from central_mdm.joining import ground_at

def copied(*where):
    copies(*where)
    os.kill(os.getpid(), signal.SIGTERM)

async def main(folder):
    async with ground_at(folder) as ground:
        await keeping.back_up(ground, folder, folder.with_name("of-a-killed"), "seven horses")

copies, keeping._copy_database = keeping._copy_database, copied
strongbox.key_from = lambda passphrase, salt: bytes(32)
asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.usefixtures("quick")
def test_the_copy_that_a_killed_backup_left_in_clear_goes_with_the_next_and_with_a_start(
    tmp_path: Path, school_on: Callable[[str], Prepared], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, upload = tmp_path / "old", tmp_path / f"{uploading.PREFIX}x"
    with school_on("sqlite").copy(folder), socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
        assert done.returncode == -signal.SIGTERM
        (left,) = folder.glob(f"{COPIES}*")
        assert b"Lambert" in (left / "central.db").read_bytes()
        for copy in (folder / f"{COPIES}y", upload):
            shutil.copytree(left, copy)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSPHRASE}\n"))
        out = str(tmp_path / "file")
        assert main(["admin", "backup", "--folder", str(folder), "--out", out]) == 0
        assert [*folder.glob(f"{COPIES}*")] == []
        shutil.copytree(upload, left)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        port = str(taken.getsockname()[1])
        assert main(["serve", "--folder", str(folder), "--port", port]) == 1, "it gets that far"
        assert (left.exists(), upload.exists()) == (False, False)


def test_the_commands_write_read_and_look_through(
    tmp_path: Path,
    school_on: Callable[[str], Prepared],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def says(*words: str | Path) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSPHRASE}\n"))
        code = main(["admin", *map(str, words)])
        told = capsys.readouterr()
        return code, told.out + told.err

    with school_on("sqlite").copy(tmp_path / "old"):
        made = says("backup", "--folder", tmp_path / "old", "--out", tmp_path / "file")
        assert (made[0], json.loads(made[1])["backup"]["schools"]) == (0, 1)
        again = says("backup", "--folder", tmp_path / "old", "--out", tmp_path / "file")
        assert (again[0], "is there already" in again[1]) == (1, True)
        none = tmp_path / "none" / "file"
        assert (
            f"no folder {none.parent}."
            in says("backup", "--folder", tmp_path / "old", "--out", none)[1]
        )
        acts = says("audit", "--folder", tmp_path / "old", "--school", "tilleuls")[1]
        told = [(act["act"], act["detail"]) for act in json.loads(acts)["acts"]]
        assert told == [
            ("admin backup", detail)
            for detail in ("refused: no-folder", "refused: exists", "begins", "", "begins")
        ], "the newest first"
    assert says("restore", tmp_path / "file", "--folder", tmp_path / "new")[0] == 0
    code, told = says("verify", "--folder", tmp_path / "new")
    assert (code, json.loads(told)["verified"]["tilleuls"]["faults"]) == (0, [])


@pytest.mark.usefixtures("quick")
def test_the_user_that_people_are_told_to_make_can_back_up_and_do_nothing_else(
    tmp_path: Path,
    school_on: Callable[[str], Prepared],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def says(database: str, name: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSPHRASE}\n"))
        where = ("--folder", str(tmp_path / "old"), "--database", database)
        code = main(["admin", "backup", *where, "--out", str(tmp_path / name)])
        told = capsys.readouterr()
        return code, told.out + told.err

    prepared = school_on("postgresql")
    with prepared.copy(tmp_path / "old") as url:
        code, told = says(url, "by-the-server")
        assert (code, ALL_SEEING in told) == (1, True)
        name = str(make_url(url).database)
        with postgres.superuser(prepared.cluster, name) as connection:
            connection.execute(ALL_SEEING.encode())
        as_told = url.replace(f"//{postgres.ROLE}@", "//pupitre_backup@")
        code, told = says(as_told, "file")
        assert (code, json.loads(told)["backup"]["schools"]) == (0, 1)
        with psycopg.connect(as_told.replace("+psycopg", "")) as connection:
            row = connection.execute("SELECT act, detail FROM audit_acts ORDER BY number DESC")
            assert row.fetchmany(2) == [("admin backup", ""), ("admin backup", "begins")]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM audit_acts")
    with postgres.superuser(prepared.cluster) as connection:
        connection.execute("DROP ROLE pupitre_backup")
    manual = (Path(__file__).parents[2] / "docs" / "operate.md").read_text()
    assert ALL_SEEING in manual


def found(folder: Path, pupil: str) -> list[int]:
    """Count the pupil's names, where their class is told that they left, and acts on them."""
    queries = (
        "SELECT count(*) FROM roster_pupils WHERE id = ?",
        "SELECT count(*) FROM roster_changes WHERE id = ? AND row IS NULL AND scope = 'class:5B'",
        "SELECT count(*) FROM audit_acts WHERE object = ?",
    )
    with closing(sqlite3.connect(folder / "central.db")) as database:
        return [database.execute(query, (pupil,)).fetchone()[0] for query in queries]


@pytest.mark.usefixtures("quick")
def test_whom_a_server_has_erased_no_copy_of_before_brings_back(
    tmp_path: Path,
    school_on: Callable[[str], Prepared],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new, out, copy = (tmp_path / name for name in ("old", "new", "file", "copy"))

    def says(*words: str | Path) -> Any:  # noqa: ANN401 - what a command prints
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSPHRASE}\n"))
        assert main([*map(str, words)]) == 0
        return json.loads(capsys.readouterr().out)

    with school_on("sqlite").copy(old):
        pupil = json.loads((old / "sample.json").read_text())["devices"][0]["pupil"]
        says("admin", "backup", "--folder", old, "--out", out)
        with closing(sqlite3.connect(old / "central.db")) as database:
            database.execute("VACUUM INTO ?", (str(copy),))
        says("admin", "erase", "--folder", old, "--school", "tilleuls", "--pupil", pupil)
        for path in old.glob("central.db*"):
            path.unlink()
        shutil.copy(copy, old / "central.db")
        assert found(old, pupil) == [1, 0, 0]
        told = says("restored", "--folder", old, "--school", "tilleuls")
        assert (told["erased"], found(old, pupil)) == (1, [0, 1, 1])
        assert says("restored", "--folder", old, "--school", "tilleuls")["erased"] == 0

        told = says("admin", "restore", out, "--folder", tmp_path / "without")
        assert (told["restored"]["erased"], found(tmp_path / "without", pupil)) == (0, [1, 0, 0])
        assert "restore anew with --erased FILE" in told["mind"]
        list_ = ("--erased", old / "erased.jsonl")
        told = says("admin", "restore", out, "--folder", new, *list_)
        assert (told["restored"]["erased"], found(new, pupil), "mind" in told) == (
            1,
            [0, 1, 1],
            False,
        )
    again = tmp_path / "again"
    says("admin", "backup", "--folder", new, "--out", again)
    says("admin", "restore", again, "--folder", tmp_path / "third")
    assert pupil in (tmp_path / "third" / "erased.jsonl").read_text(), "a copy has the list as well"


def test_who_says_that_the_database_was_set_back_has_its_chunks_looked_for(
    tmp_path: Path, school_on: Callable[[str], Prepared], caplog: pytest.LogCaptureFixture
) -> None:
    with school_on("sqlite").copy(tmp_path):
        asyncio.run(furnish(tmp_path, ""))
        (chunk,) = (tmp_path / "objects").rglob(blake3(CHUNK).hexdigest())
        chunk.unlink()
        assert main(["restored", "--folder", str(tmp_path), "--school", "tilleuls"]) == 0
        assert "collected work is lost" in caplog.text
        caplog.clear()
        with closing(sqlite3.connect(tmp_path / "central.db")) as database:
            assert database.execute("SELECT lost FROM partage_chunks").fetchall() == [(1,)]
