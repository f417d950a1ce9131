"""The driver of the demo: sets the stage, plays the 13 steps in order, writes `report.json`."""

import asyncio
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import chain, count
from pathlib import Path

from classroom_app.demo import act_arrive, act_home, act_lesson, act_offline, walls
from classroom_app.demo.evidence import EvidenceError
from classroom_app.demo.report import Report, Step
from classroom_app.demo.stage import Stage, StageError, trouble
from classroom_app.demo.strings import PuppetError
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Options, World
from classroom_app.stopping import stoppable
from device_bridge.early_stop import STOPPED

log = logging.getLogger(__name__)
Act = Callable[[World], Awaitable[str]]
NOT_PLAYED = "not played"

STORY: tuple[tuple[str, str, Act], ...] = (
    ("01-mdm", "The school's MDM opens", act_arrive.mdm),
    ("02-devices", "The pupils' devices wake up", act_arrive.devices),
    ("03-teacher", "The teacher signs in and starts the lesson", act_arrive.teacher),
    ("04-wall", "The class appears, screens are live", act_arrive.wall),
    ("05-focus", "One screen, close", act_lesson.focus),
    ("06-lock", "Eyes up: lock, free two, a latecomer", act_lesson.lock),
    ("07-hand-out", "A worksheet for everyone, one link cut", act_lesson.hand_out),
    ("08-talk", "Hands, a message, a reply", act_lesson.talk),
    ("09-offline", "The MDM is gone, the lesson goes on", act_offline.offline),
    ("10-crash", "A device and the teacher's app are killed", act_offline.crash),
    ("11-collect", "The work is collected", act_home.collect),
    ("12-sync", "The MDM is back and learns all, once", act_home.sync),
    ("13-end", "The lesson ends, everyone is free", act_home.end),
)


def check_folder(out: Path) -> None:
    """Raise `StageError` unless `out` can be made or is an empty folder."""
    if out.exists() and not out.is_dir():
        raise StageError(f"{out} is a file; name a new or empty folder with --out")
    if out.exists() and not _empty(out):
        raise StageError(f"{out} is not empty; name another folder with --out")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StageError(f"{out} cannot be made: {error.strerror}") from error


def free_folder(wanted: Path) -> Path:
    """Return `wanted`, or where something lies there `wanted-2` and so on."""
    tried = (wanted.with_name(f"{wanted.name}-{number}") for number in count(2))
    return next(out for out in chain([wanted], tried) if not out.exists() or _empty(out))


def _empty(out: Path) -> bool:
    return out.is_dir() and not any(out.iterdir())


async def play(options: Options) -> int:
    """Play the lesson; return 0 only if every step is ok. Stopped midway, it still reports."""
    check_folder(options.out)
    teller = Teller()
    teller.title(f"Pupitre plays a lesson: {options.devices} devices, seed {options.seed}")
    report = Report(devices=options.devices)
    try:
        with tempfile.TemporaryDirectory(prefix="pupitre-demo-") as scratch:
            world = World(options, Path(scratch), Stage(options.out / "logs"), report, teller)
            try:
                await _tell(world)
            finally:
                await world.close()
    finally:
        _write_down(report, options.out, teller)
    if report.ok and options.walls:
        teller.say("The walls of 1 to 100 devices, each a lesson of its own:")
        await walls.beside(options, teller.say)
    return 0 if report.ok else 1


async def _tell(world: World) -> None:
    """Play step after step, as long as each is ok."""
    for name, title, act in STORY:
        world.teller.step(title)
        step = await _played(name, act, world)
        world.report.steps.append(step)
        world.teller.ended(ok=step.ok, detail=step.detail, seconds=step.ms / 1000)
        if not step.ok:
            return


def _write_down(report: Report, out: Path, teller: Teller) -> None:
    for name, _, _ in STORY[len(report.steps) :]:
        report.steps.append(Step(name, ok=False, ms=0, detail=NOT_PLAYED))
    report.seconds = round(time.monotonic() - teller.began, 1)
    report.write(out / "report.json")
    _summary(teller, report, out)


async def by_hand(options: Options) -> int:
    """Set the stage, sign the teacher in, and leave the window to the visitor until it closes."""
    check_folder(options.out)
    teller = Teller()
    teller.title(f"You are the teacher of a class of {options.devices}")
    with tempfile.TemporaryDirectory(prefix="pupitre-demo-") as scratch:
        stage = Stage(options.out / "logs")
        world = World(options, Path(scratch), stage, Report(devices=options.devices), teller)
        try:
            teller.say(await act_arrive.mdm(world))
            await act_arrive.devices(world)
            await world.class_.start_late()  # here nobody comes late
            up = act_arrive.who_is_here(len(world.class_.simulated), len(world.real))
            teller.say(up)
            teller.say(await act_arrive.teacher(world))
            teller.say("The lesson runs. Close the window to end.")
            if world.app:
                await world.app.process.wait()
        finally:
            await world.close()
    return 0


async def _played(name: str, act: Act, world: World) -> Step:
    """Play one step. What the other side does not confirm is a step that is not ok."""
    began = time.monotonic()
    try:
        ok, detail = True, await act(world)
    except Exception as error:  # noqa: BLE001 - whatever it was, the report says so
        log.info("step failed", extra={"step": name, "why": repr(error)})
        ok, detail = False, f"{type(error).__name__}: {error}"
    return Step(name, ok, round((time.monotonic() - began) * 1000), detail)


def _summary(teller: Teller, report: Report, out: Path) -> None:
    teller.say("")
    failed = any(not (step.ok or step.detail == NOT_PLAYED) for step in report.steps)
    verdict = "Played through" if report.ok else "FAILED" if failed else "Not played through"
    teller.say(f"{verdict} in {report.seconds:.0f} s.")
    teller.say(f"Pictures, collected work, logs and report.json are in {out}/")


def main(options: Options) -> int:
    try:
        return asyncio.run(stoppable((by_hand if options.by_hand else play)(options)))
    except (StageError, EvidenceError, PuppetError, ExceptionGroup) as error:
        Teller().say(trouble(error))
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        Teller().say("Stopped.")
        return STOPPED
