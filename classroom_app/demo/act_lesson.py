"""Steps 5 to 8: one screen close, the lock, a worksheet, talking."""

import asyncio
import re
from pathlib import Path
from typing import Any

from blake3 import blake3

from classroom_app.demo.evidence import expect, until
from classroom_app.demo.papers import write_pdf
from classroom_app.demo.report import percentiles
from classroom_app.demo.wall import read_close, read_codes
from classroom_app.demo.world import World

PDF_BYTES = 5 * 1024 * 1024
KEYS_SECONDS = 3.0
DEAF_SECONDS = 1.0
LOCK_SECONDS = 10.0
RECEIPT_SECONDS = 5.0
PUSH_SECONDS = 60.0


async def focus(world: World) -> str:
    """Double-click a tile; read two different numbers from the picture at the screen's own size."""
    row = world.enrolments[0]
    await world.window.ask("open", pupil=row.pupil)

    async def sharp() -> bool:
        seen = (await world.window.ask("facts"))["focus"]
        return bool(seen) and seen["width"] == seen["screen_width"] and seen["frames"] >= 3

    took = await until(sharp, 10, "a picture at the screen's own size that moves")
    shown = (await world.window.ask("facts"))["focus"]
    numbers: set[int] = set()

    async def moves() -> bool:
        if (number := await read_close(world, "05-focus", row.device)) is not None:
            numbers.add(number)
        return len(numbers) > 1

    took += await until(moves, 10, "the window's picture shows this screen, and it moves")
    status = await world.class_.status(row.device)
    expect(status.look == "close", "the pupil is not told that the teacher looks closely")
    await world.window.ask("key", keys="Escape")
    size = f"{shown['width']}x{shown['height']}"
    return f"{row.display} at {size}, two numbers read in {took:.1f} s; the pupil's bar says so"


async def lock(world: World) -> str:
    """Lock all; one curtain fails at first; free two by name; the latecomer comes up locked."""
    await _keys(world, "before", reach=True)
    await world.window.ask("click", name="lock")
    failing, late = world.class_.failing, world.enrolments[-1].device
    here = {row.device for row in world.enrolments[:-1]}

    # The window first: sixty devices that are asked while they lock answer both late.
    times = await confirmed(world, here - {failing})

    async def rest_locked() -> bool:
        world.locked |= await world.class_.locked(here)
        return world.locked >= here - {failing}

    await until(rest_locked, LOCK_SECONDS, lambda: f"{len(world.locked)} locked")
    if failing == late:  # in a class of three, nobody else can fail
        await world.class_.start_late()
        here |= {late}
    told = await _not_covered(world, failing)
    await _keys(world, "during", reach=False)
    await world.window.ask("click", name="lock")
    await until(lambda: _all_locked(world, here), LOCK_SECONDS, "a second lock covers all")
    await _free_two(world, [row.device for row in world.enrolments[:2]])
    if failing != late:
        await world.class_.start_late()
        await until(lambda: _all_locked(world, {late}), 20, "the late device comes up locked")
        times |= await confirmed(world, {late})
    world.report.lock_ms = percentiles(list(times.values()))
    await world.shot("06-two-free")
    quick = in_time(world)
    return f"{told}, then covered; {quick}; two free by name, latecomer locked"


def in_time(world: World) -> str:
    """Say how long a lock took; too long fails the step."""
    p99, most = world.report.lock_ms.p99, world.options.lock_ms
    expect(p99 <= most, f"a lock took {p99:.0f} ms (p99), more than {most:.0f}")
    return f"p99 {p99:.0f} ms"


async def confirmed(
    world: World, devices: set[str], seconds: float = RECEIPT_SECONDS
) -> dict[str, float]:
    """Return each device's first receipt of this lock, in ms; who gave none fails by name."""
    times: dict[str, float] = {}

    async def all_in() -> bool:
        times.update((await world.window.ask("facts"))["lock_ms"])
        return times.keys() >= devices

    def silent() -> str:
        names = (world.names[device] for device in sorted(devices - times.keys()))
        return f"no first confirmation of {', '.join(names)}"

    await until(all_in, seconds, silent)
    return {device: times[device] for device in devices}


async def _not_covered(world: World, failing: str) -> str:
    """Wait until the failing tile says so and the count leaves it out; return both as shown."""
    await until(
        lambda: tile_has(world, failing, "state", "not-covered"), 15, "the failing tile says so"
    )
    expect(failing not in world.locked, "the failing curtain claims to cover")
    tile = await _tile(world, failing)
    await until(lambda: _counts_receipts(world), 5, "the window counts what is really locked")
    sentence: str = (await world.window.ask("facts"))["sentence"]
    await world.shot("06-locked")
    return f"{sentence!r}; {tile['name']}: {tile['reason']!r}"


async def _counts_receipts(world: World) -> bool:
    count = len(await world.class_.locked(world.names))
    sentence: str = (await world.window.ask("facts"))["sentence"]
    return sentence.startswith(f"{count} ")


async def _free_two(world: World, freed: list[str]) -> None:
    pupils = [row.pupil for row in world.enrolments[:2]]
    await world.window.ask("select", pupils=pupils)
    await world.window.ask("click", name="free")

    async def both_free() -> bool:
        return not await world.class_.locked(set(freed))

    await until(both_free, 5, "two freed by name")
    world.report.unlocked = len(freed)
    await _keys(world, "after", reach=True)


async def _keys(world: World, word: str, *, reach: bool) -> None:
    """Type on each real desktop; the terminal's own file decides."""
    seconds = KEYS_SECONDS if reach else DEAF_SECONDS
    for device, desktop in world.desktops.items():
        got = await desktop.keys_reach(f"{word}-{device[-4:]}", seconds)
        expect(got is reach, f"on {desktop.name} keys {'do not ' if reach else ''}reach {word!r}")


async def _tile(world: World, device: str) -> dict[str, Any]:
    tiles: list[dict[str, Any]] = (await world.window.ask("tiles"))["tiles"]
    return next((tile for tile in tiles if tile["device"] == device), dict[str, Any]())


async def tile_has(world: World, device: str, field: str, value: str) -> bool:
    """Tell whether the device's tile in the window shows that."""
    return (await _tile(world, device)).get(field) == value


async def _all_locked(world: World, devices: set[str]) -> bool:
    found = await world.class_.locked(devices)
    world.locked |= found
    world.report.locked = len(world.locked)
    return devices <= found


async def hand_out(world: World) -> str:
    """Drop a 5 MB PDF on the wall; cut one link in the middle; hash what lies on each disk."""
    paper = write_pdf(world.scratch / "fiche-3.pdf", world.options.seed, PDF_BYTES)
    cut = (world.class_.simulated[1:2] or world.class_.simulated)[0]
    await world.class_.cut_when_fetching(cut)
    await drop(world, paper)
    everyone = {row.device for row in world.enrolments}
    await arrived(world, paper, everyone)
    world.report.push_verified = world.report.pushed = len(everyone)
    await until(lambda: counted(world, len(everyone), paper.name), 5, "the window counts all")
    await world.shot("07-handed-out")
    expect(await world.class_.cuts(cut) == 1, "the link was not cut")
    status = await world.class_.status(cut)
    extra = status.fetched_bytes - paper.stat().st_size
    expect(extra < paper.stat().st_size // 2, f"started again: {extra} bytes came twice")
    resumed = f"; one link cut and resumed, {extra // 1024} KiB came twice"
    return f"{paper.stat().st_size // 1024} KiB verified and opened on {len(everyone)}{resumed}"


async def counted(world: World, count: int, subject: str = "") -> bool:
    """Tell whether the window's sentence has `count` of as many, in any language."""
    sentence: str = (await world.window.ask("facts"))["sentence"]
    return re.findall(r"\d+", sentence.removeprefix(subject)) == [str(count)] * 2


async def drop(world: World, paper: Path) -> None:
    await world.window.ask("drop", paths=[str(paper)])
    await world.window.ask("click", name="hand-out-now")


async def arrived(world: World, paper: Path, devices: set[str]) -> None:
    """Wait until each device's disk holds the same bytes and its pupil had it opened."""
    wanted = (await asyncio.to_thread(lambda: blake3(paper.read_bytes()))).hexdigest()
    whole: set[str] = set()

    async def everywhere() -> bool:
        for device in devices - whole:
            if await world.class_.holds(device, paper.name, wanted):
                whole.add(device)
        world.teller.progress(f"{len(whole)} of {len(devices)}", len(whole), len(devices))
        return whole >= devices

    await until(everywhere, PUSH_SECONDS, lambda: f"{paper.name} on {len(whole)} disks")


async def talk(world: World) -> str:
    """Two hands up, a message to all, one reply; each is read on the other side."""
    first = world.class_.simulated[0]
    await world.class_.act(first, "hand-up")
    second = await _second_hand(world, first)
    for device in (first, second):
        await until(lambda d=device: tile_has(world, d, "wish", "hand"), 5, "the hand shows")
        world.report.hands_raised += 1
    await world.shot("08-hands")
    words = "Encore cinq minutes, puis on corrige ensemble."
    await say(world, words)
    await until(lambda: _all_read(world, words), 15, "the message is shown on every device")
    reply = "J'ai fini !"
    await world.class_.act(first, "reply", text=reply)
    await until(lambda: tile_has(world, first, "words", reply), 5, "the reply shows on the wall")
    await world.shot("08-reply")
    here = len(world.enrolments)
    return f"{world.report.hands_raised} hands, message shown on {here}, one pupil replied"


async def _second_hand(world: World, first: str) -> str:
    """Raise another hand: on a real desktop by a click on the bar, where there is one."""
    for device, desktop in world.desktops.items():
        await desktop.click_hand()
        return device
    second = world.class_.simulated[-1]
    expect(second != first, "nobody else is there to raise a hand")
    await world.class_.act(second, "hand-up")
    return second


async def say(world: World, words: str) -> None:
    await world.window.ask("click", name="message")
    await world.window.ask("type", name="message-text", text=words)
    await world.window.ask("click", name="message-send")


async def _all_read(world: World, words: str) -> bool:
    statuses = [await world.class_.status(row.device) for row in world.enrolments]
    return all(words in status.notices for status in statuses)


async def screens_live(world: World, name: str) -> None:
    """Add to `screens_live` the devices whose code is right in the window's picture now."""
    world.live |= await read_codes(world, name)
    world.report.screens_live = len(world.live)
