"""A hundred kills at random moments of a process that has only the store."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from classroom_app.storage.chain import Head
from classroom_app.storage.keeping import Keeping
from classroom_app.storage.tables import declarations
from classroom_app.storage.verifying import Fault, verify
from tests.stores.opening import opened, words

pytestmark = pytest.mark.real_loop
KILLS = 100
WRITING_SECONDS = (0.0, 0.12)
# Some kills hit the opening, which folds the last run's log into the file.
OPENING_EVERY = 5
OPENING_SECONDS = (0.0, 0.05)


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Process]:
    command = (sys.executable, "-m", "tests.stores.writing", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    yield process
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def killed(process: Process, chance: random.Random, *, opening: bool) -> list[int]:
    """Let it write and kill it; return the numbers of the acts that were acknowledged."""
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    pid = int((await line(process)).removeprefix("pid "))
    told = [] if opening else [await line(process)]
    await asyncio.sleep(chance.uniform(*(OPENING_SECONDS if opening else WRITING_SECONDS)))
    os.kill(pid, signal.SIGKILL)
    while (each := await line(process)) != "over":
        told.append(each)
    return [int(each) for each in told]


async def look(keeping: Keeping, told: list[int], before: Head) -> Head:
    """Find all that was told, and the chain whole from where it was seen whole before."""
    kept = set(await keeping.journal_ids())
    assert {words(number).id for number in told} <= kept
    if told:
        held = await keeping.write(lambda c: c.execute(select(declarations.c.version)).scalar_one())
        assert held >= max(told)
    head: Head | Fault | None = before
    while isinstance(head, Head):
        before = head
        head = await keeping.write(partial(verify, before, ()))
    assert head is None
    return before


async def test_a_hundred_kills_lose_no_acknowledged_act(tmp_path: Path, writer: Process) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - chance for a test, told when it fails
    print(f"seed {seed}")
    chance, acknowledged, head = random.Random(seed), list[int](), Head()  # noqa: S311 - as above
    for turn in range(KILLS):
        told = await killed(writer, chance, opening=turn % OPENING_EVERY == 0)
        acknowledged += told
        async with opened(tmp_path / "home") as keeping:
            head = await look(keeping, told, head)
    async with opened(tmp_path / "home") as keeping:
        await look(keeping, acknowledged, Head())
        assert not await keeping.remember(words(acknowledged[0]))
    assert len(acknowledged) > KILLS
