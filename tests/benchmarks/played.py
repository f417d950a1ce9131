"""A lesson for benchmarks: the demo's own parts, with no failure played, in a folder of its own."""

import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from classroom_app.demo import act_arrive
from classroom_app.demo.evidence import until
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Stage
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Options, World

RECEIPT_SECONDS = 20.0


@asynccontextmanager
async def lesson(
    devices: int,
    seed: int,
    *,
    per_process: int = 20,
    real_devices: int = 2,
    nice: bool = True,
    headless: bool = True,
) -> AsyncGenerator[World]:
    """Enter a running lesson: every device of the class is here, and its screen on the wall."""
    with tempfile.TemporaryDirectory(prefix="pupitre-bench-") as folder:
        out = Path(folder) / "out"
        options = Options(
            devices,
            out,
            seed,
            headless=headless,
            faults=False,
            per_process=per_process,
            real_devices=real_devices,
            nice=nice,
        )
        options.out.mkdir()
        stage = Stage(options.out / "logs")
        world = World(options, Path(folder), stage, Report(devices=devices), Teller(sys.stderr))
        try:
            for act in (act_arrive.mdm, act_arrive.devices):
                await act(world)
            await world.class_.start_late()
            for act in (act_arrive.teacher, act_arrive.wall):
                await act(world)
            yield world
        except BaseException:
            # The folder goes; what the app said last is what an engineer wants to read.
            sys.stderr.write((stage.logs / "app.log").read_text()[-3000:])
            raise
        finally:
            await world.close()


async def lock_once(world: World) -> list[float]:
    """Lock the class and free it; return the milliseconds from the button to each receipt."""
    everyone = set(world.names)
    await world.window.ask("click", name="lock")

    async def receipts() -> bool:
        return set((await world.window.ask("facts"))["lock_ms"]) >= everyone

    await until(receipts, RECEIPT_SECONDS, "every receipt")
    times: dict[str, float] = (await world.window.ask("facts"))["lock_ms"]
    await world.window.ask("click", name="free")

    async def free() -> bool:
        # Counted from devices' words; to ask two dozen sockets here would cost what is measured.
        return (await world.window.ask("facts"))["free"] == len(everyone)

    await until(free, RECEIPT_SECONDS, "all free")
    return list(times.values())
