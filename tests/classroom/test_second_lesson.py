"""A teacher's day has more than one lesson, in the same window."""

from pathlib import Path

import pytest

from classroom_app.demo.act_lesson import tile_has
from classroom_app.demo.evidence import until
from classroom_app.demo.world import World

pytestmark = pytest.mark.real_loop


async def test_a_class_that_is_opened_again_is_here_again(world: World) -> None:
    window = world.window
    first = (await window.ask("facts"))["lesson"]
    await window.ask("click", name="end")

    async def ended() -> bool:
        said: str = (await window.ask("facts"))["summary"]
        return "2 of 2 free" in said and said.endswith("1 device was not here.")

    await until(ended, 60, "the end, by receipts of who was here")
    await window.ask("click", name=f"start-{world.sample['class']}")

    async def another() -> bool:
        return (await window.ask("facts"))["lesson"] not in {"", first}

    await until(another, 60, "another lesson")
    here = [row.device for row in world.enrolments[:-1]]

    async def all_live() -> bool:
        return all([await tile_has(world, device, "state", "live") for device in here])

    await until(all_live, 60, "all live again")


async def test_collect_then_end_waits_for_the_work_of_who_is_here(world: World) -> None:
    window = world.window
    here = [row.device for row in world.enrolments[:-1]]
    await window.ask("click", name="collect")
    await window.ask("click", name="collect-now")
    for number, device in enumerate(here):
        await world.class_.lay(device, "essay.txt", b"words " * (number + 100_000))
    await window.ask("click", name="end")  # one pupil never came: it asks
    await window.ask("key", keys="Return")

    async def ended() -> bool:
        said.append((await window.ask("facts"))["summary"])
        return "2 works collected" in said[-1]

    said = [""]
    await until(ended, 60, lambda: f"the end, with what was handed in: {said[-1]!r}")
    folder = Path((await window.ask("facts"))["collected_folder"])
    assert len(list(folder.rglob("essay.txt"))) == len(here)  # noqa: ASYNC240 - a test may wait
