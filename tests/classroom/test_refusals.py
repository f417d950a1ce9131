"""A running desktop is told to refuse, one capability after the other; the teacher reads why."""

from pathlib import Path
from typing import Any

import pytest

from classroom_app.demo.act_lesson import drop, say, tile_has
from classroom_app.demo.evidence import until
from classroom_app.demo.stage import StageError
from classroom_app.demo.world import World

pytestmark = pytest.mark.real_loop


async def said_of(world: World, device: str) -> str:
    """Return the device's tile as a screen reader says it."""
    tiles: list[dict[str, Any]] = (await world.window.ask("tiles"))["tiles"]
    return next(tile["said"] for tile in tiles if tile["device"] == device)


async def tile_says(world: World, device: str, words: str) -> None:
    async def says() -> bool:
        return words in await said_of(world, device)

    await until(says, 60, f"the tile says {words!r}")


async def bar_says(world: World, text: str, second: str) -> None:
    async def says() -> bool:
        facts = await world.window.ask("facts")
        return text in facts["sentence"] and second in facts["second"]

    await until(says, 60, f"bar B says {text!r} and {second!r}")


async def test_a_curtain_bar_or_screen_that_refuses_says_so_on_its_tile_and_then_obeys(
    world: World,
) -> None:
    device, other = (row.device for row in world.enrolments[:2])
    pupils = world.class_

    await pupils.refuse(device, "curtain", "another program holds the keyboard", times=1)
    await world.window.ask("click", name="lock")
    await tile_says(world, device, "Not covered: keyboard held elsewhere.")
    assert await pupils.locked({device, other}) == {other}
    await world.window.ask("click", name="lock")
    await until(lambda: tile_has(world, device, "state", "locked"), 10, "the next lock covers")
    await pupils.refuse(
        device, "curtain", "der Vorhang klemmt"
    )  # no word of ours: shown as it came
    await tile_says(world, device, "Not covered: der Vorhang klemmt.")
    await pupils.refuse(device, "curtain", "")
    await world.window.ask("click", name="free")

    for capability, words in (
        ("indicator", "No picture. the pupil's bar is not shown."),
        ("capture", "No picture. the screen cannot be seen."),
    ):
        await until(lambda: tile_has(world, device, "state", "live"), 20, "its screen")
        await pupils.refuse(device, capability, "no place for it")
        await tile_says(world, device, words)
        assert await tile_has(world, other, "state", "live")
        await pupils.refuse(device, capability, "")
    await until(lambda: tile_has(world, device, "state", "live"), 20, "its screen again")


async def test_a_notice_or_paper_that_a_desktop_refuses_is_told_in_the_receipt(
    world: World, tmp_path: Path
) -> None:
    refuses, other = world.enrolments[:2]
    await world.class_.refuse(refuses.device, "notify", "no desktop", times=1)
    await say(world, "Bonjour")
    await bar_says(world, "Message shown to 1 of 3", refuses.display)
    assert (await world.class_.status(refuses.device)).notices == ()
    assert (await world.class_.status(other.device)).notices == ("Bonjour",)

    await world.class_.refuse(refuses.device, "open", "no program for it", times=1)
    paper = tmp_path / "plan.txt"
    paper.write_text("Rendez-vous à 9 h")
    await drop(world, paper)
    told = f"{refuses.display}: plan.txt is there and does not open. Open it by hand."
    await bar_says(world, "plan.txt: arrived at", told)

    # No feature uses the teacher's hands yet, so nothing of theirs can reach a tile.
    await world.class_.refuse(refuses.device, "input", "a key is still down")
    with pytest.raises(StageError, match="smell"):
        await world.class_.refuse(refuses.device, "smell", "no nose")
