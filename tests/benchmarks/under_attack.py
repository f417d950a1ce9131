"""A lesson goes on under each flood: `python -m tests.benchmarks.under_attack --seconds 20`.

For each flood a real guard with somebody at it, a teacher's real app (no window) that locks and
frees without a pause, and the attacker, which makes the attack again and again, three at once, each
on a machine of its own on one switch. A lock is timed from the teacher's click to the receipt on
the tile. The app has its `rss`, and the guard has: what they take more at the flood's end than at
its beginning. `picture_gap_ms`: the longest time without a new picture from the device, which has
five a second to give. `turn_ms_max` is the longest that Qt's loop in the app was held up.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from classroom_app.demo.report import percentiles
from tests.attack.ground import DEVICE, ground
from tests.attack.guard import guard_process
from tests.attack.seat import sitting
from tests.attack.wall import HONEST, wall
from tests.benchmarks.report import report

FLOODS: Final = {
    "connections": "a_crowd",
    "half_open": "half_open",
    "slow_loris": "slow_bytes",
    "mdns_records": "mdns_flood",
    "frames": "frames_flood",
    "busy_teacher": "a_busy_teacher",
}


async def flooded(name: str, attack: str, seconds: float, folder: Path) -> dict[str, float]:
    """Return the figures of one flood. Raises `Owed` where the lesson did not go on."""
    with ground(folder) as machines:
        within = machines.device.command()
        async with (
            guard_process(folder, within, address=DEVICE) as guard,
            sitting(machines, guard.folder),
            wall(machines, guard) as app,
        ):
            before = guard.megabytes()
            await app.do("locks")
            seen = await machines.hostile(attack, guard, seconds=seconds)
            more = guard.megabytes() - before
        shown = app.shown
        sys.stderr.write(f"{name}: {seen}; {len(shown.lock_ms)} locks\n")
        times = percentiles(shown.lock_ms)
        return {
            "lock_ms_p50": times.p50,
            "lock_ms_p99": times.p99,
            "locks": len(shown.lock_ms),
            "pictures": shown.pictures.get(HONEST, 0),
            "picture_gap_ms": shown.picture_gap_ms_max,
            "guard_rss_growth_mb": more,
            "app_rss_growth_mb": shown.megabytes_more,
            "turn_ms_max": shown.turn_ms_max,
        }


def run(seconds: float, only: list[str] | None) -> dict[str, float]:
    """Make every flood, or those asked for; the worst of each figure stands first."""
    figures: dict[str, float] = {}
    for name, attack in FLOODS.items():
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory(prefix="pupitre-flood-") as folder:
            told = asyncio.run(flooded(name, attack, seconds, Path(folder)))
        figures |= {f"{name}_{figure}": each for figure, each in told.items()}

    def worst(*ends: str) -> float:
        return max(each for name, each in figures.items() if name.endswith(ends))

    return {
        "lock_ms_p99_worst": worst("lock_ms_p99"),
        "rss_growth_mb_worst": worst("rss_growth_mb"),
        "picture_gap_ms_worst": worst("picture_gap_ms"),
        "turn_ms_worst": worst("turn_ms_max"),
        **figures,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each flood")
    parser.add_argument("--only", action="append", choices=FLOODS)
    args = parser.parse_args()
    report("under_attack", vars(args), run(args.seconds, args.only))


if __name__ == "__main__":
    main()
