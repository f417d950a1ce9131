"""`pupitre store`: what is left of a damaged store, and how it becomes a whole one again."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import text

from classroom_app.storage.copies import DAILY, copy_of
from classroom_app.storage.keeping import Keeping
from classroom_app.store_commands import look_after
from tests.rings import NoRing
from tests.stores import AMINA
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop
ACTS = 400
PAGE = 4096
A_DAY = 30 * 3600


def store(home: Path, what: str, out: Path | None = None) -> int:
    return look_after(home, what, out, ring=NoRing)


def flip(home: Path, page: int) -> None:
    raw = bytearray((home / "store.db").read_bytes())
    raw[(page - 1) * PAGE + 100] ^= 1
    (home / "store.db").write_bytes(raw)


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.glob("store*") if path.is_file()}


async def filled(keeping: Keeping) -> int:
    """Keep acts; return the root page of the journal, whose next ones are the journal's as well."""
    await asyncio.gather(*(keeping.remember(words(number)) for number in range(ACTS)))
    root = text("SELECT rootpage FROM sqlite_master WHERE name = 'journal'")
    return await keeping.write(lambda connection: int(connection.execute(root).scalar_one()))


def grown_old(home: Path) -> None:
    """Have it be a day since the store was made and last copied."""
    for name in ("store.key", copy_of(home / "store.db", DAILY).name):
        if (home / name).exists():
            before = (home / name).stat().st_mtime - A_DAY
            os.utime(home / name, (before, before))


async def test_a_whole_store_is_said_to_be_whole_and_an_open_one_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert store(tmp_path, "check") == 2, "there is none"
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        assert store(tmp_path, "check") == 2
        assert "Pupitre is open already" in capsys.readouterr().err
    assert store(tmp_path, "check") == 0


async def test_a_damaged_page_costs_its_own_rows_and_the_store_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await filled(keeping)
    flip(tmp_path, 40)
    damaged = (tmp_path / "store.db").read_bytes()
    assert store(tmp_path, "check") == 1
    assert "Damaged pages: 40." in capsys.readouterr().out
    assert store(tmp_path, "repair") == 0
    (beside,) = set(contents(tmp_path)) - {"store.db", "store.key"}
    assert beside.startswith("store-damaged-")
    assert contents(tmp_path)[beside] == damaged
    assert store(tmp_path, "check") == 0
    async with opened(tmp_path) as keeping:
        left = await keeping.journal_ids()
        assert ACTS - 60 < len(left) < ACTS
        fault = await keeping.verify()
        assert fault is not None
        assert (fault.what, f"words-{fault.sequence - 1}" in left) == ("removed", False)
        assert await keeping.remember(words(ACTS + 1))
        await keeping.erase(AMINA)
    assert beside not in contents(tmp_path), "what is to be forgotten lies nowhere"


@pytest.mark.parametrize("page", ["first", "root"])
async def test_what_no_page_tells_any_more_comes_from_the_copy_of_the_day(
    tmp_path: Path, page: str
) -> None:
    async with opened(tmp_path) as keeping:
        root = await filled(keeping)
        grown_old(tmp_path)
    assert copy_of(tmp_path / "store.db", DAILY).exists()
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(ACTS))  # not in the copy
    flip(tmp_path, 1 if page == "first" else root)
    assert store(tmp_path, "check") == 1
    assert store(tmp_path, "repair") == 0
    async with opened(tmp_path) as keeping:
        assert set(await keeping.journal_ids()) >= {f"words-{number}" for number in range(ACTS)}
        assert await keeping.verify() is None


async def test_where_nothing_can_be_read_nothing_is_changed(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    flip(tmp_path, 1)
    before = contents(tmp_path)
    assert store(tmp_path, "repair") == 2
    assert contents(tmp_path) == before


async def test_a_copy_is_made_once_a_day_and_goes_with_whom_it_tells_of(tmp_path: Path) -> None:
    copy = copy_of(tmp_path / "store.db", DAILY)
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    assert not copy.exists(), "a day has not passed"
    async with opened(tmp_path):
        grown_old(tmp_path)
    first = copy.stat().st_ino
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(2))
    assert copy.stat().st_ino == first
    async with opened(tmp_path) as keeping:
        await keeping.erase(AMINA)
        assert not copy.exists()


async def test_a_pupil_is_erased_from_the_terminal_and_the_chain_stays_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    whose = ("erase", None, AMINA, NoRing)
    assert look_after(tmp_path, "erase", None, "", NoRing) == 2, "nobody said who"
    assert await asyncio.to_thread(look_after, tmp_path, *whose) == 0
    assert "Erased from 1 entries" in capsys.readouterr().out
    async with opened(tmp_path) as keeping:
        assert await keeping.verify() is None
        assert await keeping.erase(AMINA) == 0


async def test_all_is_exported_but_what_was_erased_and_nothing_is_written_over(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        await keeping.erase(AMINA)
        await keeping.remember(words(2))
    assert store(tmp_path, "export") == 2, "nobody said where to"
    assert store(tmp_path, "export", out) == 0
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert [(line["sequence"], line.get("text")) for line in lines] == [
        (1, None),
        (2, "Question 2"),
    ]
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert store(tmp_path, "export", out) == 2
