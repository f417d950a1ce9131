"""What a guard owes in a siege."""

from typing import Final

from tests.attack.siege import DESCRIPTORS_MAX, Outcome

LOCK_MS_MAX: Final = 3000.0
"""A device that is shouted at from four sides, on a busy machine: late, but within a breath."""
MEGABYTES_MAX: Final = 150.0
"""Half-open connections are given back to the allocator, not to the system. Measured: it levels off
at 76 MB within a minute of all attacks, at 98 of crowds alone; without a bound it would not."""


def faults(outcome: Outcome, *, lives: bool) -> list[str]:
    """Return what was not as it should be, in words; nothing: the guard stood."""
    worst = max(outcome.lock_ms, default=0.0)
    owed = {
        "the guard died": not lives,
        f"{outcome.let_in[:3]}": bool(outcome.let_in),
        f"the lesson's link was lost {outcome.links_lost} times": outcome.links_lost > 0,
        "no lock was tried": not outcome.lock_ms,
        f"a lock took {worst:.0f} ms": worst > LOCK_MS_MAX,
        f"{outcome.megabytes_more} MB were kept": outcome.megabytes_more > MEGABYTES_MAX,
        f"{outcome.descriptors_more} descriptors": outcome.descriptors_more > DESCRIPTORS_MAX,
        f"its log tells of bugs: {outcome.bugs[:3]}": bool(outcome.bugs),
    }
    return [words for words, so in owed.items() if so]
