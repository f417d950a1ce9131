"""The whole app on a real full disk, in a lesson: it goes on, it is killed, it starts again."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from classroom_app.demo.evidence import until
from classroom_app.demo.world import World
from classroom_app.full_disk import LOOK_SECONDS
from tests.classroom.test_app_killed import ids
from tests.disks import Disk, disk

pytestmark = pytest.mark.real_loop
PACE = 0.2
SOON_SECONDS = LOOK_SECONDS * PACE + 5
FULL = "This computer is full"


@pytest.fixture
def home(tmp_path: Path) -> Generator[Disk]:
    """Give the teacher's app a disk of its own; asked for before `world`, which starts the app."""
    with disk(tmp_path / "teacher", "128m") as small:
        yield small


@pytest.fixture
def pace() -> float:
    return PACE


async def facts(world: World) -> dict[str, Any]:
    return await world.window.ask("facts")


async def says(world: World, which: str, words: str) -> None:
    async def said() -> bool:
        found = str((await facts(world))[which])
        return found.startswith(words) if words else not found

    await until(said, SOON_SECONDS, f"{which}: {words!r}")


async def states(world: World, count: int, *wanted: str) -> None:
    async def shown() -> bool:
        tiles = (await world.window.ask("tiles"))["tiles"]
        return sum(tile["state"] in wanted for tile in tiles) >= count

    await until(shown, 60, f"{count} {wanted}")


async def press_until_it_is_full(world: World) -> None:
    """Use up what the store's log has left of its own room."""
    for _ in range(500):
        await world.window.ask("click", name="lock")
        await world.window.ask("click", name="free")
        if str((await facts(world))["sentence"]).startswith(FULL):
            return
    raise AssertionError("a full disk took a thousand acts")


async def test_a_lesson_goes_on_while_the_disk_is_full_and_over_a_kill(
    home: Disk, world: World
) -> None:
    lesson = (await facts(world))["lesson"]
    assert (home.folder / "store.ballast").exists()
    home.fill()
    await world.window.ask("click", name="lock")
    await states(world, 2, "locked")
    await world.window.ask("click", name="free")
    await states(world, 2, "live")
    await says(world, "full", "Computer almost full: free ")

    home.fill()  # and somebody takes what was put by
    await press_until_it_is_full(world)
    await says(world, "full", "This computer is full: free ")
    await world.shot("full")
    acknowledged = await ids(world)
    await world.kill_app()
    home.fill()

    await world.start_app()
    await says(world, "sentence", "This computer is full. Make room; nothing is lost.")
    await says(world, "full", "This computer is full: free ")
    assert (await facts(world))["lesson"] == lesson
    assert acknowledged <= await ids(world)
    # The last word was Free, and it was obeyed though no disk took it.
    await states(world, 2, "live")
    await world.shot("full-start")

    home.empty()
    await says(world, "full", "")
    await world.window.ask("click", name="lock")
    await states(world, 2, "locked")
    assert acknowledged < await ids(world)
    assert (home.folder / "store.ballast").exists()
