"""`pupitre-mdm load`: a served MDM is asked by many, on loopback only; nothing is left of it."""

import asyncio
from pathlib import Path

import pytest
from msgspec import json
from sqlalchemy import func, select

from central_mdm.cli import main
from central_mdm.identity.rules import schools_here
from central_mdm.load.report import Loaded
from central_mdm.load.school import end_school, loads_here, make_school
from central_mdm.load.tally import offer
from central_mdm.load.wire import Answer
from central_mdm.schema import all_tables
from tests.benchmarks.served import listening
from tests.mdm import Mdm, Prepared, new_request

pytestmark = pytest.mark.real_loop


def run(*words: str | Path) -> int:
    return main(["load", *map(str, words)])


async def rows_of(mdm: Mdm, school: str) -> int:
    async with mdm.ground.database.reading(school) as connection:
        counted = [
            select(func.count()).select_from(table).where(table.c.school == school)
            for table in all_tables().sorted_tables
        ]
        return sum([int(await connection.scalar(one) or 0) for one in counted])


@pytest.mark.parametrize("prepared_school", ["sqlite"], indirect=True)
def test_two_hundred_devices_and_two_teachers_are_all_answered_and_then_gone(
    tmp_path: Path, prepared_school: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    with prepared_school.copy(tmp_path), listening(tmp_path) as (url, _):
        keys = set((tmp_path / "keys").iterdir())
        offered = ("--devices", "200", "--seconds", "2", "--rate", "100", "--teachers", "2")
        assert run(url, "--folder", tmp_path, *offered, "--json") == 0
        lines = capsys.readouterr().out.splitlines()
        assert set((tmp_path / "keys").glob("*.pem")) <= keys
    loaded = json.decode(lines[-1], type=Loaded)
    sent = loaded.check_ins.sent
    assert (sent + loaded.check_ins.unsent, loaded.check_ins.accepted) == (200, sent), "all or told"
    assert sent
    assert (loaded.check_ins.refused, loaded.check_ins.errors) == (0, {})
    assert loaded.teachers.accepted == loaded.teachers.sent > 0
    assert 0 < loaded.check_ins.p50_ms <= loaded.check_ins.p95_ms <= loaded.check_ins.p99_ms
    assert lines[-2].endswith("is taken away.")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://192.0.2.1:8000", "192.0.2.1 is not"),
        ("http://0.0.0.0:8000", "0.0.0.0 is not"),
        ("http://[2001:db8::1]:8000", "2001:db8::1 is not"),
        ("https://127.0.0.1:8000", "TLS is the ingress's"),
        ("http://127.0.0.1:8000/api", "Name the server as"),
        ("127.0.0.1:8000", "Name the server as"),
        ("", "Say which server"),
    ],
)
def test_only_this_machines_loopback_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, told: str
) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "a-school.pem").touch()
    (tmp_path / "central.db").touch()
    assert run(url, "--folder", tmp_path) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "central.db").stat().st_size, "nothing was opened"


@pytest.mark.parametrize(
    ("beyond", "told"),
    [
        (("--devices", "5001"), "from 1 to 5000 devices"),
        (("--seconds", "601"), "from 1 to 600 seconds"),
        (("--rate", "10001"), "from 1 to 10000 a second"),
    ],
)
def test_a_load_has_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], beyond: tuple[str, str], told: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("http://127.0.0.1:8000", "--folder", tmp_path, *beyond)
    assert told in capsys.readouterr().err


async def test_what_a_killed_load_left_is_taken_away_and_no_real_school_ever(mdm: Mdm) -> None:
    made = await make_school(mdm.ground, "load-1", devices=3, people=1)
    assert len({device.id for device in made.devices}) == 3
    assert await rows_of(mdm, "load-1") > 9
    before = await rows_of(mdm, mdm.school)
    assert await loads_here(mdm.ground) == ["load-1"]
    assert not await end_school(mdm.ground, mdm.school)
    assert await end_school(mdm.ground, "load-1")
    assert await rows_of(mdm, "load-1") == 0
    with pytest.raises(LookupError):
        mdm.ground.keys.key("load-1")
    assert await rows_of(mdm, mdm.school) == before
    assert await schools_here(mdm.ground) == [mdm.school]
    assert (await mdm.sign_in(csr=new_request()))["certificate"]


async def test_what_a_slow_server_lets_wait_counts() -> None:
    one_at_a_time = asyncio.Lock()

    async def ask(_: int) -> Answer:
        async with one_at_a_time:
            await asyncio.sleep(0.3)
        return Answer(200, b"", b"")

    figures = (await offer(5, 1.0, ask)).figures(1)
    assert figures.accepted == 5
    # The last was due after 0.8 s, and had four before it, each of which took 0.3: 0.7 s at least.
    assert figures.p99_ms > 600
    assert figures.p50_ms > 400
