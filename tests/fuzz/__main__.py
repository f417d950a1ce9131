"""All edges, each in a process of its own, guided by coverage: `python -m tests.fuzz`.

`--seconds` is for all of them together. Prints one JSON object as its last line; ends with 1 where
something was found: its input then lies in `corpus/`, where every run of the tests tries it again.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.edges import EDGES
from tests.fuzz.tries import CORPUS

STARTING_SECONDS = 60.0


class Guided(NamedTuple):
    edge: str
    tried: int
    reached: int
    found: str


def guided(edge: str, seconds: int, seed: int) -> Guided:
    """Run the edge's process; what it found, or why it failed, is in `found`."""
    with tempfile.TemporaryDirectory(prefix="pupitre-fuzz-") as folder:
        kept, corpus = Path(folder, "kept"), CORPUS / edge
        kept.mkdir()
        corpus.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.fuzz.guided"),
                *(edge, str(seconds), str(seed), str(kept), str(corpus)),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + STARTING_SECONDS,
            check=False,
        )
    told = done.stdout + done.stderr
    found = next((line for line in told.splitlines() if line.startswith("FOUND")), "")
    if done.returncode and not found:
        found = f"FOUND {edge}: {told[-2000:]}"
    tried = re.search(r"number_of_executed_units: (\d+)", told)
    reached = re.findall(r"\bcov: (\d+)", told)
    return Guided(edge, int(tried[1]) if tried else 0, int((reached or [0])[-1]), found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 2**31)
    parser.add_argument("--edge", choices=sorted(EDGES), action="append")
    args = parser.parse_args()
    edges: list[str] = args.edge or list(EDGES)
    workers = os.cpu_count() or 1
    seconds = max(1, int(args.seconds * workers / len(edges)))
    with ThreadPoolExecutor(workers) as pool:
        ends = list(pool.map(partial(guided, seconds=seconds, seed=args.seed), edges))
    for end in ends:
        print(f"{end.edge:22} {end.tried:8} tried, {end.reached:5} places of ours reached")
        if end.found or not end.tried:
            print(end.found or f"FOUND {end.edge}: nothing was tried")
    wrong = sum(bool(end.found) or not end.tried for end in ends)
    figures = {"seed": args.seed, "seconds_an_edge": seconds, "edges": len(ends), "found": wrong}
    print(json.dumps({"fuzz": {**figures, "tries": sum(end.tried for end in ends)}}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
