"""The lesson's acts in the real app's window, each decided by what the devices hold."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from classroom_app.demo.act_lesson import drop
from classroom_app.demo.evidence import until
from classroom_app.demo.world import World

pytestmark = pytest.mark.real_loop
SENTENCE = "Page 12, please."


async def kept(world: World) -> list[dict[str, Any]]:
    """Return what each device that is here keeps on its disk."""
    found: list[dict[str, Any]] = []
    for row in world.enrolments[:-1]:
        state = world.class_.hand_in_of(row.device).parent / "state.json"
        found.append(json.loads(await asyncio.to_thread(state.read_bytes)))
    return found


async def sentence(world: World) -> str:
    return (await world.window.ask("facts"))["sentence"]


async def test_a_lock_says_why_also_after_the_app_was_killed(world: World) -> None:
    window = world.window
    await window.ask("click", name="more")
    await window.ask("click", name="lock-more")
    await window.ask("type", name="lock-sentence", text=SENTENCE)
    await window.ask("key", keys="Return")

    async def told(*, locked: bool) -> bool:
        each = [state["attention"] for state in await kept(world)]
        return all(a["locked"] is locked and (a["sentence"] == SENTENCE) is locked for a in each)

    await until(lambda: told(locked=True), 10, "the curtains say it")
    await world.shot("locked")
    await window.ask("click", name="free")
    await until(lambda: told(locked=False), 10, "free")
    await world.restart_app()

    async def here() -> bool:
        return (await world.window.ask("facts"))["free"] == 2

    await until(here, 60, "the same class after the restart")
    await world.window.ask("click", name="lock")
    await until(lambda: told(locked=True), 10, "the curtains say it again")


async def a_hand_out_is_taken_back(world: World) -> None:
    """Hand out, and take back what both have opened already: told as the devices say."""
    paper = world.scratch / "plan.txt"
    paper.write_text("Page 12")
    await drop(world, paper)

    async def opened() -> bool:
        rows = [world.class_.status(row.device) for row in world.enrolments[:-1]]
        papers = [(await row).materials for row in rows]
        return all(each and each[0].state == "opened" for each in papers)

    await until(opened, 60, "opened on both")
    await world.window.ask("click", name="undo")

    async def told() -> bool:
        return await sentence(world) == "plan.txt: all 2 had opened it"

    await until(told, 60, "the sentence")
    await world.shot("withdrawn")
    for row in world.enrolments[:-1]:
        status = await world.class_.status(row.device)
        assert (Path(status.received_folder) / "plan.txt").is_file()


async def test_an_end_and_a_hand_out_are_taken_back_and_the_lesson_lasts_longer(
    world: World,
) -> None:
    window = world.window
    lesson = (await window.ask("facts"))["lesson"]

    async def bars(*, shown: bool) -> bool:
        rows = world.enrolments[:-1]
        states = [(await world.class_.status(row.device)).indicator for row in rows]
        return states == [shown] * len(rows)

    await until(lambda: bars(shown=True), 10, "the bars show")
    await window.ask("click", name="end")
    await until(lambda: bars(shown=False), 10, "the bars are gone")
    await world.shot("ended")
    await window.ask("key", keys="Ctrl+Z")
    await until(lambda: bars(shown=True), 10, "the bars are back")
    assert (await window.ask("facts"))["lesson"] == lesson

    async def written() -> bool:
        return all(state["presence"]["on"] for state in await kept(world))

    await until(written, 60, "it is on the devices' disks")
    before = [state["presence"]["until_at"] for state in await kept(world)]
    await window.ask("click", name="time-left")
    await world.shot("length")
    await window.ask("click", name="extend-15")

    async def longer() -> bool:
        now = [state["presence"]["until_at"] for state in await kept(world)]
        return all(880 < b - a < 910 for a, b in zip(before, now, strict=True))

    await until(longer, 60, "the devices know the new end")
    assert (await sentence(world)).startswith("The lesson ends at ")
    await world.shot("extended")
    await a_hand_out_is_taken_back(world)
