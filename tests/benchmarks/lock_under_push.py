"""Locks while a hundred megabytes travel to every device.

`python -m tests.benchmarks.lock_under_push --devices 24`. Nine pushes in one run, each of a
document of its own a device: two that count for nothing, then in turn in peace and with locks of
the whole class at random moments, the first and the last in peace. Each push with locks is compared
with the mean of its two neighbours, and the median of the three is told: a virtual machine gets its
memory from its host as the files' pages first use it, and that alone made one of two equal pushes
take 1.3 times the other. The push after the first is quicker than all that follow, so it counts for
nothing as well.
A push is over when every device has verified, placed and opened its document; afterwards, outside
the time, the files on the devices' disks are hashed here and compared, and removed.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from blake3 import blake3

from classroom_app.demo.evidence import expect, until
from classroom_app.demo.papers import write_pdf
from classroom_app.demo.report import percentiles
from classroom_app.demo.world import World
from tests.benchmarks.played import lesson, lock_once
from tests.benchmarks.report import report

WARM_UPS = 2
PAIRS = 3
LOCKS = 30  # a push
PUSH_SECONDS = 600.0
LOOK_SECONDS = 0.5  # each look asks every device that still lacks something


def papers(world: World, round_: int, size: int) -> dict[str, Path]:
    """Write a document of its own for each pupil."""
    folder = world.scratch / "papers"
    folder.mkdir(exist_ok=True)
    return {
        row.pupil: write_pdf(folder / f"{round_}-{number}.pdf", 1000 * round_ + number, size)
        for number, row in enumerate(world.enrolments)
    }


async def hand_out(world: World, wanted: dict[str, Path]) -> None:
    """Give each pupil their document by the window's own ways."""
    for pupil, paper in wanted.items():
        await world.window.ask("select", pupils=[pupil])
        await world.window.ask("drop", paths=[str(paper)])
        await world.window.ask("click", name="hand-out-now")


async def opened(world: World, wanted: dict[str, Path]) -> None:
    """Wait until every device says that its pupil has the document open."""
    lacking = {row.device: wanted[row.pupil].name for row in world.enrolments}

    async def everywhere() -> bool:
        for device, name in tuple(lacking.items()):
            papers_ = (await world.class_.status(device)).materials
            if any(paper.name == name and paper.state == "opened" for paper in papers_):
                del lacking[device]
        return not lacking

    claim = lambda: f"{len(lacking)} devices lack their document"  # noqa: E731 - said when it fails
    await until(everywhere, PUSH_SECONDS, claim, every=LOOK_SECONDS)


async def push_in_peace(world: World, wanted: dict[str, Path]) -> float:
    """Hand out and wait until all is opened on all devices; return the seconds it took."""
    began = time.monotonic()
    await hand_out(world, wanted)
    await opened(world, wanted)
    return time.monotonic() - began


async def push_with_locks(
    world: World, wanted: dict[str, Path], moments: Sequence[float]
) -> tuple[float, list[list[float]]]:
    """Do the same while the class is locked and freed at these seconds of the push.

    Return the seconds of the push, and for each lock the milliseconds to each device's receipt.
    """
    began, over = time.monotonic(), asyncio.Event()
    await hand_out(world, wanted)
    times: list[list[float]] = []

    async def lock_on() -> None:
        for moment in moments:
            await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
            if over.is_set():
                return
            times.append(await lock_once(world))

    async with asyncio.TaskGroup() as group:
        group.create_task(lock_on(), name="locks")
        await opened(world, wanted)
        took = time.monotonic() - began
        over.set()
    return took, times


async def verify(world: World, wanted: dict[str, Path]) -> None:
    """Compare what lies on each device's disk with what was handed out, byte for byte."""
    for row in world.enrolments:
        name, source = wanted[row.pupil].name, wanted[row.pupil]
        papers_ = (await world.class_.status(row.device)).materials
        place = next(Path(paper.path) for paper in papers_ if paper.name == name)
        hashes = [blake3().update_mmap(path).hexdigest() for path in (source, place)]
        expect(hashes[0] == hashes[1], f"{row.device} holds other bytes")
        place.unlink()
        source.unlink()


async def push(
    world: World, round_: int, size: int, moments: Sequence[float] = ()
) -> tuple[float, list[list[float]]]:
    """Hand out documents that are new, and look at what came of it."""
    wanted = await asyncio.to_thread(papers, world, round_, size)
    await asyncio.to_thread(os.sync)  # what writing them left to do is nobody's time
    times: list[list[float]] = []
    if moments:
        took, times = await push_with_locks(world, wanted, moments)
    else:
        took = await push_in_peace(world, wanted)
    await verify(world, wanted)
    return took, times


async def run(devices: int, megabytes: int, seed: int, per_process: int) -> dict[str, float]:
    size, chance = megabytes * 1024 * 1024, random.Random(seed)  # noqa: S311 - moments, no secret
    seconds: dict[bool, list[float]] = {False: [], True: []}
    locks: list[list[list[float]]] = []
    async with lesson(devices, seed, per_process=per_process, real_devices=0, nice=False) as world:
        for round_ in range(WARM_UPS):
            await push(world, round_, size)
        for round_, loud in enumerate((*(False, True) * PAIRS, False), start=WARM_UPS):
            # So that all of these fall into the push, also where it is a little quicker.
            span = 0.9 * min(seconds[False]) if loud else 0.0
            moments = sorted(chance.uniform(0, span) for _ in range(LOCKS * loud))
            took, times = await push(world, round_, size, moments)
            seconds[loud].append(took)
            sys.stderr.write(f"push {round_}: {took:.1f} s, {len(times)} locks\n")
            if loud:
                locks.append(times)
    fewest = min(len(times) for times in locks)
    expect(fewest == LOCKS, f"only {fewest} locks fell into a push")
    shares = percentiles([ms for times in locks for one in times for ms in one])
    quiet = [statistics.mean(two) for two in pairwise(seconds[False])]
    slower = [loud / peace for loud, peace in zip(seconds[True], quiet, strict=True)]
    loud_seconds = statistics.median(seconds[True])
    return {
        "lock_ms_p50": shares.p50,
        "lock_ms_p99": shares.p99,
        "lock_ms_max": max(ms for times in locks for one in times for ms in one),
        "locks": sum(len(times) for times in locks),
        "push_seconds": loud_seconds,
        "push_seconds_without_locks": statistics.median(seconds[False]),
        "push_slowdown": statistics.median(slower),
        "push_slowdown_lowest": min(slower),
        "push_slowdown_highest": max(slower),
        "megabytes_per_second": devices * megabytes / loud_seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=24)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--per-process", type=int, default=3, help="simulated devices in one")
    args = parser.parse_args()
    figures = asyncio.run(run(args.devices, args.megabytes, args.seed, args.per_process))
    report("lock_under_push", vars(args), figures)


if __name__ == "__main__":
    main()
