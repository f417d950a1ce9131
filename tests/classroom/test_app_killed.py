"""The whole app is killed (-9) at random moments: what it acknowledged is kept, as it was."""

import asyncio
import random
from contextlib import suppress

import pytest

from classroom_app.demo.evidence import until
from classroom_app.demo.strings import PuppetError
from classroom_app.demo.world import World
from classroom_app.storage.engine import open_driver

pytestmark = pytest.mark.real_loop
KILLS = 5


async def ids(world: World) -> set[str]:
    return set((await world.window.ask("journal"))["ids"])


async def act_on(world: World, acknowledged: set[str]) -> None:
    """Lock and free without pause, and note what the journal has answered for, until the end."""
    with suppress(PuppetError, ConnectionError):
        while True:
            for button in ("lock", "free"):
                await world.window.ask("click", name=button)
                acknowledged |= await ids(world)


async def test_what_the_app_had_written_outlives_five_kills_and_who_altered_it_is_told_of(
    world: World,
) -> None:
    chance = random.Random(5)  # noqa: S311 - moments, no secret
    lesson = (await world.window.ask("facts"))["lesson"]
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        async with asyncio.TaskGroup() as group:
            group.create_task(act_on(world, acknowledged))
            await asyncio.sleep(chance.uniform(0.2, 1.2))  # the moment is what is tried
            await world.kill_app()
        await world.start_app()

        async def same_lesson() -> bool:
            return (await world.window.ask("facts"))["lesson"] == lesson

        await until(same_lesson, 60, "the same lesson")
        assert acknowledged <= await ids(world)
    assert len(acknowledged) > KILLS
    assert "altered" not in (await world.window.ask("facts"))["warning"]

    await world.kill_app()
    home = world.scratch / "teacher"
    store = open_driver(home / "store.db", (home / "store.key").read_text().strip())
    store.execute("UPDATE journal SET body = x'7b7d' WHERE sequence = 1")
    store.close()
    await world.start_app()

    async def told() -> bool:
        return "altered" in (await world.window.ask("facts"))["warning"]

    await until(told, 60, "the teacher hears of it")
