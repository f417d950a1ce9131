"""Opening the store: its key, who may have it, and each thing that can be wrong with a file."""

import asyncio
import json
import os
import stat
import sys
import threading
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from classroom_app.domain.errors import (
    KeyringAway,
    StoreBroken,
    StoreFull,
    StoreInUse,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
    StoreSealed,
    StoreToMend,
)
from classroom_app.storage.copies import keep_daily_copy
from classroom_app.storage.keeping import CLOSING, Keeping, open_keeping
from classroom_app.storage.keys import (
    POINTER,
    WAITS,
    Ring,
    Waits,
    choose_passphrase,
    find_key,
    held_by,
)
from device_bridge.trust.sealed import WrongPassphrase
from tests.disks import disk
from tests.rings import ForgetfulRing, HangingRing, MemoryRing, NoRing
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop
ROOT = Path(__file__).resolve().parents[2]
SHORTLY = Waits(making=0.05, asking=0.05)


def key_file(home: Path) -> Path:
    return home / "store.key"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_where_a_keyring_is_it_has_the_key_and_the_file_has_not(tmp_path: Path) -> None:
    ring = MemoryRing()
    async with opened(tmp_path, lambda: ring) as keeping:
        assert keeping.key_held == "keyring"
        await keeping.remember(words(1))
    ((service, name),) = ring.kept
    assert service == "pupitre"
    assert key_file(tmp_path).read_text() == f"{POINTER}{name}"
    async with opened(tmp_path, lambda: ring) as again:
        assert again.key_held == "keyring"
        assert await again.journal_ids() == ["words-1"]


@pytest.mark.parametrize("ring", [NoRing, ForgetfulRing])
async def test_where_no_keyring_keeps_it_the_key_lies_beside_for_its_owner_alone(
    tmp_path: Path, ring: Callable[[], Ring]
) -> None:
    async with opened(tmp_path, ring) as keeping:
        assert keeping.key_held == "beside"
    assert mode_of(key_file(tmp_path)) == 0o600
    assert mode_of(tmp_path / "store.db") == 0o600
    assert len(bytes.fromhex(key_file(tmp_path).read_text())) == 32


async def test_a_key_beside_is_used_though_a_keyring_came_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    key_file(tmp_path).chmod(0o644)
    later = MemoryRing()
    async with opened(tmp_path, lambda: later) as keeping:
        assert keeping.key_held == "beside"
        assert await keeping.journal_ids() == ["words-1"]
    assert not later.kept
    assert mode_of(key_file(tmp_path)) == 0o600  # it was looser, as a copied file may be


async def test_a_keyring_that_hangs_does_not_hold_up_the_first_start(tmp_path: Path) -> None:
    ring = HangingRing()
    keeping = await open_keeping(tmp_path, lambda: ring, SHORTLY)
    assert keeping.key_held == "beside"
    await keeping.close()
    ring.let_go.set()


async def test_a_keyring_that_hangs_or_is_locked_later_is_said_and_nothing_is_changed(
    tmp_path: Path,
) -> None:
    ring, hanging = MemoryRing(), HangingRing()
    async with opened(tmp_path, lambda: ring):
        pass
    before = contents(tmp_path)
    with pytest.raises(KeyringAway):
        await open_keeping(tmp_path, lambda: hanging, SHORTLY)
    hanging.let_go.set()
    ring.locked = True
    with pytest.raises(KeyringAway):
        await open_keeping(tmp_path, lambda: ring)
    with pytest.raises(KeyringAway):
        await open_keeping(tmp_path, NoRing)
    assert contents(tmp_path) == before
    ring.locked = False
    async with opened(tmp_path, lambda: ring):
        pass


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}


async def test_the_loop_goes_on_while_a_keyring_is_waited_for(tmp_path: Path) -> None:
    ring = HangingRing()
    opening = asyncio.ensure_future(  # noqa: TID251 - awaited below
        open_keeping(tmp_path, lambda: ring, Waits(making=60))
    )
    await asyncio.sleep(0.05)
    assert not opening.done()
    ring.let_go.set()
    keeping = await opening
    assert keeping.key_held == "keyring"
    await keeping.close()


@pytest.mark.parametrize("lost", ["file", "keyring"])
async def test_a_store_whose_key_is_lost_is_left_as_it_is(tmp_path: Path, lost: str) -> None:
    ring = MemoryRing()
    async with opened(tmp_path, lambda: ring) as keeping:
        await keeping.remember(words(1))
    if lost == "file":
        key_file(tmp_path).unlink()
    ring.kept.clear()
    before = contents(tmp_path)
    with pytest.raises(StoreSealed) as refused:
        await open_keeping(tmp_path, lambda: ring)
    assert refused.value.why == "missing"
    assert contents(tmp_path) == before
    assert not ring.kept


@pytest.mark.parametrize("key", ["00" * 32, "not a key", ""])
async def test_a_wrong_key_opens_nothing_and_changes_nothing(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
    key_file(tmp_path).write_text(key)
    before = contents(tmp_path)
    with pytest.raises(StoreSealed) as refused:
        await open_keeping(tmp_path, NoRing)
    assert refused.value.why == "wrong"
    assert contents(tmp_path) == before


async def test_a_store_of_a_newer_version_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        newer = text("UPDATE alembic_version SET version_num = '9999'")
        await keeping.write(lambda c: c.execute(newer))
    before = contents(tmp_path)
    with pytest.raises(StoreNewer) as refused:
        await open_keeping(tmp_path, NoRing)
    assert refused.value.version == "9999"
    assert contents(tmp_path) == before


async def open_elsewhere(home: Path, **environment: str) -> str:
    """Open the store in a process of its own, as the app does; return what it says."""
    open_it = (
        "import asyncio, pathlib, sys\n"
        "from classroom_app.storage.keeping import open_keeping\n"
        "async def main():\n"
        "    keeping = await open_keeping(pathlib.Path(sys.argv[1]))\n"
        "    print(keeping.key_held)\n"
        "    await keeping.close()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", open_it, str(home)),
        stdout=PIPE,
        stderr=STDOUT,
        cwd=ROOT,
        env=os.environ | environment,
    )
    return (await child.communicate())[0].decode()


async def test_a_second_app_is_told_that_the_store_is_open(tmp_path: Path) -> None:
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        assert StoreInUse.__name__ in await open_elsewhere(tmp_path)
        await keeping.remember(words(2))


async def test_a_second_app_waits_while_the_first_makes_its_copy_and_finds_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying, copied = threading.Event(), threading.Event()

    def copy(connection: Connection, path: Path) -> None:
        copying.set()
        copied.wait()
        keep_daily_copy(connection, path)

    monkeypatch.setattr("classroom_app.storage.store.keep_daily_copy", copy)
    first = await open_keeping(tmp_path, NoRing)
    await first.remember(words(1))

    def closing() -> bool:
        copied.set()
        return True

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(first.close())
        await asyncio.to_thread(copying.wait)
        second = await open_keeping(tmp_path, NoRing, closing=closing)
    assert await second.journal_ids() == ["words-1"]
    await second.close()
    assert not (tmp_path / CLOSING).exists()


async def test_the_systems_own_keyring_is_asked_through_its_library(tmp_path: Path) -> None:
    ring = tmp_path / "ring.json"
    ours = {
        "PYTHON_KEYRING_BACKEND": "tests.stores.file_ring.FileRing",
        "PUPITRE_TEST_RING": str(ring),
    }
    for _ in range(2):
        assert await open_elsewhere(tmp_path / "home", **ours) == "keyring\n"
    ((name, digits),) = json.loads(ring.read_text()).items()
    assert name.startswith("pupitre ")
    assert digits not in key_file(tmp_path / "home").read_text()
    for kind in ("fail", "null"):
        none = {"PYTHON_KEYRING_BACKEND": f"keyring.backends.{kind}.Keyring"}
        assert await open_elsewhere(tmp_path / kind, **none) == "beside\n"


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)


async def test_a_damaged_page_is_said_and_what_is_whole_is_read_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as keeping:
        await asyncio.gather(*(keeping.remember(words(n)) for n in range(500)))
        root = text("SELECT rootpage FROM sqlite_master WHERE name = 'lessons'")
        page = await keeping.write(lambda c: int(c.execute(root).scalar_one()))
    flip(tmp_path / "store.db", (page - 1) * 4096 + 100)
    async with opened(tmp_path) as keeping:
        with pytest.raises(StoreBroken):
            await keeping.remember(words(501))
        with pytest.raises(StoreBroken):  # SQLCipher calls it read-only from now on
            await keeping.write(lambda c: c.execute(text("DELETE FROM cursors")))
    async with opened(tmp_path) as keeping:
        assert len(await keeping.journal_ids()) == 500


@pytest.mark.parametrize("harm", ["flipped", "cut"])
async def test_a_file_that_is_no_store_any_more_opens_nothing(tmp_path: Path, harm: str) -> None:
    async with opened(tmp_path):
        pass
    if harm == "flipped":
        flip(tmp_path / "store.db", 100)
    else:
        os.truncate(tmp_path / "store.db", 1000)
    with pytest.raises(StoreToMend):
        await open_keeping(tmp_path, NoRing)


async def test_a_full_disk_is_said_and_afterwards_the_store_works_on(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "600k") as small:
        async with opened(small.folder) as keeping:
            kept = await fill(keeping)
            assert kept
            # Whoever waits together is told one by one.
            answers = await asyncio.gather(
                *(keeping.remember(words(n)) for n in range(9000, 9005)), return_exceptions=True
            )
            assert all(isinstance(answer, StoreFull) for answer in answers)
            assert await keeping.journal_ids() == kept
            small.holds("8m")
            assert await keeping.remember(words(9000))
            assert await keeping.verify() is None
        async with opened(small.folder) as keeping:
            assert await keeping.journal_ids() == [*kept, "words-9000"]
            assert await keeping.verify() is None


async def fill(keeping: Keeping) -> list[str]:
    """Remember acts until the disk is full; return the ids of those that were acknowledged."""
    kept = list[str]()
    with suppress(StoreFull):
        while await keeping.remember(act := words(len(kept))):
            kept.append(act.id)
    return kept


async def test_a_first_start_on_a_full_disk_is_said_and_works_later(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "40k") as small:
        with pytest.raises(StoreFull):
            await open_keeping(small.folder, NoRing)
        small.holds("8m")
        async with opened(small.folder) as keeping:
            assert await keeping.remember(words(1))


async def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    with disk(tmp_path / "new", "1m") as new:
        new.read_only()
        with pytest.raises(StoreReadOnly):
            await open_keeping(new.folder, NoRing)
    with disk(tmp_path / "old", "1m") as old:
        async with opened(old.folder) as keeping:
            await keeping.remember(words(1))
        old.read_only()
        with pytest.raises(StoreReadOnly):
            await open_keeping(old.folder, NoRing)


async def test_what_a_teacher_chose_is_there_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path, NoRing) as keeping:
        assert (keeping.sentence(), keeping.lesson_minutes()) == ("", 0)
        assert not keeping.less_motion()
        keeping.choose_less_motion(less=True)
        keeping.choose_sentence("Eyes on me, please")
        keeping.choose_lesson_minutes(90)
        keeping.choose_of_class("seats-of/c1", '{"p1":[3,2]}')
        keeping.choose_unchanged(said=True)
    async with opened(tmp_path, NoRing) as again:
        assert (again.sentence(), again.lesson_minutes()) == ("Eyes on me, please", 90)
        assert again.less_motion()
        assert again.unchanged()
        assert again.of_class("seats-of/c1") == '{"p1":[3,2]}'
        assert again.of_class("seats-of/c2") == ""
        again.choose_less_motion(less=False)
        again.choose_sentence("")
    async with opened(tmp_path, NoRing) as last:
        assert last.sentence() == ""
        assert not last.less_motion()


PASSPHRASE, OTHER = "three white goats ate", "seven red pears fell"


async def test_a_passphrase_seals_the_key_is_changed_and_turned_off_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_bridge.trust.sealed.COST", 2**4)
    async with opened(tmp_path) as keeping:
        await keeping.remember(words(1))
        digits = key_file(tmp_path).read_text()
        with key_file(tmp_path).open("rb") as old:
            assert choose_passphrase(tmp_path, "", PASSPHRASE) == "passphrase"
            assert old.read() == b" " * 64  # a look at the disk's free blocks finds nothing
    assert digits not in key_file(tmp_path).read_text()
    assert mode_of(key_file(tmp_path)) == 0o600
    before = contents(tmp_path)
    for typed, refused in (("", StoreLocked), (OTHER, WrongPassphrase)):
        with pytest.raises(refused):
            await open_keeping(tmp_path, NoRing, WAITS, typed)
    with pytest.raises(WrongPassphrase):
        choose_passphrase(tmp_path, OTHER, "")
    with pytest.raises(WrongPassphrase):  # too short
        choose_passphrase(tmp_path, PASSPHRASE, OTHER[:9])
    assert contents(tmp_path) == before
    keeping = await open_keeping(tmp_path, NoRing, WAITS, PASSPHRASE)
    assert keeping.key_held == held_by(tmp_path) == "passphrase"
    assert await keeping.journal_ids() == ["words-1"]
    await keeping.close()
    assert choose_passphrase(tmp_path, PASSPHRASE, OTHER) == "passphrase"
    assert find_key(tmp_path, NoRing, WAITS, OTHER).digits == digits
    assert choose_passphrase(tmp_path, OTHER, "") == "beside"
    async with opened(tmp_path) as again:
        assert again.key_held == "beside"


def test_an_open_key_is_written_over_only_when_the_sealed_ones_name_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device_bridge.trust.sealed.COST", 2**4)
    digits = find_key(tmp_path, NoRing, WAITS).digits
    found: list[str] = []
    with key_file(tmp_path).open() as old:

        def synced(folder: Path) -> None:
            assert folder == tmp_path
            old.seek(0)
            found.append(old.read())

        monkeypatch.setattr("classroom_app.storage.keys.sync_folder", synced)
        choose_passphrase(tmp_path, "", PASSPHRASE)
        assert found == [digits], "a power cut before this leaves a key that opens the store"
        old.seek(0)
        assert old.read() == " " * 64


@pytest.mark.parametrize("raw", ["{}", "{", '{"form":"pupitre-sealed-1"}'])
def test_a_spoilt_sealed_key_opens_nothing(tmp_path: Path, raw: str) -> None:
    key_file(tmp_path).write_text(raw)
    with pytest.raises(StoreSealed, match="wrong"):
        find_key(tmp_path, NoRing, WAITS, PASSPHRASE)
