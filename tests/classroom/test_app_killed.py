"""The whole app is killed (-9) at random moments: what it acknowledged is kept, as it was."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from classroom_app.demo import act_arrive
from classroom_app.demo.evidence import until
from classroom_app.demo.pupils import Pupils
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Stage
from classroom_app.demo.strings import PuppetError
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Options, World
from classroom_app.storage.engine import open_driver
from tests.desktop import join_waiters

pytestmark = pytest.mark.real_loop
KILLS = 5


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Give a lesson with three simulated devices, one of them late."""
    out = tmp_path / "out"
    out.mkdir()
    options = Options(3, out, seed=11, headless=True, faults=False)
    made = World(options, tmp_path, Stage(out / "logs"), Report(devices=3), Teller(sys.stderr))
    try:
        await act_arrive.mdm(made)
        made.pupils = Pupils(made)
        await made.pupils.start(0)
        await act_arrive.teacher(made)
        await act_arrive.wall(made)
        yield made
    finally:
        await made.close()
        join_waiters()
        await asyncio.get_running_loop().shutdown_default_executor()


async def ids(world: World) -> set[str]:
    return set((await world.window.ask("journal"))["ids"])


async def act_on(world: World, acknowledged: set[str]) -> None:
    """Lock and free without pause, and note what the journal has answered for, until the end."""
    with suppress(PuppetError, ConnectionError):
        while True:
            for button in ("lock", "free"):
                await world.window.ask("click", name=button)
                acknowledged |= await ids(world)


async def kill_app(world: World) -> None:
    assert world.app is not None
    assert world.strings is not None
    world.app.kill()
    await world.app.process.wait()
    world.stage.children.remove(world.app)
    await world.strings.close()


async def test_what_the_app_had_written_outlives_five_kills(world: World) -> None:
    chance = random.Random(5)  # noqa: S311 - moments, no secret
    lesson = (await world.window.ask("facts"))["lesson"]
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        async with asyncio.TaskGroup() as group:
            group.create_task(act_on(world, acknowledged))
            await asyncio.sleep(chance.uniform(0.2, 1.2))  # the moment is what is tried
            await kill_app(world)
        await world.start_app()

        async def same_lesson() -> bool:
            return (await world.window.ask("facts"))["lesson"] == lesson

        await until(same_lesson, 15, "the same lesson")
        assert acknowledged <= await ids(world)
    assert len(acknowledged) > 3 * KILLS
    assert "altered" not in (await world.window.ask("facts"))["warning"]


async def test_a_journal_that_was_altered_meanwhile_is_told_of(world: World) -> None:
    await kill_app(world)
    home = world.scratch / "teacher"
    store = open_driver(home / "store.db", (home / "store.key").read_text().strip())
    store.execute("UPDATE journal SET body = x'7b7d' WHERE sequence = 1")
    store.close()
    await world.start_app()

    async def told() -> bool:
        return "altered" in (await world.window.ask("facts"))["warning"]

    await until(told, 15, "the teacher hears of it")
