"""All edges in turn, until time is up: `python -m tests.fuzz [--seconds 60] [--seed N]`.

Prints one JSON object as its last line. Ends with 1 at the first finding; the same seed finds it
again, and its line says which try it was.
"""

import argparse
import json
import sys
import time

from tests.fuzz.edges import EDGES
from tests.fuzz.tries import Counts, Found, memory_watched, tried

BATCH = 100


def fuzz(edges: list[str], seed: int, seconds: float) -> dict[str, Counts]:
    """Try each edge in batches until `seconds` are over. Raises `Found`."""
    counts = {edge: Counts() for edge in edges}
    until, first = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for edge, count in counts.items():
            for number in range(first, first + BATCH):
                count.note(tried(edge, seed, number))
        first += BATCH
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--edge", choices=sorted(EDGES), action="append")
    args = parser.parse_args()
    try:
        with memory_watched():
            counts = fuzz(args.edge or list(EDGES), args.seed, args.seconds)
    except Found as found:
        print(f"FOUND {found}")
        return 1
    for edge, count in counts.items():
        print(f"{edge:22} {count.tried:8} tried, {count.accepted:7} of them read")
    tries = sum(count.tried for count in counts.values())
    print(json.dumps({"fuzz": {"seed": args.seed, "seconds": args.seconds, "tries": tries}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
