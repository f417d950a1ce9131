"""A siege and every listed attack: `python -m tests.attack [--seconds 30] [--only NAME]`.

First hostile clients besiege a real guard on the loopback for so many seconds. Then each attack of
`listed.ATTACKS` is made once, by a process of its own on a network of its own. Prints a table, how
many were withstood as the last words, one JSON object as the last line; ends with 1 where one was
not, or was not made. After `WHOLE_SECONDS` nothing more is made.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from classroom_app.demo.report import percentiles
from tests.attack.ground import ground
from tests.attack.guard import guard_process
from tests.attack.kinds import Attack, Ended, played
from tests.attack.listed import ATTACKS
from tests.attack.siege import Outcome, besiege
from tests.attack.table import row, told, withstood
from tests.attack.verdict import faults

WHOLE_SECONDS: Final = 810.0


async def siege(seconds: float, seed: int) -> tuple[Outcome, bool]:
    with tempfile.TemporaryDirectory(prefix="pupitre-attack-") as folder:
        async with guard_process(Path(folder)) as guard:
            outcome = await besiege(guard, seconds, seed)
            return outcome, guard.lives


def made(attacks: Sequence[Attack], until: float) -> list[Ended]:
    """Make each attack on a fresh ground, until `monotonic()` says so; tell each as it ends."""
    ends: list[Ended] = []
    for attack in attacks:
        if time.monotonic() > until:
            print(f"no time is left for {attack.name} and what comes after it")
            break
        made_in = tempfile.TemporaryDirectory(prefix="pupitre-attack-")
        with made_in as folder, ground(Path(folder)) as machines:
            ends.append(asyncio.run(played(attack, machines)))
        print(row(ends[-1]), flush=True)
    return ends


def main(asked: Sequence[str] | None = None) -> int:
    """Attack; return 1 where one of the list was not withstood, or was not made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="of the siege; 0: none")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", action="append", help="the listed attacks of these names")
    args = parser.parse_args(asked)
    began = time.monotonic()
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
    wanted = [one for one in ATTACKS if not args.only or one.name in args.only]
    ends = made(wanted, began + WHOLE_SECONDS)
    print(told(ends, ATTACKS))
    held = withstood(ends)
    figures |= {"listed": len(ATTACKS), "made": len(ends), "withstood": held}
    figures["seconds"] = round(time.monotonic() - began)
    print(json.dumps({"attack": figures}))
    return 1 if wrong or held < len(ATTACKS) else 0


if __name__ == "__main__":
    sys.exit(main())
