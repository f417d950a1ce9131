"""The write-ahead log that a killed app leaves, and damage to it: nothing is dropped in silence."""

import asyncio
import os
from pathlib import Path

import pytest

from classroom_app.domain.acts import Declared
from classroom_app.domain.errors import StoreSealed, StoreToMend
from classroom_app.storage.ahead import FRAME, HEAD, STEP, log_beside
from classroom_app.storage.keeping import AGAIN_SECONDS, CLOSING, Keeping, open_keeping
from classroom_app.storage.reading import read
from classroom_app.store_commands import CLOSES, CLOSES_STILL, look_after
from device_bridge.only_one import lock_folder
from tests.rings import NoRing
from tests.stores import ONE
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop
ACTS = 60
FILES = ("store.db", "store.db-wal", "store.key")


def store(home: Path, what: str) -> int:
    return look_after(home, what, None, ring=NoRing)


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}


async def written(home: Path) -> dict[str, bytes]:
    """Return what an app that is killed after its last answer leaves: all is in the log."""
    async with opened(home) as keeping:
        for number in range(ACTS):
            await keeping.remember(words(number), [Declared(ONE, "attention", number, b"lock")])
        return {name: (home / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return asyncio.run(written(tmp_path_factory.mktemp("live")))


@pytest.fixture
def home(tmp_path: Path, left_behind: dict[str, bytes]) -> Path:
    """Return the folder of an app that was killed."""
    for name, raw in left_behind.items():
        (tmp_path / name).write_bytes(raw)
    return tmp_path


def flip(home: Path, *at: int) -> None:
    raw = bytearray((home / "store.db-wal").read_bytes())
    for each in at:
        raw[each] ^= 1
    (home / "store.db-wal").write_bytes(raw)


def test_a_command_waits_for_an_app_that_is_just_being_closed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = lock_folder(home)
    (home / CLOSING).touch()

    def closed(seconds: float) -> None:
        assert seconds == AGAIN_SECONDS
        (home / CLOSING).unlink()
        os.close(held)

    with monkeypatch.context() as patched:
        patched.setattr("time.sleep", closed)
        assert store(home, "check") == 0
    assert capsys.readouterr().err == f"{CLOSES}\n"

    monkeypatch.setattr("classroom_app.storage.keeping.CLOSING_SECONDS", 0.0)
    held = lock_folder(home)
    (home / CLOSING).touch()
    assert store(home, "check") == 2, "it goes on closing"
    assert capsys.readouterr().err == f"{CLOSES_STILL}\n"
    os.close(held)


def frame(index: int) -> int:
    return HEAD.size + index * STEP


async def whole_journal(home: Path) -> Keeping:
    keeping = await open_keeping(home, NoRing)
    assert await keeping.journal_ids() == [f"words-{number}" for number in range(ACTS)]
    assert await keeping.verify() is None
    return keeping


HARMS = {
    "a page": frame(30) + FRAME.size + 100,
    "its number": frame(30) + 3,
    "its checksum": frame(30) + 20,
    "its salt": frame(30) + 8,
    "the log's head": 17,
}


@pytest.mark.parametrize("harm", HARMS)
async def test_one_bad_byte_in_the_log_costs_nothing_that_was_written_again_after_it(
    home: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    flip(home, HARMS[harm])
    before = contents(home)
    with pytest.raises(StoreToMend):
        await open_keeping(home, NoRing)
    assert store(home, "check") == 1
    told = capsys.readouterr().out
    assert "of its log is damaged" in told or "Its log is damaged" in told
    assert "pupitre store repair" in told
    kept = contents(home)
    assert {name: kept[name] for name in before} == before, "neither has changed anything"
    assert store(home, "repair") == 0
    beside = {name[-3:]: raw for name, raw in contents(home).items() if "damaged" in name}
    assert beside == {".db": before["store.db"], "wal": before["store.db-wal"]}
    assert store(home, "check") == 0
    await (await whole_journal(home)).close()


def test_whichever_page_of_the_log_is_damaged_what_was_kept_before_it_is_read(
    home: Path,
) -> None:
    key, before = (home / "store.key").read_text(), contents(home)["store.db-wal"]
    lost = list[int]()
    for index in range(4, len(log_beside(home / "store.db").frames), 9):
        flip(home, frame(index) + FRAME.size + 100)
        left = read(home / "store.db", key)
        assert left is not None
        lost.append(ACTS - len(left.tables["journal"].rows))
        (home / "store.db-wal").write_bytes(before)
    assert max(lost) <= 1, "what that page alone was to keep"
    assert lost.count(0) > len(lost) / 2


async def test_a_row_of_damaged_pages_costs_what_was_kept_in_them_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = bytearray((home / "store.db-wal").read_bytes())
    raw[frame(30) : frame(50)] = bytes(20 * STEP)  # not even numbers are left
    (home / "store.db-wal").write_bytes(raw)
    assert store(home, "check") == 1
    assert "nobody knows which pages: 20." in capsys.readouterr().out
    assert store(home, "repair") == 0
    async with opened(home) as keeping:
        left = await keeping.journal_ids()
    assert left[-1] == f"words-{ACTS - 1}"
    assert len(left) > ACTS - 20


async def test_what_a_kill_tears_at_the_end_is_no_damage(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = log_beside(home / "store.db")
    before = contents(home)
    frames = len(log.frames)
    assert log.read == frames
    for index in range(frames - 3, frames):
        for cut in (0, FRAME.size + 2000):
            (home / "store.db-wal").write_bytes(before["store.db-wal"][: frame(index) + cut])
            assert store(home, "check") == 0
    assert "not whole" not in capsys.readouterr().out
    # An earlier round's page lies where the newest was being written.
    flip(home, *range(frame(frames - 2) + FRAME.size, frame(frames - 1), 7))
    assert store(home, "check") == 0
    async with opened(home) as keeping:
        assert await keeping.verify() is None
        assert len(await keeping.journal_ids()) in {ACTS - 1, ACTS - 2, ACTS - 3}


async def test_a_log_of_zeros_is_said_and_the_file_is_what_is_left(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = (home / "store.db-wal").stat().st_size
    (home / "store.db-wal").write_bytes(bytes(size))
    assert store(home, "check") == 1
    assert "head of its log" in capsys.readouterr().out
    with pytest.raises(StoreToMend):
        await open_keeping(home, NoRing)


async def test_a_repair_that_is_cut_off_before_the_old_log_is_gone_is_done_again(
    home: Path,
) -> None:
    old = (home / "store.db-wal").read_bytes()
    flip(home, frame(30) + FRAME.size + 100)
    assert store(home, "repair") == 0
    (home / "store.db-wal").write_bytes(old)
    with pytest.raises(StoreToMend):
        await open_keeping(home, NoRing)
    assert store(home, "repair") == 0
    await (await whole_journal(home)).close()


@pytest.mark.parametrize("key", ["here", "gone"])
async def test_a_log_whose_file_is_gone_is_no_new_store_and_brings_back_what_it_holds(
    home: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    (home / "store.db").unlink()
    if key == "gone":
        (home / "store.key").rename(home / "elsewhere")
    before = contents(home)
    for _ in range(2):  # the second finds what the first has left
        with pytest.raises(StoreToMend if key == "here" else StoreSealed):
            await open_keeping(home, NoRing)
    assert store(home, "check") == (1 if key == "here" else 2)
    kept = contents(home)
    assert {name: kept[name] for name in before} == before, "neither has changed anything"
    assert kept.keys() - before.keys() <= {"store.lock"}
    if key == "gone":
        (home / "elsewhere").rename(home / "store.key")
        assert store(home, "check") == 1
    assert "the file is gone" in capsys.readouterr().out
    assert store(home, "repair") == 0
    assert [raw for name, raw in contents(home).items() if "damaged" in name] == [
        before["store.db-wal"]
    ]
    assert store(home, "check") == 0
    await (await whole_journal(home)).close()


async def test_the_log_of_another_store_is_called_that_however_short(
    home: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path_factory.mktemp("other")
    async with opened(other):
        log = (other / "store.db-wal").read_bytes()
        frames = log_beside(other / "store.db").frames
    commit = next(at for at, each in enumerate(frames, 1) if each.size)
    for size in (frame(commit), len(log)):
        (home / "store.db-wal").write_bytes(log[:size])
        with pytest.raises(StoreToMend):
            await open_keeping(home, NoRing)
        assert store(home, "check") == 1
        told = capsys.readouterr().out
        assert "the log of another file" in told
        assert "A power cut" not in told
