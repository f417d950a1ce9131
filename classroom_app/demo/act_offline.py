"""Steps 9 and 10: the MDM is gone, a device dies, the teacher's app dies; nothing is lost."""

from typing import Any

from classroom_app.demo.act_lesson import arrived, drop, screens_live, tile_has
from classroom_app.demo.evidence import expect, until
from classroom_app.demo.papers import write_pdf
from classroom_app.demo.world import World

SMALL_PDF = 300 * 1024


async def offline(world: World) -> str:
    """Stop the MDM; then unlock, lock, hand out and ask, all confirmed by the devices."""
    if world.mdm is None:
        return "no MDM was running"
    await world.stage.end(world.mdm)
    everyone = {row.device for row in world.enrolments}
    await world.window.ask("click", name="free")

    async def all_free() -> bool:
        return not await world.class_.locked(everyone)

    await until(all_free, 10, "free without the MDM")
    world.report.unlocked = len(everyone)

    async def missed() -> bool:
        return not (await world.window.ask("facts"))["reached"]

    await until(missed, 10, "the window says that the MDM is gone")

    async def all_live() -> bool:
        await screens_live(world, "09-offline")
        return world.live >= everyone

    await until(all_live, 20, lambda: f"{len(world.live)} screens live")
    await world.window.ask("click", name="lock")

    async def all_locked() -> bool:
        return await world.class_.locked(everyone) == everyone

    await until(all_locked, 10, "locked without the MDM")
    paper = write_pdf(world.scratch / "exercices.pdf", world.options.seed + 1, SMALL_PDF)
    await drop(world, paper)
    await arrived(world, paper, everyone)
    asking = world.class_.simulated[0]
    question = "Puis-je sortir ?"
    await world.class_.act(asking, "words", text=question)
    await until(lambda: tile_has(world, asking, "words", question), 5, "a question without the MDM")
    facts: dict[str, Any] = {}

    async def waits() -> bool:
        # The sync counts anew a second after it was refused, not at once.
        facts.update(await world.window.ask("facts"))
        return facts["waiting"] > 0

    await until(waits, 5, "something waits for the MDM")
    return f"freed, locked, handed out, asked; {facts['waiting']} events wait for the MDM"


async def crash(world: World) -> str:
    """Kill a device and start it again; kill the app (-9) and start it again."""
    victim = await world.class_.kill_late()

    await until(lambda: tile_has(world, victim, "state", "gone"), 20, "the killed device is gone")
    paper = write_pdf(world.scratch / "corrige.pdf", world.options.seed + 2, SMALL_PDF)
    await drop(world, paper)
    await world.class_.start_late()

    async def locked_again() -> bool:
        return victim in await world.class_.locked({victim})

    await until(locked_again, 20, "the device that came back is locked")
    await arrived(world, paper, {row.device for row in world.enrolments})
    return f"{world.names[victim]} came back locked with the missed hand-out; " + await _app(world)


async def _app(world: World) -> str:
    before = await world.window.ask("facts")
    acknowledged = set((await world.window.ask("journal"))["ids"])
    states = await _states(world)
    await world.restart_app()

    async def same() -> bool:
        return await _states(world) == states

    took = await until(same, 20, "the same states after the restart")
    found = await found_again(world)
    after = await world.window.ask("facts")
    expect(after["lesson"] == before["lesson"], "another lesson after the restart")
    kept = set((await world.window.ask("journal"))["ids"])
    world.report.acknowledged_before_kill = len(acknowledged)
    world.report.lost_after_kill = len(acknowledged - kept)
    expect(acknowledged <= kept, f"{len(acknowledged - kept)} acknowledged events are lost")
    await world.shot("10-after-crash")
    return (
        f"app killed, same lesson and states after {took:.1f} s, all found {found:.1f} s after its "
        f"window was up, {len(acknowledged)} events kept"
    )


async def found_again(world: World) -> float:
    """Wait until a restarted app has found all; return when, in seconds after it was up."""
    seen: dict[str, float] = {}

    async def all_found() -> bool:
        seen.update((await world.window.ask("facts"))["discovered"])
        return seen.keys() >= world.names.keys()

    await until(all_found, 20, lambda: f"{len(seen)} found again")
    return max(seen.values())


async def _states(world: World) -> dict[str, str]:
    tiles = (await world.window.ask("tiles"))["tiles"]
    return {tile["device"]: tile["state"] for tile in tiles}
