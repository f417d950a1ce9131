"""One school on one small machine: how soon it answers, what memory it takes, how it checks in.

`python -m tests.benchmarks.embedded [--devices 2000] [--seconds 180]`. `pupitre-mdm serve` on
SQLite is a process of its own, its database made before.

- `ready_seconds`: from the start of the process to the answer to a check-in that this program asks
  for as soon as the port is told; the median of five starts, and the worst of them.
- A load's school (`central_mdm.load`) has so many devices, each with its own key, which have come
  once. Then each checks in once a minute at its own second, each time on a connection of its own,
  one in twenty with another inventory. `checkin_ms_…` runs from the moment a check-in is due, so
  what waits counts.
- `rss_mb` is the most that all of its processes took, looked at each second.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from central_mdm.joining import ground_at
from central_mdm.load.running import check_ins, come_up
from central_mdm.load.school import LoadSchool, make_school
from central_mdm.load.tally import OK, Tally
from central_mdm.load.target import loopback
from central_mdm.load.wire import Lines
from tests.benchmarks.cost import cpu_seconds, family, resident_megabytes
from tests.benchmarks.report import report
from tests.benchmarks.served import Running, listening, make_sample, served

STARTS: Final = 5
CYCLE_SECONDS: Final = 60


async def enrolled(folder: Path, count: int) -> LoadSchool:
    """Make so many devices, and let each come once."""
    async with ground_at(folder) as ground:
        made = await make_school(ground, "load-embedded", count, 0)
    with listening(folder) as (url, _):
        await come_up(await lines_to(url), made)
    return made


async def lines_to(url: str) -> Lines:
    return Lines(await loopback(url), fresh=True)


async def day(running: Running, made: LoadSchool, seconds: int) -> tuple[Tally, float]:
    """Let each device check in once a minute for so long; return also the most memory taken."""
    most = 0.0

    async def looks() -> None:
        nonlocal most
        while True:
            most = max(most, sum(map(resident_megabytes, family(running.pid))))
            await asyncio.sleep(1)

    lines = await lines_to(running.url)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(looks())
        tally = await check_ins(lines, made, len(made.devices) / CYCLE_SECONDS, seconds)
        looking.cancel()
    return tally, most


async def comes(url: str, made: LoadSchool) -> bool:
    answer = await made.devices[0].check_in(await lines_to(url))
    return answer.status == OK


def ready_seconds(folder: Path, made: LoadSchool) -> float:
    """Start a server; return the seconds until a check-in is answered."""
    command = [sys.executable, "-m", "central_mdm", "serve", "--folder", str(folder)]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        try:
            url = json.loads(process.stdout.readline())["listening"]
            assert asyncio.run(comes(url, made))
            return time.perf_counter() - begun
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description="One school on one small machine.")
    parser.add_argument("--devices", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=180)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "school")
        make_sample(folder)
        made = asyncio.run(enrolled(folder, args.devices))
        starts = [ready_seconds(folder, made) for _ in range(STARTS)]
        with served(folder) as running:
            begun = cpu_seconds(running.pid)
            tally, most = asyncio.run(day(running, made, args.seconds))
            cost = cpu_seconds(running.pid) - begun
    found = tally.figures(args.seconds)
    figures = {
        "ready_seconds": statistics.median(starts),
        "ready_seconds_worst": max(starts),
        "rss_mb": most,
        "checkin_ms_p50": found.p50_ms,
        "checkin_ms_p99": found.p99_ms,
        "checkins": found.sent,
        "failed": found.sent - found.accepted,
        "mdm_cpu_ms_per_checkin": cost / found.sent * 1000,
    }
    report("embedded", vars(args), figures)


if __name__ == "__main__":
    main()
