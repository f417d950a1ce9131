"""`python -m tests.histories`: so many histories, from a seed on; one JSON line last.

`--plant NAME` puts a bug in and wants it found; `--seed` of a failed one with `--count 1` and
`HISTORIES_LOUD=1` in the environment tells all that happened.
"""

import argparse
import json
import multiprocessing
import os
import time
from functools import partial

from tests.histories.planted import PLANTS, finds
from tests.histories.playing import some


def main() -> int:
    said = argparse.ArgumentParser(prog="python -m tests.histories")
    said.add_argument("--count", type=int, default=1000)
    said.add_argument("--seed", type=int, default=0)
    said.add_argument("--workers", type=int, default=2)
    said.add_argument("--plant", choices=sorted(PLANTS), default="")
    args = said.parse_args()
    begun = time.monotonic()
    seeds = range(args.seed, args.seed + args.count)
    shares = [seeds[number :: args.workers] for number in range(args.workers)]
    # Sets of words iterate alike in each worker, so that a seed is the same history everywhere.
    os.environ["PYTHONHASHSEED"] = "0"
    with multiprocessing.get_context("spawn").Pool(args.workers) as workers:
        play = partial(some, plant=args.plant)
        told = [one for each in workers.map(play, shares, chunksize=1) for one in each]
    failed = sorted(one["seed"] for one in told if one["faults"])
    found = bool(args.plant) and any(finds(args.plant, one["faults"]) for one in told)
    figures = {
        "histories": len(told),
        "failed": failed,
        "seconds": round(time.monotonic() - begun, 1),
        "cpu_seconds_each": round(sum(one["cpu_seconds"] for one in told) / max(1, len(told)), 2),
        "crashes": sum(one["crashes"] for one in told),
        "requests": sum(one["requests"] for one in told),
        "points": sum(one["points"] for one in told),
    }
    good = found if args.plant else not failed and len(told) == args.count
    asked = {name: str(value) for name, value in vars(args).items()}
    print(json.dumps({"benchmark": "histories", "args": asked, "figures": figures}))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
