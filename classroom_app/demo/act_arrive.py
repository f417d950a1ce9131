"""Steps 1 to 4: the MDM opens, devices wake up, the teacher signs in, the class appears."""

import asyncio
import json

from classroom_app.demo.desktops import missing, open_desktop, show_screen
from classroom_app.demo.evidence import expect, until
from classroom_app.demo.pupils import Pupils
from classroom_app.demo.stage import program
from classroom_app.demo.wall import read_codes
from classroom_app.demo.world import Enrolment, World

TILE_SECONDS = 20.0


async def mdm(world: World) -> str:
    """Make the sample school and serve it; the school's own file says what is in it."""
    folder = world.scratch / "mdm"
    count, seed = str(world.options.devices), str(world.options.seed)
    command = [*program("pupitre-mdm", "central_mdm"), "sample", "--folder", str(folder)]
    sample = await world.stage.start("sample", [*command, "--devices", count, "--seed", seed])
    expect(await sample.process.wait() == 0, f"the sample school was not made; see {sample.log}")
    world.stage.children.remove(sample)
    read_school(world)
    await world.start_mdm()
    counts = world.sample["counts"]
    return (
        f"{counts['teachers']} teachers, {counts['classes']} classes, {counts['pupils']} pupils, "
        f"{counts['devices']} devices, at {world.mdm_url}"
    )


def read_school(world: World) -> None:
    """Read who is in the sample school that lies in the MDM's folder."""
    world.sample = json.loads((world.scratch / "mdm" / "sample.json").read_text())
    world.enrolments = [Enrolment(**row) for row in world.sample["devices"]]
    expect(len(world.enrolments) == world.options.devices, "the class has not one device a pupil")


async def devices(world: World) -> str:
    """Start all devices but the last: real agents on real desktops first, the others simulated."""
    lacking = missing()
    real = 0 if lacking else min(world.options.real_devices, world.options.devices - 1)
    for number, row in enumerate(world.enrolments[:real], 1):
        desktop = await open_desktop(
            world.stage, f"real-{number}", world.scratch / f"real-{number}"
        )
        world.desktops[row.device] = desktop
        await show_screen(world.stage, desktop, row.device, world.options.seed + number)
    world.pupils = Pupils(world)
    await world.pupils.start(real)
    world.report.real_devices = real
    wanted = world.options.real_devices
    expect(bool(real) or bool(lacking) or not wanted, "no real device was started")
    waiting = len(world.enrolments) - 1
    told = f"{real} real desktops, {waiting - real} simulated, one comes late"
    return told + (f" (no real desktop: {', '.join(lacking)} missing)" if lacking else "")


def who_is_here(simulated: int, real: int) -> str:
    """Count the devices that are up, as the wall will: each is one pupil's."""
    if not real:
        return f"{simulated} pupils' devices, all simulated"
    parts = f"{simulated} simulated, {real} on desktops of their own"
    return f"{simulated + real} pupils' devices: {parts}"


async def teacher(world: World) -> str:
    """Open the app, sign in and start the lesson."""
    await world.start_app()
    return await sign_in(world)


async def sign_in(world: World) -> str:
    """Sign in and start the lesson by the window's own fields and buttons."""
    await world.shot("01-first-run")
    account = world.sample["teachers"][0]
    window = world.window
    for field, text in (
        ("server", world.mdm_url),
        ("school", world.sample["school"]),
        ("login", account["login"]),
        ("password", account["password"]),
    ):
        await window.ask("type", name=field, text=text)
    await window.ask("click", name="sign-in")
    await until(lambda: _has_class(world), 15, "the class list from the MDM")
    await world.shot("02-classes")
    await window.ask("click", name=f"start-{world.sample['class']}")
    await until(lambda: _in_lesson(world), 10, "the lesson to start")
    lesson = (await window.ask("facts"))["lesson"]
    expect(bool(lesson), "the lesson did not start")
    return f"signed in as {account['login']}, lesson {lesson[:8]} of {len(world.enrolments)} pupils"


async def _has_class(world: World) -> bool:
    return world.sample["class"] in (await world.window.ask("facts"))["classes"]


async def _in_lesson(world: World) -> bool:
    return bool((await world.window.ask("facts"))["lesson"])


async def wall(world: World) -> str:
    """Wait until N-1 tiles show, in the grabbed picture, the right device's fresh screen."""
    here = {row.device for row in world.enrolments[:-1]}

    async def all_live() -> bool:
        world.live |= await read_codes(world, "04-wall") & here
        world.teller.progress(f"{len(world.live)} of {len(here)}", len(world.live), len(here))
        return world.live >= here

    await until(all_live, TILE_SECONDS, lambda: f"{len(world.live)} of {len(here)} screens live")
    facts = await world.window.ask("facts")
    seen: dict[str, float] = facts["discovered"]
    expect(set(seen) >= here, f"found {len(seen)} of {len(here)}")
    world.report.discovered = len(set(seen) & here)
    world.report.discover_seconds = round(max(seen[device] for device in here), 2)
    known = {tile["device"]: tile["name"] for tile in (await world.window.ask("tiles"))["tiles"]}
    wrong = [device for device in here if known.get(device) != world.names[device]]
    expect(not wrong, f"{len(wrong)} tiles bear the wrong name")
    watching = await asyncio.gather(*(world.class_.status(device) for device in sorted(here)))
    expect(all(status.indicator for status in watching), "a device shows no indicator")
    return (
        f"{len(here)} found {world.report.discover_seconds} s after the class was opened, "
        f"{len(world.live)} screens read from the window's picture, each device has its indicator"
    )
