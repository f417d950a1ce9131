"""A siege of a real guard process: `python -m tests.attack [--seconds 60] [--seed N]`.

Loopback only. Prints what was tried and what it cost, one JSON object as the last line; ends with
1 where the guard let somebody in, lost the lesson's link, failed, or kept what it was sent.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from classroom_app.demo.report import percentiles
from tests.attack.guard import guard_process
from tests.attack.siege import Outcome, besiege
from tests.attack.verdict import faults


async def siege(seconds: float, seed: int) -> tuple[Outcome, bool]:
    with tempfile.TemporaryDirectory(prefix="pupitre-attack-") as folder:
        async with guard_process(Path(folder)) as guard:
            outcome = await besiege(guard, seconds, seed)
            return outcome, guard.lives


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    args = parser.parse_args()
    outcome, lives = asyncio.run(siege(args.seconds, args.seed))
    for attack, times in sorted(outcome.attacks.items()):
        print(f"{attack:20} {times:6} times")
    wrong = faults(outcome, lives=lives)
    for fault in wrong:
        print(f"FAULT {fault}")
    figures = {
        "seed": args.seed,
        "attacks": outcome.attacks.total(),
        "locks": len(outcome.lock_ms),
        "lock_ms_p50": percentiles(outcome.lock_ms).p50,
        "lock_ms_max": round(max(outcome.lock_ms, default=0.0), 1),
        "megabytes_more": outcome.megabytes_more,
        "descriptors_more": outcome.descriptors_more,
    }
    print(json.dumps({"attack": figures}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
