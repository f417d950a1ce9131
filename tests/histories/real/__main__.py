"""`python -m tests.histories.real`: so many histories of real processes; one JSON line last.

A failed one's schedule, what was found, and the logs of all its programs are kept in
`histories-failed/`; `--replay FILE` plays such a schedule again. `--plant NAME` puts a bug in and
wants it found. `--slower 4` gives all four times as long, on a machine that has much
else to do. Ctrl-C and SIGTERM end all: what is played lies in memory that only we see.
"""

import argparse
import asyncio
import json
import multiprocessing
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tests.histories.planted import BROKE, finds
from tests.histories.real.central import MEMORY
from tests.histories.real.database import PLANT, prepared
from tests.histories.real.last_year import AGO_SECONDS, lived
from tests.histories.real.playing import Prepared, Verdict, play
from tests.histories.real.schedule import Schedule, draw
from tests.histories.template import made_in
from tests.namespaces import own_memory

FAILED: Final = Path("histories-failed")
LONGEST_SECONDS: Final = 240.0
PLANTED: Final = ("acknowledge-before-commit", "retry-without-id", PLANT)
"""Of `tests.histories.planted` those that need no second server process."""


class Failed(msgspec.Struct, frozen=True):
    """What is kept of a failed history."""

    schedule: Schedule
    faults: tuple[str, ...]


def main() -> int:
    args = _parser().parse_args()
    schedules = [draw(args.seed + n, args.plant, args.slower) for n in range(args.count)]
    if args.replay:
        schedules = [msgspec.json.decode(args.replay.read_bytes(), type=Failed).schedule]
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, lambda _, __: signal.raise_signal(signal.SIGINT))
    own_memory(MEMORY)
    with _prepared() as made:
        told = asyncio.run(_all(made, schedules, args.at_once, args.plant))
    failed = sorted(one.seed for one in told if one.faults)
    found = bool(args.plant) and any(finds(args.plant, one.faults) for one in told)
    figures = {
        "histories": len(told),
        "failed": failed,
        "seconds": round(time.monotonic() - begun, 1),
        "events": sum(one.events for one in told),
        "works": sum(one.works for one in told),
        "orders": sum(one.orders for one in told),
        "starts": sum(one.starts for one in told),
        "requests": sum(one.requests for one in told),
    }
    good = found if args.plant else not failed and len(told) == len(schedules)
    asked = {name: str(value) for name, value in vars(args).items()}
    print(json.dumps({"benchmark": "histories-real", "args": asked, "figures": figures}))
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    said = argparse.ArgumentParser(prog="python -m tests.histories.real")
    said.add_argument("--count", type=int, default=20)
    said.add_argument("--seed", type=int, default=0)
    said.add_argument("--at-once", type=int, default=2)
    said.add_argument("--slower", type=float, default=1.0)
    said.add_argument("--plant", choices=PLANTED, default="")
    said.add_argument("--replay", type=Path)
    return said


async def _all(
    made: Prepared, schedules: Sequence[Schedule], at_once: int, plant: str
) -> list[Verdict]:
    """Play these; with a planted bug until one finds it."""
    told: list[Verdict] = []
    waiting = list(reversed(schedules))

    async def some() -> None:
        while waiting and not (plant and any(finds(plant, one.faults) for one in told)):
            told.append(await _one(made, waiting.pop()))

    async with asyncio.TaskGroup() as workers:
        for _ in range(at_once):
            workers.create_task(some())
    return told


@contextmanager
def _prepared() -> Generator[Prepared]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.histories.real.people"])
    # Names are short, for sockets lie below; PostgreSQL's own user goes through.
    with tempfile.TemporaryDirectory(prefix="h-", dir=MEMORY) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with prepared(folder / "cluster") as url:
            template = asyncio.run(made_in(folder / "made", _last_year, url))
        yield asyncio.run(lived(Prepared(template, folder, context)))


def _last_year() -> int:
    return int(time.time() - AGO_SECONDS)


async def _one(made: Prepared, schedule: Schedule) -> Verdict:
    folder = made.folder / f"{schedule.seed}"
    folder.mkdir(mode=0o711)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        try:
            async with asyncio.timeout(LONGEST_SECONDS * schedule.slower):
                verdict = await play(made, schedule, folder)
        except Exception as error:  # noqa: BLE001 - a history that breaks has failed, the others go on
            verdict = Verdict(schedule.seed, (f"{BROKE}{error!r}",))
            (folder / "logs" / "broke.log").write_text("".join(traceback.format_exception(error)))
        if verdict.faults:
            print(msgspec.json.encode(verdict).decode(), flush=True)
            _keep(schedule, verdict, folder / "logs")
    return verdict


def _keep(schedule: Schedule, verdict: Verdict, logs: Path) -> None:
    FAILED.mkdir(exist_ok=True)
    kept = msgspec.json.format(msgspec.json.encode(Failed(schedule, verdict.faults)))
    (FAILED / f"seed-{schedule.seed}.json").write_bytes(kept)
    shutil.copytree(logs, FAILED / f"seed-{schedule.seed}-logs", dirs_exist_ok=True)


if __name__ == "__main__":
    raise SystemExit(main())
