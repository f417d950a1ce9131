"""What an import of a register costs: CPU seconds and memory, for so many rows.

`python -m tests.benchmarks.register --rows 200000 [--schools 20] [--database postgresql]`; the
whole import, then the same again, which writes nothing. Several schools come in one bundle.
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

from central_mdm.contract.register import Imported
from central_mdm.identity.rules import open_school
from central_mdm.joining import ground_at
from central_mdm.platform.ground import Ground
from central_mdm.roster.oneroster.importing import import_region, import_register
from tests import postgres
from tests.benchmarks.report import report
from tests.mdm import Clock
from tests.registers import large, org_of


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def imported(ground: Ground, bundle: Path, schools: int) -> list[Imported]:
    if schools == 1:
        return [await import_register(ground, org_of(0), bundle, dry_run=False)]
    orgs = {org_of(number): org_of(number) for number in range(schools)}
    return list((await import_region(ground, orgs, bundle, dry_run=False)).schools.values())


async def measure(folder: Path, bundle: Path, url: str, schools: int) -> dict[str, Any]:
    async with ground_at(folder, url, Clock()) as ground:
        for number in range(schools):
            await open_school(ground, org_of(number), "School")
        figures: dict[str, Any] = {}
        for turn in ("first", "again"):
            cpu, wall = spent(), time.perf_counter()
            told = await imported(ground, bundle, schools)
            counts = [each for one in told for each in one.counts]
            figures |= {f"{turn}_cpu_seconds": round(spent() - cpu, 1)}
            figures |= {f"{turn}_seconds": round(time.perf_counter() - wall, 1)}
            figures |= {f"{turn}_writes": sum(each.added + each.moved for each in counts)}
        used = resource.getrusage(resource.RUSAGE_SELF)
        return figures | {"rss_max_mb": used.ru_maxrss // 1024}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rows", type=int, default=200_000)
    asked.add_argument("--schools", type=int, default=1)
    asked.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    asked.add_argument("--bundle", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--url", default="", help=argparse.SUPPRESS)
    args = asked.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        if args.bundle:  # a process of its own, so that its memory is the import's alone
            where = (folder / "school", args.bundle, args.url, args.schools)
            print(json.dumps(asyncio.run(measure(*where))))
            return
        rows = large(folder, args.rows, args.schools)
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
            "--schools",
            str(args.schools),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        asked_of = {"rows": rows, "schools": args.schools, "database": args.database}
        report("register", asked_of, json.loads(done.stdout))


if __name__ == "__main__":
    main()
