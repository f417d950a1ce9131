"""A store on a full disk: it opens, it goes on with what was put by, and it has all it said."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from classroom_app.domain.errors import StoreFull
from classroom_app.storage.ballast import BALLAST_BYTES, ROOM_BYTES, Ballast
from classroom_app.storage.keeping import Keeping, open_keeping
from tests.disks import disk
from tests.rings import NoRing
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop
A_LESSON = 1000
"""Acts of a lesson with 24 devices, twice over."""
LARGE = "128m"


async def remember(keeping: Keeping, first: int, count: int) -> list[str]:
    """Remember as many as the disk takes, a few at a time; return the ids of those it took."""
    kept = list[str]()
    with suppress(StoreFull):
        for number in range(first, first + count):
            await keeping.remember(act := words(number))
            kept.append(act.id)
    return kept


async def test_a_store_opens_on_a_full_disk_and_writes_again_when_there_is_room(
    tmp_path: Path,
) -> None:
    with disk(tmp_path / "disk", LARGE) as small:
        home = small.folder / "app"
        async with opened(home) as keeping:
            kept, numbers = await remember(keeping, 0, 20), keeping.versions_above()
        small.fill()
        async with opened(home) as keeping:
            assert keeping.full
            assert await keeping.journal_ids() == kept
            assert keeping.versions_above() > numbers
            assert await keeping.look_for_room() > 0
            with pytest.raises(StoreFull):
                await keeping.remember(words(20))
            small.empty()
            assert await keeping.look_for_room() == 0
            assert not keeping.full
            assert await keeping.remember(words(20))
            numbers = keeping.versions_above()
        async with opened(home) as keeping:
            assert await keeping.journal_ids() == [*kept, "words-20"]
            assert keeping.versions_above() > numbers, "this start's numbers were written down"


async def test_what_was_put_by_carries_a_lesson_on_a_disk_that_fills(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", LARGE) as small:
        home = small.folder / "app"
        async with opened(home) as keeping:
            assert await keeping.look_for_room() == 0
            kept = await remember(keeping, 0, 300)
            small.fill()
            kept += await remember(keeping, 300, A_LESSON)
            assert len(kept) == 300 + A_LESSON
            assert await keeping.look_for_room() > 0, "and it is known to be gone"
        async with opened(home) as keeping:
            assert await keeping.journal_ids() == kept
            kept += await remember(keeping, 10_000, A_LESSON)
            assert len(kept) == 300 + 2 * A_LESSON
            assert await keeping.verify() is None
            small.empty()
            assert await keeping.look_for_room() == 0
            assert Ballast(home / "store.db").give_back(), "it is put by again"


async def test_a_kill_on_a_disk_that_filled_loses_no_acknowledged_act(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", LARGE) as small:
        home = small.folder / "app"
        async with opened(home) as keeping:
            assert await keeping.look_for_room() == 0
        command = (sys.executable, "-m", "tests.stores.writing", str(home))
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        told = list[int]()
        for turn in range(3):  # the second and the third begin on the full disk
            filled = small.fill if turn == 0 else None
            told += await killed_in_the_end(process, filled)
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        async with opened(home) as keeping:
            assert {words(each).id for each in told} <= set(await keeping.journal_ids())
            assert await keeping.verify() is None


async def killed_in_the_end(process: Process, meanwhile: Callable[[], None] | None) -> list[int]:
    """Let it write, before and after what happens `meanwhile`; return what was acknowledged."""
    assert process.stdin is not None
    assert process.returncode is None
    process.stdin.write(b"go\n")
    pid = int((await line(process)).removeprefix("pid "))
    told = [await line(process) for _ in range(50)]
    if meanwhile:
        os.kill(pid, signal.SIGSTOP)
        meanwhile()
        os.kill(pid, signal.SIGCONT)
    told += [await line(process) for _ in range(A_LESSON // 2)]
    os.kill(pid, signal.SIGKILL)
    while (each := await line(process)) != "over":
        told.append(each)
    return [int(each) for each in told]


async def line(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode().strip()


async def test_a_disk_without_a_place_for_one_more_file_is_called_full(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", LARGE) as small:
        home = small.folder / "app"
        async with opened(home) as keeping:
            kept = await remember(keeping, 0, 20)
        small.no_more_files()
        with pytest.raises(StoreFull):
            await open_keeping(home, NoRing)
        small.more_files()
        async with opened(home) as keeping:
            assert await keeping.look_for_room() == 0
        small.no_more_files()
        async with opened(home) as keeping:  # what was put by has a file's place, too
            assert await keeping.journal_ids() == kept
            assert await keeping.remember(words(20))
            assert await keeping.look_for_room() > 0


def test_room_is_put_by_once_and_not_of_the_last_there_is(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    room = ROOM_BYTES - 1000
    ballast = Ballast(store, lambda _: room)
    assert ballast.put_by() == 1000
    assert not list(tmp_path.iterdir())
    assert not ballast.give_back()
    room = ROOM_BYTES
    assert ballast.put_by() == 0
    (lies,) = tmp_path.iterdir()
    assert lies.stat().st_size == BALLAST_BYTES
    assert lies.stat().st_blocks * 512 >= BALLAST_BYTES
    room = 0
    assert ballast.put_by() == 0, "it lies there"
    assert ballast.give_back()
    assert not list(tmp_path.iterdir())


def test_room_half_put_by_at_a_kill_is_made_whole(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", LARGE) as small:
        (small.folder / "store.ballast").write_bytes(b"half")
        assert Ballast(small.folder / "store.db").put_by() == 0
        assert (small.folder / "store.ballast").stat().st_size >= BALLAST_BYTES
