"""A lesson for benchmarks: the demo's own parts, with no failure played, in a folder of its own."""

import sys
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from classroom_app.demo import act_arrive
from classroom_app.demo.evidence import until
from classroom_app.demo.play import Act
from classroom_app.demo.report import Report
from classroom_app.demo.stage import Child, Stage
from classroom_app.demo.tell import Teller
from classroom_app.demo.world import Options, World

RECEIPT_SECONDS = 20.0
READY_SECONDS = 120.0


class _Patient(Child):
    async def line(self, seconds: float = READY_SECONDS) -> dict[str, Any]:
        return await super().line(seconds)


class PatientStage(Stage):
    """Gives its children time: a hundred devices that start at once are slow to get ready."""

    async def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        nice: bool = False,
    ) -> Child:
        child = await super().start(name, command, env, nice=nice)
        self.children[self.children.index(child)] = patient = _Patient(
            child.name, child.process, child.log
        )
        return patient


@asynccontextmanager
async def lesson(
    devices: int,
    seed: int,
    *,
    started: Act = act_arrive.devices,
    seen: Act = act_arrive.wall,
    made: Callable[[Path], Stage] = PatientStage,
    late: bool = True,
    **more: Any,  # noqa: ANN401 - fields of `Options`
) -> AsyncGenerator[World]:
    """Enter a running lesson: every device of the class is here, and its screen on the wall.

    `started` starts the devices, `late` the last one after them; `seen` waits for the screens;
    `made` makes the stage for its logs; `more` are fields of the demo's `Options`.
    """
    with tempfile.TemporaryDirectory(prefix="pupitre-bench-") as folder:
        out = Path(folder) / "out"
        fields: dict[str, Any] = {"headless": True} | more
        options = Options(devices, out, seed, faults=False, **fields)
        options.out.mkdir()
        stage = made(options.out / "logs")
        world = World(options, Path(folder), stage, Report(devices=devices), Teller(sys.stderr))
        try:
            for act in (act_arrive.mdm, started):
                await act(world)
            if late:
                await world.class_.start_late()
            for act in (act_arrive.teacher, seen):
                await act(world)
            yield world
        except BaseException:
            # The folder goes; what the app said last is what an engineer wants to read.
            with suppress(OSError):  # it had not begun
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
