"""A siege and every listed attack: `python -m tests.attack [--seconds 60] [--only NAME]`.

First hostile clients besiege a real guard on the loopback for so many seconds. Then each attack of
`listed.ATTACKS` is made once, by a process of its own on a network of its own. Prints a table, how
many were withstood as the last words, one JSON object as the last line; ends with 1 where one was
not, or was not made.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from classroom_app.demo.report import percentiles
from tests.attack.ground import ground
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack, Ended, played
from tests.attack.listed import ATTACKS
from tests.attack.siege import Outcome, besiege
from tests.attack.table import row, told
from tests.attack.verdict import faults


async def siege(seconds: float, seed: int) -> tuple[Outcome, bool]:
    with tempfile.TemporaryDirectory(prefix="pupitre-attack-") as folder:
        async with guard_process(Path(folder)) as guard:
            outcome = await besiege(guard, seconds, seed)
            return outcome, guard.lives


def made(attacks: Sequence[Attack]) -> list[Ended]:
    """Make each attack on a fresh ground; tell each as it ends."""
    ends: list[Ended] = []
    for attack in attacks:
        made_in = tempfile.TemporaryDirectory(prefix="pupitre-attack-")
        with made_in as folder, ground(Path(folder)) as machines:
            ends.append(asyncio.run(played(attack, machines)))
        print(row(ends[-1]), flush=True)
    return ends


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of the siege; 0: none")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", action="append", help="the listed attacks of these names")
    args = parser.parse_args()
    wrong: list[str] = []
    figures: dict[str, float] = {"seed": args.seed}
    if args.seconds:
        outcome, lives = asyncio.run(siege(args.seconds, args.seed))
        for attack, times in sorted(outcome.attacks.items()):
            print(f"siege: {attack:20} {times:6} times")
        wrong = faults(outcome, lives=lives)
        figures |= {
            "attacks": outcome.attacks.total(),
            "locks": len(outcome.lock_ms),
            "lock_ms_p50": percentiles(outcome.lock_ms).p50,
            "lock_ms_max": round(max(outcome.lock_ms, default=0.0), 1),
            "megabytes_more": outcome.megabytes_more,
            "descriptors_more": outcome.descriptors_more,
        }
    for fault in wrong:
        print(f"FAULT in the siege: {fault}")
    ends = made([one for one in ATTACKS if not args.only or one.name in args.only])
    print(told(ends, ATTACKS))
    withstood = sum(not end.fault for end in ends)
    figures |= {"listed": len(ATTACKS), "made": len(ends), "withstood": withstood}
    print(json.dumps({"attack": figures}))
    return 1 if wrong or withstood < len(ATTACKS) else 0


if __name__ == "__main__":
    sys.exit(main())
