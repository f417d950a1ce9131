"""What an import of a register costs: CPU seconds and memory, for so many rows.

`python -m tests.benchmarks.register --rows 200000 [--database postgresql]`; the whole import, then
the same again, which writes nothing.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from central_mdm.identity.rules import open_school
from central_mdm.joining import ground_at
from central_mdm.roster.oneroster.importing import import_register
from tests import postgres
from tests.mdm import Clock
from tests.registers import large


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(folder: Path, bundle: Path, url: str) -> dict[str, Any]:
    async with ground_at(folder, url, Clock()) as ground:
        await open_school(ground, "school", "School")
        figures: dict[str, Any] = {}
        for turn in ("first", "again"):
            cpu, wall = spent(), time.perf_counter()
            told = await import_register(ground, "school", bundle, dry_run=False)
            figures |= {f"{turn}_cpu_seconds": round(spent() - cpu, 1)}
            figures |= {f"{turn}_seconds": round(time.perf_counter() - wall, 1)}
            figures |= {f"{turn}_writes": sum(each.added + each.moved for each in told.counts)}
        used = resource.getrusage(resource.RUSAGE_SELF)
        return figures | {"rss_max_mb": used.ru_maxrss // 1024}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=200_000)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked.add_argument("--bundle", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--url", default="", help=argparse.SUPPRESS)
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        if args.bundle:  # a process of its own, so that its memory is the import's alone
            print(json.dumps(asyncio.run(measure(folder / "school", args.bundle, args.url))))
            return
        rows = large(folder, args.rows)
        url = ""
        if args.database == "postgresql":
            url = stack.enter_context(
                postgres.database(stack.enter_context(postgres.cluster()), "b")
            )
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.register",
            "--bundle",
            name,
            "--url",
            url,
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        told = {"benchmark": "register", "args": {"rows": rows, "database": args.database}}
        print(json.dumps(told | {"figures": json.loads(done.stdout)}))


if __name__ == "__main__":
    main()
