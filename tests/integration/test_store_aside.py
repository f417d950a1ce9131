"""A store whose key is lost: laid aside whole, so that its teacher begins anew; never deleted."""

from pathlib import Path

import pytest

from classroom_app.cli import parser
from classroom_app.domain.lesson import PupilId
from classroom_app.storage import aside
from classroom_app.storage.aside import lay_aside
from classroom_app.storage.authority import RING, SEALED
from classroom_app.storage.copies import ASIDE, DAILY, copy_of
from classroom_app.storage.keeping import open_keeping
from classroom_app.storage.keys import choose_passphrase
from classroom_app.store_commands import look_after
from tests.rings import MemoryRing, NoRing
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}


def asides(home: Path) -> list[Path]:
    return list(home.glob(f"{ASIDE}-*"))


def moved_back(home: Path, folder: Path) -> None:
    for new in home.glob("store.*"):
        new.unlink()
    for old in folder.iterdir():
        old.rename(home / old.name)


async def a_lesson(home: Path, ring: MemoryRing) -> None:
    """Leave a store with an act in it, a copy, and what else of it may lie there."""
    async with opened(home, lambda: ring) as keeping:
        await keeping.remember(words(1))
    copy_of(home / "store.db", DAILY).write_bytes((home / "store.db").read_bytes())
    for name in ("store-damaged-2026.db", "store-damaged-2026.db-wal", SEALED, RING):
        (home / name).write_bytes(b"sealed")


async def test_a_store_whose_keyring_is_lost_is_laid_aside_whole_and_opens_when_its_key_is_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = MemoryRing()
    await a_lesson(tmp_path, ring)
    (tmp_path / "retention.json").write_text("{}")
    before, kept = contents(tmp_path), dict(ring.kept)
    before.pop("store.ballast", None)
    ring.kept.clear()
    assert look_after(tmp_path, "aside", None, ring=lambda: ring) == 0
    assert "lies in" in capsys.readouterr().out
    (folder,) = asides(tmp_path)
    assert contents(folder) | {"retention.json": b"{}"} == before
    assert folder.stat().st_mode & 0o077 == 0
    assert look_after(tmp_path, "aside", None, ring=lambda: ring) == 2, "there is none any more"
    async with opened(tmp_path, lambda: ring) as keeping:  # as on a new computer
        assert await keeping.classes() == ()
        await keeping.remember(words(2))
    moved_back(tmp_path, folder)
    ring.kept = kept
    async with opened(tmp_path, lambda: ring) as keeping:
        assert (await keeping.look_through()).entries == 1, "all is there again"


async def test_a_store_that_opens_or_is_open_or_may_be_unlocked_is_not_laid_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = MemoryRing()

    def laid_aside(*, lost: bool = False) -> int:
        return look_after(tmp_path, "aside", None, ring=lambda: ring, lost=lost)

    async with opened(tmp_path, lambda: ring) as keeping:
        await keeping.remember(words(1))
        assert laid_aside(lost=True) == 2
        assert "Close it first" in capsys.readouterr().err
    before = contents(tmp_path)
    assert laid_aside(lost=True) == 2
    assert "by the key that is here" in capsys.readouterr().err
    ring.locked = True
    assert laid_aside() == 2
    assert "keyring is locked" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert laid_aside(lost=True) == 0, "it does not come back, says a person"
    assert not (tmp_path / "store.db").exists()


async def test_a_forgotten_passphrase_is_a_lost_key_when_a_person_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    choose_passphrase(tmp_path, "", "a passphrase of yesterday")
    before = contents(tmp_path)
    assert look_after(tmp_path, "aside", None, ring=NoRing) == 2
    assert "--key-is-lost" in capsys.readouterr().err
    assert contents(tmp_path) == before
    asked = parser().parse_args(["store", "aside", "--key-is-lost"])
    assert look_after(tmp_path, asked.what, None, ring=NoRing, lost=asked.key_is_lost) == 0
    await (await open_keeping(tmp_path, NoRing)).close()


async def test_of_damaged_stores_only_the_one_that_no_repair_helps_is_laid_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ring, store = MemoryRing(), tmp_path / "store.db"
    await a_lesson(tmp_path, ring)
    store.write_bytes(b"")
    assert look_after(tmp_path, "aside", None, ring=lambda: ring) == 2
    assert "can be mended" in capsys.readouterr().err, "by the copy"
    copy_of(store, DAILY).unlink()
    assert look_after(tmp_path, "check", None, ring=lambda: ring) == 1
    assert "begin anew: pupitre store aside" in capsys.readouterr().out
    assert look_after(tmp_path, "aside", None, ring=lambda: ring) == 0
    async with opened(tmp_path, lambda: ring) as keeping:
        assert await keeping.classes() == ()


async def test_what_cannot_be_laid_aside_whole_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ring = MemoryRing()
    await a_lesson(tmp_path, ring)
    ring.kept.clear()
    before = contents(tmp_path)

    def gone_read_only(_: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(aside, "sync_folder", gone_read_only)
    assert look_after(tmp_path, "aside", None, ring=lambda: ring) == 2
    assert "may not write to its folder" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert not asides(tmp_path)


async def test_a_pupil_who_is_erased_is_in_no_store_that_was_laid_aside_either(
    tmp_path: Path,
) -> None:
    ring = MemoryRing()
    await a_lesson(tmp_path, ring)
    ring.kept.clear()
    folder = lay_aside(tmp_path / "store.db", 1_795_500_000)
    assert folder.name == "aside-2026-11-24-060000"
    async with opened(tmp_path, lambda: ring) as keeping:
        await keeping.erase(PupilId("p1"))
    assert sorted(contents(folder)) == sorted([RING, SEALED]), "the school's key is nobody's name"
