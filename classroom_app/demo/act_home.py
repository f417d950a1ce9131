"""Steps 11 to 13: work is collected, the MDM learns all once, everyone is free."""

import asyncio
import json
import shutil
from contextlib import suppress
from pathlib import Path

from blake3 import blake3

from classroom_app.demo.act_lesson import counted
from classroom_app.demo.evidence import expect, until
from classroom_app.demo.rows import journal_rows, kept_files, told_of, was_met
from classroom_app.demo.stage import Child, program
from classroom_app.demo.world import World
from device_bridge.materials.library import raw_file
from device_bridge.materials.manifest import chunking_of, document_of, encode, read_manifest

TIMEOUT = 77
"""Seconds; the sample school wants another number."""
HOSTILE = "devoir\\..\\..\\moi.txt"  # legal on the pupil's Linux disk, a way out on others


async def collect(world: World) -> str:
    """Let every pupil lay work in the hand-in folder; collect; compare hashes by pupil."""
    handed: dict[str, str] = {}
    for number, row in enumerate(world.enrolments):
        work = f"Devoir de {row.display}, {number}\n".encode() * (200 + number)
        await world.class_.lay(row.device, HOSTILE if number == 0 else "devoir.txt", work)
        handed[row.display] = blake3(work).hexdigest()
    await world.window.ask("click", name="collect")
    await world.window.ask("click", name="collect-now")
    folder = Path((await world.window.ask("facts"))["collected_folder"])

    async def all_here() -> bool:
        found = await asyncio.to_thread(hashes, folder)
        here = [name for name, hash_ in handed.items() if found.get(name) == {hash_}]
        world.report.collected = len(here)
        world.teller.progress(f"{len(here)}", len(here), len(handed))
        return len(here) == len(handed)

    await until(all_here, 30, lambda: f"collected from {world.report.collected}")
    outside = [path for path in world.scratch.rglob("moi*") if folder not in path.parents]
    expect(not outside, "a hostile name left the class's folder")
    # Only what the window counts has its own name; what is whole a moment before has not.
    await until(lambda: counted(world, len(handed)), 10, "the window counts all works")
    await asyncio.to_thread(shutil.copytree, folder, world.options.out / "collected")
    await world.shot("11-collected")
    return f"{world.report.collected} works by pupil, hashes right, a hostile name stayed inside"


def hashes(folder: Path) -> dict[str, set[str]]:
    """Hash what lies under class, lesson and pupil; return it by the pupil's name."""
    found: dict[str, set[str]] = {}
    for path in folder.glob("*/*/*/*"):
        # A copy gets its own name when it is whole: it may go between being listed and being read.
        with suppress(FileNotFoundError):
            found.setdefault(path.parent.name, set()).add(blake3(path.read_bytes()).hexdigest())
    return found


async def sync(world: World) -> str:
    """Start the MDM again on its port; its own rows say what arrived, and how often."""
    declaring = await _declaring(world)  # meanwhile: it takes seconds to begin
    await world.start_mdm(int(world.mdm_url.rpartition(":")[2]))
    await world.window.ask("click", name="sync-now")
    await _all_told(world)
    files = await asyncio.to_thread(kept_files, world.scratch / "mdm")
    sent = await asyncio.to_thread(_documents, world)
    expect(sorted(files) == sent, f"{len(files)} works arrived, not these {len(sent)} by pupil")

    async def said() -> bool:
        return bool((await world.window.ask("facts"))["in_step"])

    await until(said, 10, "the window says that the school is up to date")
    await world.shot("12-synced")
    told = world.report.journal_events
    carried = await _carried(world, declaring)
    works = f"{len(files)} collected works too"
    return f"{told} events in the MDM's rows, each once; {works}; {carried}"


async def _declaring(world: World) -> Child:
    """Begin to declare a setting of the device that meets only the teacher."""
    declare = [*program("pupitre-mdm", "central_mdm"), "declare"]
    declare += ["--folder", str(world.scratch / "mdm"), "--school", world.sample["school"]]
    declare += ["--scope", "device", "--target", world.class_.alone]
    declare += ["--feature", "screen_timeout", "--body", json.dumps({"seconds": TIMEOUT})]
    return await world.stage.start("declare", declare)


async def _carried(world: World, declaring: Child) -> str:
    """Have it carried; both sides say that it came."""
    device, folder = world.class_.alone, world.scratch / "mdm"
    expect(await declaring.process.wait() == 0, f"it was not declared; see {declaring.log}")
    world.stage.children.remove(declaring)
    await world.window.ask("click", name="sync-now")
    wanted = f"applied {{'seconds': {TIMEOUT}}}"

    async def both_say() -> bool:
        told = await asyncio.to_thread(told_of, folder, device, "screen_timeout")
        return wanted in told and world.class_.setting_of(device, "screen_timeout") == wanted

    await until(both_say, 30, "a policy change carried by the teacher's app", 0.2)
    expect(not await asyncio.to_thread(was_met, folder, device), f"{device} met the MDM")
    world.report.policies_carried = 1
    return (
        f"a policy change reached {device} through the teacher's app, and its report came back: "
        "it never saw the MDM"
    )


def _documents(world: World) -> list[tuple[str, str]]:
    """Return pupil and document of the work that lies on the pupils' own disks."""
    found: list[tuple[str, str]] = []
    for row in world.enrolments:
        for path in world.class_.hand_in_of(row.device).glob("*/*"):
            with path.open("rb", buffering=0) as file:
                chunking = chunking_of(path.name, path.stat().st_size)
                manifest = encode(read_manifest(raw_file(file), chunking))
            found.append((row.pupil, document_of(manifest).hex()))
    return sorted(found)


async def _all_told(world: World) -> None:
    """Wait until nothing waits; then every event of the app's journal stands there, once."""

    async def nothing_waits() -> bool:
        waiting: int = (await world.window.ask("journal"))["waiting"]
        world.teller.progress(f"{waiting} waiting")
        return waiting == 0

    await until(nothing_waits, 40, "nothing waits for the MDM")
    ids = (await world.window.ask("journal"))["ids"]
    rows = await asyncio.to_thread(journal_rows, world.scratch / "mdm")
    report = world.report
    report.journal_events = len(ids)
    report.journal_synced = len(set(rows) & set(ids))
    report.journal_duplicates = len(rows) - len(set(rows))
    missing = len(set(ids) - set(rows))
    expect(not missing, f"{missing} events did not arrive")
    expect(report.journal_duplicates == 0, "an event arrived twice")
    expect(len(ids) >= 5 * world.options.devices, f"only {len(ids)} events")


async def end(world: World) -> str:
    """End the lesson; every device must be free, without its indicator, within a second."""
    facts = await world.window.ask("facts")
    world.report.discovered = len(set(facts["discovered"]) & set(world.names))
    expect(world.report.discovered == len(world.names), "not every device was found")
    await world.window.ask("click", name="end")

    async def all_out() -> bool:
        statuses = await asyncio.gather(*(world.class_.status(device) for device in world.names))
        return not any(status.attention.locked or status.indicator for status in statuses)

    took = await until(all_out, 5, "every device free, no indicator left")
    expect(took <= 1.0, f"freeing took {took:.1f} s")
    for desktop in world.desktops.values():
        expect(await desktop.keys_reach("home", 3), f"{desktop.name} is still deaf")
    facts = await world.window.ask("facts")
    await world.shot("13-ended")
    everyone = f"{len(world.names)} of {len(world.names)} free"

    async def summed_up() -> bool:
        return everyone in (await world.window.ask("facts"))["summary"]

    await until(summed_up, 5, "the teacher's summary counts everyone's receipt")
    facts = await world.window.ask("facts")
    await _all_told(world)
    return f"all free in {took:.1f} s; {facts['summary']}"
