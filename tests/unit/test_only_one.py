"""Two programs of a kind in one folder: the second says so and leaves; with them, a desktop."""

import asyncio
import os
import sys
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path

import pytest

from central_mdm import cli as mdm
from central_mdm.joining import KEYS
from classroom_app.domain.errors import StoreClosing, StoreInUse
from classroom_app.storage import keeping
from device_bridge.agent import supervise
from device_bridge.agent.supervise import Child
from device_bridge.only_one import lock_folder
from tests.rings import NoRing


def test_whoever_locks_a_folder_first_has_it_until_it_ends(tmp_path: Path) -> None:
    held = lock_folder(tmp_path)
    with pytest.raises(BlockingIOError):
        lock_folder(tmp_path)
    os.close(held)
    os.close(lock_folder(tmp_path))


async def test_a_second_app_makes_no_key_where_a_first_one_is_making_its_own(
    tmp_path: Path,
) -> None:
    held = lock_folder(tmp_path)
    with pytest.raises(StoreInUse):
        await keeping.open_keeping(tmp_path, NoRing)
    assert not (tmp_path / "store.key").exists()
    os.close(held)


async def test_an_app_that_says_that_it_closes_is_waited_for_and_one_that_was_killed_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / keeping.CLOSING).touch()
    held, asked = lock_folder(tmp_path), list[float]()
    now = asyncio.get_running_loop().time
    began = now()

    def closing() -> bool:
        asked.append(now() - began)
        if asked[-1] > 60:
            os.close(held)
        return True

    first = await keeping.lock_home(tmp_path, closing)
    assert 60 < asked[-1] < 61
    assert not (tmp_path / keeping.CLOSING).exists(), "who has it now is not closing"
    with pytest.raises(StoreInUse) as open_:
        await keeping.lock_home(tmp_path, closing)
    assert type(open_.value) is StoreInUse
    (tmp_path / keeping.CLOSING).touch()
    with pytest.raises(StoreClosing):
        await keeping.lock_home(tmp_path, lambda: False)
    with pytest.raises(StoreClosing):
        await keeping.lock_home(tmp_path)
    os.close(first)


async def test_who_waits_beside_another_for_an_app_to_close_is_told_that_the_other_is_open(
    tmp_path: Path,
) -> None:
    closing, clock = tmp_path / keeping.CLOSING, asyncio.get_running_loop().time
    closing.touch()
    held, began = lock_folder(tmp_path), clock()

    def others_turn() -> bool:
        if clock() - began > 10:
            closing.unlink(missing_ok=True)  # as who has the lock next does
        return True

    with pytest.raises(StoreInUse) as open_:
        await keeping.lock_home(tmp_path, others_turn)
    assert type(open_.value) is StoreInUse
    assert clock() - began < 15
    os.close(held)


def test_a_second_server_in_one_folder_says_so_and_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / KEYS).mkdir()
    (tmp_path / KEYS / "school.pem").touch()
    (tmp_path / "central.db").touch()
    held = lock_folder(tmp_path)
    assert mdm.main(["serve", "--folder", str(tmp_path)]) == 1
    os.close(held)
    assert "served already" in capsys.readouterr().err


@pytest.mark.real_loop
async def test_what_lacks_is_said_once_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervise, "LACKING_SECONDS", 0.01)
    lacks = chain(repeat("No desktop here.", 5), repeat(""))
    child = Child("seat", [sys.executable, "-c", ""], lacks=lambda: next(lacks))
    ended = asyncio.Event()

    def pauses() -> Iterator[float]:
        while True:
            ended.set()
            yield 60.0

    async with asyncio.TaskGroup() as group:
        running = group.create_task(supervise.supervise([child], pauses))
        await ended.wait()
        running.cancel()
    assert capsys.readouterr().err.count("No desktop here.") == 1
