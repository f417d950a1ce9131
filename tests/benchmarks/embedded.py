"""One school on one small machine: how soon it answers, what memory it takes, how it checks in.

`python -m tests.benchmarks.embedded [--devices 2000] [--seconds 180]`. `pupitre-mdm serve` on
SQLite is a process of its own, its database made before.

- `ready_seconds`: from the start of the process to the answer to a check-in that this program asks
  for as soon as the port is told; the median of five starts, and the worst of them.
- Devices are enrolled by the API's own rules, each with its own key and token, then each checks in
  once a minute at its own second, each time on a connection of its own, one in twenty with another
  inventory. `checkin_ms_…` runs from the moment a check-in is due, so what waits counts.
- `rss_mb` is the most that all of its processes took, looked at each second.
"""

import argparse
import asyncio
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from central_mdm.contract.fleet import Enrol, Inventory
from central_mdm.fleet.enrolment import Code, enrol, make_code
from central_mdm.joining import ground_at
from tests.benchmarks.cost import cpu_seconds, family, resident_megabytes
from tests.benchmarks.report import report
from tests.benchmarks.served import Running, make_sample, served
from tests.mdm import new_request

STARTS = 5
CYCLE_SECONDS = 60


class Found(Struct):
    """What the devices saw."""

    seconds: list[float]
    rss: float = 0.0
    failed: int = 0


async def enrol_all(folder: Path, count: int) -> list[str]:
    """Enrol so many devices; return their tokens."""
    school = json.loads((folder / "sample.json").read_text())["school"]
    async with ground_at(folder) as ground:
        code = Code("5B", ground.clock() + 3600, count)
        async with ground.database.writing(school) as connection:
            await make_code(connection, school, "BENCHMARK123", code)
        asked = [Enrol("BENCHMARK123", new_request(), Inventory("laptop")) for _ in range(count)]
        return [(await enrol(ground, each)).token for each in asked]


def request(token: str, number: int) -> bytes:
    body = json.dumps({"inventory_hash": ""})
    if number % 20 == 0:
        told = {"inventory_hash": f"{number:064x}", "inventory": {"kind": "laptop"}}
        body = json.dumps(told)
    return (
        f"POST /api/check-in HTTP/1.1\r\nHost: mdm\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    ).encode()


async def check_in(running: Running, token: str, number: int) -> bool:
    """Check in once; return whether it was answered."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request(token, number))
        answer = await reader.read()
        return answer.startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


async def day(running: Running, tokens: Sequence[str], seconds: int) -> Found:
    """Let each device check in once a minute for so long."""
    found = Found([])
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def one(due: float, number: int) -> None:
        try:
            answered = await check_in(running, tokens[number % len(tokens)], number)
        except OSError:
            answered = False
        found.failed += not answered
        found.seconds.append(loop.time() - due)

    async def looks() -> None:
        while True:
            found.rss = max(found.rss, sum(map(resident_megabytes, family(running.pid))))
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(looks())
        async with asyncio.TaskGroup() as devices:
            for number in range(len(tokens) * seconds // CYCLE_SECONDS):
                due = begun + number * CYCLE_SECONDS / len(tokens)
                await asyncio.sleep(max(0.0, due - loop.time()))
                devices.create_task(one(due, number))
        looking.cancel()
    return found


def ready_seconds(folder: Path, token: str) -> float:
    """Start a server; return the seconds until a check-in is answered."""
    command = [sys.executable, "-m", "central_mdm", "serve", "--folder", str(folder)]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        try:
            url = json.loads(process.stdout.readline())["listening"]
            running = Running(url, process.pid, {})
            assert asyncio.run(check_in(running, token, 1))
            return time.perf_counter() - begun
        finally:
            process.terminate()


def part(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def main() -> None:
    made = argparse.ArgumentParser(description="One school on one small machine.")
    made.add_argument("--devices", type=int, default=2000)
    made.add_argument("--seconds", type=int, default=180)
    args = made.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "school")
        make_sample(folder)
        tokens = asyncio.run(enrol_all(folder, args.devices))
        starts = [ready_seconds(folder, tokens[0]) for _ in range(STARTS)]
        with served(folder) as running:
            begun = cpu_seconds(running.pid)
            found = asyncio.run(day(running, tokens, args.seconds))
            cost = cpu_seconds(running.pid) - begun
    figures = {
        "ready_seconds": statistics.median(starts),
        "ready_seconds_worst": max(starts),
        "rss_mb": found.rss,
        "checkin_ms_p50": part(found.seconds, 0.5) * 1000,
        "checkin_ms_p99": part(found.seconds, 0.99) * 1000,
        "checkins": len(found.seconds),
        "failed": found.failed,
        "mdm_cpu_ms_per_checkin": cost / len(found.seconds) * 1000,
    }
    report("embedded", vars(args), figures)


if __name__ == "__main__":
    main()
