"""All edges, by bundles, and all state machines, each in a process: `python -m tests.fuzz`.

`--seconds` is for each of these; as many run at once as there are cores. Prints one JSON object as
its last line; ends with 1 where something was found: an edge's input then lies in `corpus/`, where
every run of the tests tries it again, a machine's seed is printed. Ctrl+C ends it with what it has.
"""

import argparse
import asyncio
import json
import math
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz.bundles import BUNDLES, split
from tests.fuzz.edges import EDGES
from tests.fuzz.tries import CORPUS
from tests.machines import machines

STARTING_SECONDS: Final = 60.0
SHRINKING_SECONDS: Final = 360.0
"""Hypothesis makes an example smaller for five minutes at most."""
STOPPED: Final = 128 + signal.SIGINT
_HELD: Final = re.compile(r"^held (\d+) rounds of (\d+) examples", re.MULTILINE)


class End(NamedTuple):
    """What came of a bundle or a machine. `tried`: inputs or examples; `found`: "" for nothing."""

    name: str
    tried: int
    told: str
    found: str


async def child(module: str, *args: object, seconds: float, folder: str) -> tuple[int, str]:
    """Return what the process ended with and all that it said; it never outlives this call."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *map(str, args)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "TMPDIR": folder},
        start_new_session=True,  # the terminal's Ctrl+C is for us, and we end it
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate()
        return process.returncode or 0, said.decode(errors="replace")
    except TimeoutError:
        return 1, f"still not over after {seconds:.0f} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def keep_what_hung(edges: tuple[str, ...], folder: str) -> None:
    """Lay inputs that took too long or too much memory beside what was found at their edge."""
    for hung in (*Path(folder).glob("timeout-*"), *Path(folder).glob("oom-*")):
        edge, raw = split(edges, hung.read_bytes())
        path = CORPUS / edge / f"found-{hung.name}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(raw)


async def edges_tried(name: str, edges: tuple[str, ...], seconds: int, seed: int) -> End:
    limit = seconds + STARTING_SECONDS
    with tempfile.TemporaryDirectory(prefix="pupitre-fuzz-") as folder:
        kept = tempfile.mkdtemp(dir=folder)
        args = (",".join(edges), seconds, seed, kept)
        code, said = await child("tests.fuzz.guided", *args, seconds=limit, folder=folder)
        keep_what_hung(edges, folder)
    found = next((line for line in said.splitlines() if line.startswith("FOUND")), "")
    tried = re.search(r"number_of_executed_units: (\d+)", said)
    reached = re.findall(r"\bcov: (\d+)", said)
    if not found and (code or not tried):
        found = f"FOUND {name}: {said[-2000:] or 'nothing was tried'}"
    told = f"tried at {len(edges)} edges, {(reached or [0])[-1]} places of ours reached"
    return End(name, int(tried[1]) if tried else 0, told, found)


async def machine_run(name: str, seconds: int, seed: int) -> End:
    with tempfile.TemporaryDirectory(prefix="pupitre-fuzz-") as folder:
        limit = seconds + STARTING_SECONDS + SHRINKING_SECONDS
        args = (name, seconds, seed)
        code, said = await child("tests.fuzz.machine", *args, seconds=limit, folder=folder)
    held = _HELD.search(said)
    found = "" if held and not code else said[-4000:] or f"FOUND {name}: ended with {code}"
    rounds, examples = (int(held[1]), int(held[2])) if held else (0, 0)
    return End(name, rounds * examples, f"examples in {rounds} rounds", found)


async def run_all(
    bundles: Mapping[str, tuple[str, ...]],
    named: Sequence[str],
    seconds: int,
    seed: int,
    ends: list[End],
) -> None:
    """Add each end to `ends`, and print it, as it comes."""
    turns = asyncio.Semaphore(os.cpu_count() or 1)

    async def turn(name: str, edges: tuple[str, ...] = ()) -> None:
        async with turns:
            if edges:
                end = await edges_tried(name, edges, seconds, seed)
            else:
                end = await machine_run(name, seconds, seed)
        ends.append(end)
        print(
            f"{len(ends):3}/{len(bundles) + len(named)} {name:30} {end.tried:9} {end.told}",
            flush=True,
        )
        if end.found:
            print(end.found, flush=True)

    if whole_task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole_task.cancel)
    async with asyncio.TaskGroup() as group:
        for name in named:
            group.create_task(turn(name), name=name)
        for name, edges in bundles.items():
            group.create_task(turn(name, edges), name=name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for each bundle and machine")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 2**31)
    parser.add_argument("--edge", choices=sorted(EDGES), action="append", default=[])
    parser.add_argument("--bundle", choices=sorted(BUNDLES), action="append", default=[])
    parser.add_argument("--machine", choices=sorted(machines()), action="append", default=[])
    args = parser.parse_args()
    seconds: int = max(1, args.seconds)
    chosen = {edge: (edge,) for edge in args.edge} | {name: BUNDLES[name] for name in args.bundle}
    named: list[str] = args.machine
    if not (chosen or named):
        chosen, named = BUNDLES, list(machines())
    workers, count = os.cpu_count() or 1, len(chosen) + len(named)
    minutes = math.ceil(math.ceil(count / workers) * seconds / 60)
    print(
        f"{sum(map(len, chosen.values()))} edges in {len(chosen)} bundles and {len(named)} state "
        f"machines, {seconds} s each, "
        f"{workers} at once: about {minutes // 60} h {minutes % 60} min; seed {args.seed}",
        flush=True,
    )
    ends: list[End] = []
    stopped = False
    try:
        asyncio.run(run_all(chosen, named, seconds, args.seed, ends))
    except (KeyboardInterrupt, asyncio.CancelledError):
        stopped = True
        print(f"stopped: {count - len(ends)} of {count} are not over", flush=True)
    wrong = [end.name for end in ends if end.found]
    figures = {"seed": args.seed, "seconds_each": seconds, "ended": len(ends), "of": count}
    tries = sum(end.tried for end in ends)
    print(json.dumps({"fuzz": {**figures, "tries": tries, "found": wrong}}))
    return STOPPED if stopped else 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
